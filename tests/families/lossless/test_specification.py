"""A second decoder, in plain Python as appendix B of docs/FORMAT.md says it, reads what the codec writes."""

import re

import numpy as np
import pytest
from numpy.typing import NDArray

from helpers.lossless import random_codec, random_tensors
from helpers.paths import ROOT
from helpers.pictures import noise_image
from lcomp.entropy.latents import LatentDecoder
from lcomp.families.lossless import passes
from lcomp.zoo.layers import EXACT

Integers = NDArray[np.int64]
Offsets = list[tuple[int, int]]

BANDS = ((1, 1), (0, 1), (1, 0))


def documented_offsets(band: int, kind: str) -> Offsets:
    """The offsets of a row of the table in B.3."""
    row = re.search(rf"\| {band}, {kind} \| (.*) \|", (ROOT / "docs" / "FORMAT.md").read_text(encoding="utf-8"))
    assert row is not None
    return [(int(y), int(x)) for y, x in re.findall(r"\((-?\d),(-?\d)\)", row[1])]


def documented_steps() -> list[int]:
    """The logarithms of steps in B.7."""
    row = re.search(r"step of N: ([\d, \n]*)\.", (ROOT / "docs" / "FORMAT.md").read_text(encoding="utf-8"))
    assert row is not None
    return [int(number) for number in row[1].split(",")]


def mirrored(place: int, size: int) -> int:
    return abs(place) if place < size else 2 * (size - 1) - place


class SecondDecoder:
    """Decodes one tile."""

    def __init__(
        self, decoder: LatentDecoder, height: int, width: int, planes: int, fitted_from: int, max_error: int
    ) -> None:
        self.decoder, self.fitted, self.max_error = decoder, height * width >= fitted_from, max_error
        tensors = {name.removeprefix(EXACT): tensor for name, tensor in random_tensors().items()}
        self.tensors = {name: tensor.numpy().astype(np.int64) for name, tensor in tensors.items()}
        self.values, self.residuals = (np.zeros((planes, height, width), np.int64) for _ in range(2))
        self.own = [documented_offsets(band, "OWN") for band in range(3)]
        self.other = [documented_offsets(band, "OTHER") for band in range(3)]

    def symbols(self, tables: Integers) -> Integers:
        """A group of symbols (A.7)."""
        order = np.argsort(tables, kind="stable")
        found = np.empty(len(tables), np.int64)
        found[order] = self.decoder.decode(np.bincount(tables, minlength=577).astype(np.int32))
        return found

    def companded(self, value: int) -> int:
        magnitude = int(self.tensors["companding"][min(abs(value), 8191)])
        return magnitude if value > 0 else -magnitude

    def coefficients(self, scale: int, band: int, plane: int) -> Integers:
        sizes = [16, 21, 26] * 15
        if self.fitted and scale < 3:
            return self.symbols(np.full(sizes[plane], 564))
        place = 9 * scale + 3 * band + plane
        return self.tensors["coefficients"][sum(sizes[:place]) : sum(sizes[: place + 1])]

    def around(self, canvas: Integers, row: int, column: int, offsets: Offsets) -> list[int]:
        height, width = canvas.shape
        return [int(canvas[mirrored(row + y, height), mirrored(column + x, width)]) for y, x in offsets]

    def decode(self) -> Integers:
        planes, height, width = self.values.shape
        self.colours = int(self.symbols(np.array([484]))[0])
        scales = 0
        while scales < 5 and min(-(-height // 2**scales), -(-width // 2**scales)) >= 8:
            scales += 1
        base, residuals = (canvas[:, :: 2**scales, :: 2**scales] for canvas in (self.values, self.residuals))
        symbols = self.symbols(np.full(base.size, 572)).reshape(base.shape)
        residuals[:] = 16 * symbols
        base[:] = symbols
        base[0] += 128
        for scale in reversed(range(scales)):
            for band in range(3):
                for plane in range(planes):
                    self.run_pass(scale, band, plane)
        return self.values

    def run_pass(self, scale: int, band: int, plane: int) -> None:
        values, residuals = (canvas[:, :: 2**scale, :: 2**scale] for canvas in (self.values, self.residuals))
        coefficients = self.coefficients(scale, band, plane)
        lowest = 0 if plane == 0 else -255
        first_row, first_column = BANDS[band]
        places = [
            (row, column)
            for row in range(first_row, values.shape[1], 2)
            for column in range(first_column, values.shape[2], 2)
        ]
        predictions, outputs = [], []
        for row, column in places:
            prediction = self.predict(values, row, column, band, plane, coefficients)
            predictions.append(min(max(prediction, 16 * lowest), 16 * 255))
            x = self.features(values, residuals, row, column, band, plane, predictions[-1])
            outputs.append(self.network(x, scale, band, plane))
        offset = int(self.symbols(np.array([484]))[0]) if self.fitted and scale < 3 else 0
        coded = [self.parameters(*found, offset) for found in zip(outputs, predictions, strict=True)]
        symbols = self.symbols(np.array([table for _, _, table in coded]))
        for place, prediction, (centre, sign, _), symbol in zip(places, predictions, coded, symbols, strict=True):
            values[(plane, *place)] = min(max(centre + sign * symbol * (2 * self.max_error + 1), lowest), 255)
            residuals[(plane, *place)] = 16 * values[(plane, *place)] - prediction

    def predict(self, values: Integers, row: int, column: int, band: int, plane: int, coefficients: Integers) -> int:
        own = self.around(values[plane], row, column, self.own[band])
        mean = sum(own[:4])
        taps = [4 * value - mean for value in own]
        for earlier in range(plane):
            close = sum(self.around(values[earlier], row, column, self.own[band][:4]))
            taps += [4 * v - close for v in self.around(values[earlier], row, column, self.other[band][:5])]
        return (int(coefficients @ np.array(taps)) + 256 * mean + 32) >> 6

    def features(
        self, values: Integers, residuals: Integers, row: int, column: int, band: int, plane: int, prediction: int
    ) -> list[int]:
        near = self.around(values[plane], row, column, self.own[band][:12])
        found = [self.companded(16 * value - prediction) for value in near]
        own = self.around(residuals[plane], row, column, self.own[band])
        found += [self.companded(value) for value in own]
        coarse = np.abs(residuals[plane, ::2, ::2])
        i, j = row // 2, column // 2
        rows = np.clip(np.arange(i - 3, i + 5), 0, coarse.shape[0] - 1)
        columns = np.clip(np.arange(j - 3, j + 5), 0, coarse.shape[1] - 1)
        sizes = [abs(value) for value in own]
        texture = int(coarse[rows][:, columns].sum())
        found += [self.companded(v) for v in (sum(sizes[:4]) >> 2, sum(sizes) >> 4, texture >> 6)]
        found.append(8 * (((prediction >> 4) - (0 if plane else 128) + 16) >> 5))
        for earlier in range(plane):
            there = self.around(residuals[earlier], row, column, self.other[band])
            sizes = [abs(value) for value in there]
            found += [self.companded(value) for value in there]
            found += [self.companded(sum(sizes[1:5]) >> 2), self.companded(sum(sizes[1:]) >> 3)]
        return found

    def network(self, features: list[int], scale: int, band: int, plane: int) -> Integers:
        def tensor(name: str) -> Integers:
            return self.tensors[f"{band}.{plane}.{name}"]

        def act(v: Integers) -> Integers:
            return np.where(v > 0, (v + 32) >> 6, (v + 256) >> 9).clip(-127, 127)

        x = np.array(features)
        h = act(
            tensor("enter.weight") @ x + tensor("enter.bias")[20 * self.colours + 5 * min(self.max_error, 3) + scale]
        )
        h = act(tensor("middle.weight") @ h + tensor("middle.bias"))
        return tensor("leave.weight") @ np.concatenate([h, x]) + tensor("leave.bias")

    def parameters(self, outputs: Integers, prediction: int, offset: int) -> tuple[int, int, int]:
        def number_of(scale: int) -> int:
            return min(max((4 * (scale + 4096) + 512) >> 10, 0), 47)

        shift, scale, tail = map(int, outputs)
        scale += 128 * offset
        moved = min(max(shift, -4096), 4096) * int(self.tensors["scales"][number_of(scale)])
        mean = prediction + ((moved + 2**17) >> 18)
        centre = (mean + 8) >> 4
        beside = mean - 16 * centre
        phase, sign = (abs(beside) // (2 * self.max_error + 1) + 1) >> 1, -1 if beside < 0 else 1
        number = number_of(scale - documented_steps()[self.max_error])
        wide = min(max((tail + 3072) // 1536, 0), 3)
        table = 1 + 5 * (4 * number + wide) + phase if number < 24 else 481 + 4 * (number - 24) + wide
        return centre, sign, table


@pytest.mark.parametrize(("height", "width", "fitted_from"), [(5, 30, 2**15), (17, 16, 2**15), (19, 34, 300)])
@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("max_error", [0, 2])
def test_the_format_says_how_tiles_are_decoded(
    height: int, width: int, fitted_from: int, grey: bool, max_error: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passes, "FITTED_TILE", fitted_from)
    image = noise_image(width, height, noise=6)
    pixels = np.asarray(image.convert("L") if grey else image)
    codec = random_codec()
    encoded = codec.encode(pixels, 0, max_error)
    second = SecondDecoder(codec.coder.decoder(encoded.stream), height, width, 1 if grey else 3, fitted_from, max_error)
    found = second.decode()
    second.decoder.finish()
    if not grey:
        first, orange, bluish = found
        middle = first - (bluish >> 1)
        green, blue = bluish + middle, middle - (orange >> 1)
        red = blue + orange
        if second.colours == 1:
            red, green, blue = first + orange, first, first + bluish
        found = np.stack([red, green, blue], 2).clip(0, 255)
    assert np.array_equal(found if not grey else found[0], codec.decode(encoded, height, width, grey, 0, max_error))
    assert np.abs(codec.decode(encoded, height, width, grey, 0, max_error).astype(int) - pixels).max() <= max_error
