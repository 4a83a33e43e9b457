"""What the models of every family have to pass."""

import json
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import lcomp
from helpers.pictures import noise_image
from lcomp.cli.app import app
from lcomp.errors import ChecksumError, FormatError, LcompError
from lcomp.format.container import LicFile
from lcomp.options import DecodeOptions, EncodeOptions


def differences(image: Image.Image, other: Image.Image) -> np.ndarray:
    """Errors of the samples of two pictures of one size and mode."""
    assert (image.mode, image.size) == (other.mode, other.size)
    return np.abs(np.asarray(image).astype(int) - np.asarray(other).astype(int))


class FamilyChecks:
    """Checks of a model, on the CPU; the fixtures are in conftest.py."""

    model: ClassVar[str]
    error: ClassVar[float] = 0.0
    """Largest mean error of a sample."""
    seam: ClassVar[int] = 0
    """Largest error of a sample of a crop, against the same crop of the whole."""

    shows_prefixes: ClassVar[bool] = False
    """Whether a tile that is cut off is shown as far as it goes."""

    @staticmethod
    def coded(codec: lcomp.Codec, image: Image.Image) -> LicFile:
        """The file of a picture that the model codes."""
        return codec.encode_file(image)

    @pytest.mark.parametrize("size", [(1, 1), (1, 9), (17, 1), (40, 33), (64, 64)])
    @pytest.mark.parametrize("mode", ["L", "RGB", "LA", "RGBA"])
    def test_pictures_come_back(self, codec: lcomp.Codec, size: tuple[int, int], mode: str) -> None:
        image = noise_image(*size, noise=4).convert(mode)
        if mode.endswith("A"):
            image.putalpha(Image.linear_gradient("L").resize(size))
        file = codec.encode_file(image, EncodeOptions(keep_hidden=True))
        for data in (file.data, self.coded(codec, image).data):
            assert lcomp.info(data).model in (0, codec.model.number)
            decoded = codec.decode(data)
            assert decoded.info == image.info
            if mode.endswith("A"):
                assert decoded.getchannel("A").tobytes() == image.getchannel("A").tobytes()
        assert differences(codec.decode(file.data), image).mean() <= self.error

    def test_several_tiles_come_back(self, codec: lcomp.Codec, wide: Image.Image, file: LicFile) -> None:
        assert len(file.tiles) == 2
        assert (file.header.model, file.header.fingerprint) == (codec.model.number, codec.model.fingerprint)
        assert differences(codec.decode(file.data), wide).mean() <= self.error

    def test_files_are_the_same_each_time(self, codec: lcomp.Codec, wide: Image.Image, file: LicFile) -> None:
        assert self.coded(codec, wide).data == file.data

    @pytest.mark.parametrize("crop", [(0, 0, 1, 1), (540, 3, 20, 9), (3, 19, 1090, 1), (1099, 0, 1, 20)])
    def test_crops_are_those_of_the_whole(
        self, codec: lcomp.Codec, file: LicFile, crop: tuple[int, int, int, int]
    ) -> None:
        left, top, width, height = crop
        whole = codec.decode(file.data).crop((left, top, left + width, top + height))
        assert differences(codec.decode(file.data, DecodeOptions(crop=crop)), whole).max() <= self.seam

    def test_damaged_tiles_are_errors_unless_salvaged(
        self, codec: lcomp.Codec, file: LicFile, caplog: pytest.LogCaptureFixture
    ) -> None:
        first, second = file.tiles
        assert second is not None
        broken = replace(file, tiles=(first, second._replace(symbols_crc=second.symbols_crc ^ 1))).data
        with pytest.raises(ChecksumError):
            codec.decode(broken)
        flipped = bytearray(file.data)
        flipped[-9] ^= 1  # in the last section
        with pytest.raises(ChecksumError):
            codec.decode(bytes(flipped))
        part = (0, 0, 400, 20)
        intact = codec.decode(file.data).crop(part)
        junk = replace(file, tiles=(first, second._replace(stream=b"\xff" * 8))).data
        for damaged in (broken, bytes(flipped), file.data[:-9], junk):
            with pytest.raises(FormatError):
                codec.decode(damaged)
            caplog.clear()
            salvaged = codec.decode(damaged, DecodeOptions(salvage=True))
            as_far_as_it_goes = self.shows_prefixes and damaged == file.data[:-9]
            assert ("one of 2 tiles" if as_far_as_it_goes else "1 of 2 tiles damaged and filled in") in caplog.text
            assert differences(salvaged.crop(part), intact).max() <= self.seam
        near = DecodeOptions(crop=(0, 0, 100, 20))
        assert differences(codec.decode(broken, near), intact.crop((0, 0, 100, 20))).max() <= self.seam

    def test_progress_is_bounded_and_ends_with_all_pixels(
        self, codec: lcomp.Codec, wide: Image.Image, file: LicFile
    ) -> None:
        told: list[tuple[int, int]] = []
        codec.encode(wide, progress=lambda *done: told.append(done))
        assert told == sorted(told)
        assert {total for _, total in told} == {1100 * 20}
        assert told[-1][0] == 1100 * 20
        told.clear()
        codec.decode(file.data, DecodeOptions(crop=(500, 0, 200, 2)), lambda *done: told.append(done))
        assert told == sorted(told)
        assert told[-1] == (400, 400)

    def test_a_quality_is_for_those_that_have_one(self, codec: lcomp.Codec) -> None:
        if not codec.model.has_quality:
            for options in (EncodeOptions(3.0), EncodeOptions(psnr=30.0)):
                with pytest.raises(LcompError, match=r"has no quality|lossless excludes"):
                    codec.encode(Image.new("RGB", (8, 8)), options)
            refused = CliRunner().invoke(app, ["encode", "-m", self.model, "-q", "3", "a.png"])
            assert refused.exit_code == 2

    def test_the_command_line(self, file: LicFile, wide: Image.Image, tmp_path: Path) -> None:
        source, coded, target = (tmp_path / name for name in ("a.png", "a.lic", "b.png"))
        wide.save(source)

        def run(*arguments: object) -> str:
            result = CliRunner().invoke(app, list(map(str, arguments)))
            assert result.exit_code == 0, result.output
            return result.stdout

        run("encode", "-m", self.model, "--device", "cpu", source)
        run("decode", "--device", "cpu", coded, "-o", target)
        with Image.open(target) as image:
            assert differences(image, wide).mean() <= self.error
        coded.write_bytes(file.data)
        facts = json.loads(run("info", "--json", coded))
        shown = {key: facts[key] for key in ("model", "model_number", "decodable", "tiles")}
        assert shown == {"model": self.model, "model_number": file.header.model, "decodable": True, "tiles": 2}
        assert (facts["quality"] is None) == (not lcomp.Codec(self.model).model.has_quality)
        [row] = [row for row in json.loads(run("models", "--json")) if row["name"] == self.model]
        assert row["installed"]
