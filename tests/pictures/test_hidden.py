"""Colours that nobody sees cost nothing, and count for nothing."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

import lcomp
from helpers.pictures import noise_image
from lcomp.format.container import Mode
from lcomp.options import EncodeOptions
from lcomp.pictures import hidden
from lcomp.pictures.hidden import fill_hidden, over_grey, repeating_visible, without_hidden
from lcomp.pictures.reading import Picture, to_picture

RANDOM = np.random.default_rng(5)
ROWS, COLUMNS = np.mgrid[:96, :130]
DISC = np.clip(8 * (40 - np.hypot(ROWS - 48, COLUMNS - 60)), 0, 255).astype(np.uint8)
"""An alpha plane with a soft edge."""
NOISE = RANDOM.integers(0, 256, (96, 130, 3), dtype=np.uint8)


def sticker(hidden: np.ndarray, mode: str = "RGBA") -> Image.Image:
    """A light disc with other colours where it is transparent."""
    pixels = np.where(DISC[..., None] > 0, np.uint8([250, 240, 230]), hidden).astype(np.uint8)
    image = Image.fromarray(pixels).convert(mode[:-1])
    image.putalpha(Image.fromarray(DISC))
    return image


@given(
    hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=20), elements=st.sampled_from((0, 1, 255)))
)
def test_what_is_visible_stays_and_what_is_hidden_does_not_count(alpha: np.ndarray) -> None:
    first, second = RANDOM.integers(0, 256, (2, *alpha.shape, 3), dtype=np.uint8)
    second[alpha > 0] = first[alpha > 0]
    filled = fill_hidden(first, alpha)
    assert np.array_equal(filled[alpha > 0], first[alpha > 0])
    assert np.array_equal(filled, fill_hidden(second, alpha))


def test_the_filling_goes_on_from_the_edge() -> None:
    pixels = np.stack([ROWS + 60, COLUMNS + 40, ROWS + COLUMNS], 2).astype(np.uint8)
    filled = fill_hidden(np.where(DISC[..., None] > 0, pixels, NOISE), DISC).astype(int)
    steps = [np.abs(np.diff(filled, axis=axis)).max() for axis in (0, 1)]
    assert max(steps) < 12
    light = fill_hidden(np.asarray(sticker(NOISE).convert("RGB")), DISC)
    assert np.abs(light.astype(int) - (250, 240, 230)).max() <= 3


def test_pictures_without_anything_hidden_stay_and_those_of_nothing_else_become_flat() -> None:
    opaque = Picture(NOISE, Mode.RGB)
    faint = Picture(NOISE, Mode.RGB, np.maximum(DISC, 1))
    assert without_hidden(opaque) is opaque
    assert without_hidden(faint) is faint
    assert not np.ptp(without_hidden(Picture(NOISE, Mode.RGB, DISC * 0)).pixels)
    dot = np.zeros_like(DISC)
    dot[70, 3] = 1
    assert np.abs(fill_hidden(NOISE, dot).astype(int) - NOISE[70, 3]).max() < 8


def test_a_grey_picture_stays_grey() -> None:
    picture = without_hidden(to_picture(sticker(NOISE, "LA")))
    assert picture.mode is Mode.L
    assert not np.ptp(picture.pixels, axis=2).any()


@pytest.mark.parametrize("block", [1, 3, 2**18])
def test_repeating_takes_no_new_colour(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hidden, "BLOCK", block)
    rows = np.array([[0, 5, 0, 7], [0, 0, 3, 0]], np.uint8)
    picture = Picture(np.repeat(rows[..., None] + np.uint8(90), 3, 2), Mode.RGB, rows)
    assert repeating_visible(picture).pixels[..., 0].tolist() == [[95, 95, 95, 97], [97, 97, 93, 93]]
    assert not np.ptp(repeating_visible(replace(picture, alpha=rows * 0)).pixels)


def test_over_grey() -> None:
    assert over_grey(NOISE, None) is NOISE
    assert (over_grey(NOISE, DISC)[DISC == 0] == 128).all()
    assert np.array_equal(over_grey(NOISE, DISC)[DISC == 255], NOISE[DISC == 255])


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_files_do_not_depend_on_what_is_hidden_unless_it_is_kept(mode: str) -> None:
    pictures = [sticker(hidden, mode) for hidden in (NOISE, NOISE * 0)]
    codec = lcomp.Codec("hyperprior", "cpu")
    for options in (EncodeOptions(3), EncodeOptions(psnr=38), EncodeOptions(ssimulacra2=70), EncodeOptions(size=2000)):
        noisy, black = (codec.encode_file(picture, options) for picture in pictures)
        # what is stored losslessly may be, with its hidden colours, smaller than anything else
        assert black.header.stored or noisy.data == black.data
    kept = codec.encode(pictures[0], EncodeOptions(3, keep_hidden=True))
    assert kept == lcomp.encode(pictures[0], 3, "hyperprior", "cpu", keep_hidden=True)
    assert len(kept) > 3 * len(codec.encode(pictures[0], EncodeOptions(3)))


def test_a_palette_with_a_transparent_colour() -> None:
    palette = noise_image(40, 30).quantize(8)
    files = []
    for colour in ((255, 0, 0), (0, 0, 0)):
        palette.putpalette([*colour, *palette.getpalette()[3:]])  # type: ignore[index]
        palette.info["transparency"] = 0
        files.append(lcomp.encode(palette, 2, "hyperprior", "cpu"))
    assert files[0] == files[1]
