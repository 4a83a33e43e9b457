"""The command line on kinds of pictures: metadata, alpha, frames, areas, damage, limits."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.command import lcomp, one_line


def test_metadata_travels(folder: Path, tmp_path: Path, photo: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x010E] = "holiday"
    grey = photo.convert("L")
    grey.save(tmp_path / "grey.png", exif=exif.tobytes())
    assert lcomp("encode", tmp_path / "grey.png").returncode == 0
    assert lcomp("decode", tmp_path / "grey.lic", "-o", tmp_path / "back.png").returncode == 0
    with Image.open(tmp_path / "back.png") as back:
        assert back.mode == "L"
        assert back.getexif()[0x010E] == "holiday"


def test_torchac_and_constriction_decode_to_the_same_picture(folder: Path, tmp_path: Path) -> None:
    encoded = lcomp("encode", folder / "photo.png", "-o", "-", "--coder", "torchac")
    if encoded.returncode == 3:
        assert b"lcomp[torchac]" in encoded.stderr
        pytest.skip("torchac or its compiler is not installed")
    assert encoded.returncode == 0
    ours = lcomp("decode", folder / "photo.lic", "-o", "-")
    theirs = lcomp("decode", "-", data=encoded.stdout)
    assert ours.returncode == theirs.returncode == 0
    assert ours.stdout == theirs.stdout


def test_a_crop_leaves_the_preview_behind(tmp_path: Path, photo: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x010E], exif[0x0112] = "holiday", 6
    exif.get_ifd(0x8769)[0xA002], exif.get_ifd(0x8769)[0xA003] = photo.size
    exif.get_ifd(1)[0x0201] = 0
    photo.save(tmp_path / "photo.jpg", exif=exif.tobytes(), dpi=(204, 98))
    assert lcomp("encode", tmp_path / "photo.jpg").returncode == 0
    for name in ("crop.jpg", "crop.png", "crop.tif", "crop.webp", "crop.avif"):
        cropped = lcomp("decode", tmp_path / "photo.lic", "-o", tmp_path / name, "--crop", "8,8,40,30")
        assert cropped.returncode == 0, cropped.stderr
        with Image.open(tmp_path / name) as image:
            tags = image.getexif()
            details = tags.get_ifd(0x8769)
            assert (tags[0x010E], details[0xA002], details[0xA003]) == ("holiday", 40, 30)
            assert not tags.get_ifd(1)
            assert (round(tags[0x011A]), round(tags[0x011B])) == (98, 204)


def test_what_is_left_out_is_one_line(tmp_path: Path, photo: Image.Image) -> None:
    photo.save(tmp_path / "photo.jpg", comment=b"hello")
    with (tmp_path / "photo.jpg").open("ab") as file:
        file.write(b"\0\0\0\x18ftypmp42" + bytes(500))
    encoded = lcomp("encode", tmp_path / "photo.jpg")
    assert encoded.returncode == 0
    assert b"photo.jpg: left out: video of the motion photo, JPEG comment\n" in encoded.stderr


def test_the_views_of_a_stereo_picture_are_coded_apart(tmp_path: Path, photo: Image.Image) -> None:
    left, right = photo.crop((0, 0, 160, 120)), photo.crop((12, 4, 172, 124))
    left.save(tmp_path / "stereo.mpo", save_all=True, append_images=[right], quality=95)
    first = lcomp("encode", "stereo.mpo", cwd=tmp_path)
    assert first.returncode == 0
    assert b"stereo.mpo: only the first of several pictures in the file is encoded\n" in first.stderr
    for frame, view in ((0, left), (1, right)):
        result = lcomp("encode", "stereo.mpo", "--frame", str(frame), "-o", f"{frame}.lic", cwd=tmp_path)
        assert result.returncode == 0, result.stderr
        assert b"only the first" not in result.stderr
        assert lcomp("decode", f"{frame}.lic", cwd=tmp_path).returncode == 0
        assert np.abs(pixels(tmp_path / f"{frame}.png").astype(int) - np.asarray(view)).mean() < 6
    beyond = lcomp("encode", "stereo.mpo", "--frame", "2", "-o", "2.lic", cwd=tmp_path)
    assert beyond.returncode == 1
    assert "no frame 2" in one_line(beyond)


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.mark.slow
def test_alpha_comes_back_bit_for_bit(large: Path) -> None:
    assert np.array_equal(pixels(large / "whole.png")[..., 3], pixels(large / "large.png")[..., 3])
    facts = json.loads(lcomp("info", large / "large.lic", "--json").stdout)
    assert (facts["mode"], facts["tiles"], facts["tile_width"], facts["tile_height"]) == ("RGBA", 4, 576, 576)
    assert facts["alpha_bytes"] > 0


@pytest.mark.slow
def test_crop(large: Path, tmp_path: Path) -> None:
    result = lcomp("decode", large / "large.lic", "--crop", "500,40,90,700", "-o", tmp_path / "crop.png")
    assert result.returncode == 0, result.stderr
    crop, whole = pixels(tmp_path / "crop.png"), pixels(large / "whole.png")[40:740, 500:590]
    assert crop.shape == whole.shape
    assert np.abs(crop.astype(int) - whole).max() <= 1
    for bad, code in (("1,2,3", 2), ("a,b,c,d", 2), ("-1,0,5,5", 2), ("0,0,0,5", 2), ("1099,0,2,1", 1)):
        result = lcomp("decode", large / "large.lic", "--crop", bad, "-o", tmp_path / "bad.png")
        assert result.returncode == code
        assert b"crop" in result.stderr
    assert not (tmp_path / "bad.png").exists()


@pytest.mark.slow
def test_salvage(large: Path, tmp_path: Path) -> None:
    data = (large / "large.lic").read_bytes()
    damaged = bytearray(data)
    damaged[-1000] ^= 16
    for name, content in (("flipped", bytes(damaged)), ("short", data[:-1000])):
        (tmp_path / f"{name}.lic").write_bytes(content)
        refused = lcomp("decode", tmp_path / f"{name}.lic")
        assert refused.returncode == 3
        one_line(refused)
        assert not (tmp_path / f"{name}.png").exists()
        saved = lcomp("decode", tmp_path / f"{name}.lic", "--salvage")
        assert saved.returncode == 3
        lines = saved.stderr.decode().splitlines()
        assert len(lines) == 2
        assert ("1 of 4 tiles damaged" if name == "flipped" else "one of 4 tiles") in lines[0]
        assert "576,576,524,484" in lines[0]
        # no error, but nothing to be quiet about
        quiet = lcomp("decode", tmp_path / f"{name}.lic", "--salvage", "--quiet", "-f")
        assert one_line(quiet) == f"{lines[0]}\n"
        whole, back = pixels(large / "whole.png"), pixels(tmp_path / f"{name}.png")
        # as far as the synthesis sees from the lost tile: 576 - 320. Winograd's squares add their rounding beyond
        changes = np.abs(back.astype(int) - whole)
        for part in (changes[:256], changes[:, :256]):
            assert part.max() <= 1
            assert (part > 0).mean() < 1e-4
        assert np.array_equal(back[..., 3], whole[..., 3])
    (tmp_path / "head.lic").write_bytes(data[:100])
    assert lcomp("decode", tmp_path / "head.lic", "--salvage").returncode == 3


def test_pixel_limits_hold_in_both_directions(folder: Path, tmp_path: Path) -> None:
    for command, name, output in (
        ("encode", "photo.png", tmp_path / "out.lic"),
        ("decode", "photo.lic", tmp_path / "out.png"),
    ):
        refused = lcomp(command, folder / name, "-o", output, "--max-pixels", 200 * 136 - 1)
        assert refused.returncode == 3
        assert "limit 27199" in one_line(refused)
        assert lcomp(command, folder / name, "-o", output, "--max-pixels", 200 * 136).returncode == 0


def test_strip_and_frame(tmp_path: Path, photo: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x010E] = "holiday"
    photo.save(tmp_path / "photo.webp", save_all=True, append_images=[photo.rotate(180)], exif=exif.tobytes())
    refused = lcomp("encode", tmp_path / "photo.webp")
    assert refused.returncode == 3
    assert "--frame N" in one_line(refused)
    assert lcomp("encode", tmp_path / "photo.webp", "--frame", "2").returncode == 1
    encoded = lcomp("encode", tmp_path / "photo.webp", "--frame", "1", "--strip")
    assert encoded.returncode == 0, encoded.stderr
    facts = json.loads(lcomp("info", tmp_path / "photo.lic", "--json").stdout)
    assert facts["exif_bytes"] == facts["exif_original_bytes"] == 0
    assert lcomp("decode", tmp_path / "photo.lic").returncode == 0
    difference = pixels(tmp_path / "photo.png").astype(float) - np.asarray(photo.rotate(180))
    assert np.square(difference).mean() < 200
