"""The command line as a user meets it, in processes of its own."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lcomp import __version__


def lcomp(
    *arguments: str | Path, data: bytes | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "lcomp", *map(str, arguments)],
        input=data,
        stdin=subprocess.DEVNULL if data is None else None,
        capture_output=True,
        check=False,
        cwd=cwd,
    )


def one_line(result: subprocess.CompletedProcess[bytes]) -> str:
    """The single line of an error message."""
    text = result.stderr.decode()
    assert len(text.splitlines()) == 1, text
    return text


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, photo: Image.Image) -> Path:
    """A folder with photo.png and photo.lic."""
    path = tmp_path_factory.mktemp("cli")
    photo.save(path / "photo.png")
    result = lcomp("encode", path / "photo.png")
    assert result.returncode == 0, result.stderr
    return path


def test_encode_and_decode_beside_the_input(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "photo.lic").write_bytes((folder / "photo.lic").read_bytes())
    result = lcomp("decode", "photo.lic", cwd=tmp_path)
    assert result.returncode == 0
    assert b"photo.png" in result.stderr
    assert not result.stdout
    with Image.open(tmp_path / "photo.png") as decoded, Image.open(folder / "photo.png") as original:
        difference = np.asarray(decoded).astype(float) - np.asarray(original)
    assert np.square(difference).mean() < 150
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photo.lic", "photo.png"]


def test_pipes_carry_payload_only(folder: Path) -> None:
    encoded = lcomp("encode", "-", "-q", "4", data=(folder / "photo.png").read_bytes())
    assert encoded.returncode == 0
    assert encoded.stdout == (folder / "photo.lic").read_bytes()
    decoded = lcomp("decode", "-", data=encoded.stdout)
    assert decoded.returncode == 0
    assert Image.open(io.BytesIO(decoded.stdout)).format == "PNG"
    ppm = lcomp("decode", "-", "--format", "ppm", "--quiet", data=encoded.stdout)
    assert ppm.stdout.startswith(b"P6")
    assert not ppm.stderr
    # a file to stdout, and stdin to a file
    assert lcomp("encode", folder / "photo.png", "-o", "-").stdout == encoded.stdout


def test_existing_output_needs_force(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.lic"
    target.write_bytes(b"precious")
    refused = lcomp("encode", folder / "photo.png", "-o", target)
    assert refused.returncode == 1
    assert "-f" in one_line(refused)
    assert target.read_bytes() == b"precious"
    assert lcomp("encode", folder / "photo.png", "-o", target, "-f").returncode == 0
    assert target.read_bytes() == (folder / "photo.lic").read_bytes()


def test_the_input_is_never_the_output(folder: Path) -> None:
    before = (folder / "photo.png").read_bytes()
    result = lcomp("encode", folder / "photo.png", "-o", folder / "photo.png", "-f")
    assert result.returncode == 1
    assert "input itself" in one_line(result)
    assert (folder / "photo.png").read_bytes() == before


def test_several_inputs_are_all_tried(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("not a picture")
    result = lcomp(
        "encode", folder / "photo.png", tmp_path / "missing.png", tmp_path / "text.png", "-o", tmp_path / "out"
    )
    text = result.stderr.decode()
    assert result.returncode == 1
    assert "1 of 3 done, 2 failed" in text
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["photo.lic"]


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["encode", "missing.png"], 1, "No such file"),
        (["decode", "photo.png", "-o", "x.png"], 3, "not a .lic file"),
        (["encode", "photo.lic", "-o", "x.lic"], 3, "not a picture"),
        (["encode", "photo.png", "-o", "x.lic", "-m", "nothing"], 4, "unknown model"),
        (["encode", "photo.png", "-o", "x.lic", "--device", "cuda:99"], 1, "does not exist"),
        (["encode", "photo.png", "-o", "photo.png/x.lic"], 1, "cannot write"),
        (["info", "photo.png"], 3, "not a .lic file"),
    ],
)
def test_errors_are_one_line_with_a_documented_code(folder: Path, arguments: list[str], code: int, text: str) -> None:
    result = lcomp(*arguments, cwd=folder)
    assert result.returncode == code
    assert text in one_line(result)
    assert not result.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["encode"],
        ["encode", "photo.png", "-q", "9"],
        ["encode", "photo.png", "-q", "high"],
        ["encode", "-", "-"],
        ["encode", "."],
        ["encode", "photo.png", "photo.jpg"],
        ["encode", "a.png", "b.png", "-o", "-"],
        ["decode", "photo.lic", "--format", "doc"],
        ["decode", "photo.lic", "-o", "photo.doc"],
        ["encode", "photo.png", "-o", "x.lic", "--device", "quantum"],
        ["encode", "photo.png", "-o", "x.lic", "--coder", "huffman"],
        ["encode", "photo.png", "-o", "x.lic", "--frame", "-1"],
        ["encode", "photo.png", "-o", "x.lic", "--max-pixels", "0"],
        ["frobnicate"],
    ],
)
def test_wrong_usage_is_2(folder: Path, arguments: list[str]) -> None:
    assert lcomp(*arguments, cwd=folder).returncode == 2


def test_damaged_files_are_3_and_leave_nothing(folder: Path, tmp_path: Path) -> None:
    data = (folder / "photo.lic").read_bytes()
    damaged = {"short": data[:-7], "flipped": data[:200] + bytes([data[200] ^ 4]) + data[201:], "empty": b""}
    for name, content in damaged.items():
        (tmp_path / f"{name}.lic").write_bytes(content)
        result = lcomp("decode", tmp_path / f"{name}.lic")
        assert result.returncode == 3
        one_line(result)
    assert not list(tmp_path.glob("*.png"))
    assert not list(tmp_path.glob(".lcomp*"))


def test_info_and_models(folder: Path) -> None:
    facts = json.loads(lcomp("info", folder / "photo.lic", "--json").stdout)
    assert (facts["width"], facts["height"], facts["quality"], facts["decodable"]) == (200, 136, 4.0, True)
    assert facts["bytes"] - facts["latents_bytes"] <= 32
    assert lcomp("info", "-", data=(folder / "photo.lic").read_bytes()).returncode == 0
    models = json.loads(lcomp("models", "--json").stdout)
    assert {model["name"] for model in models} >= {"hyperprior"}
    assert all(model["installed"] for model in models)


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["models"], ["encode", "--help"], ["eval", "--help"], ["info", "photo.lic"]],
)
def test_light_commands_never_import_torch(folder: Path, arguments: list[str]) -> None:
    code = (
        "import sys\nfrom lcomp.__main__ import main\ntry:\n    main()\nfinally:\n    assert 'torch' not in sys.modules"
    )
    result = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, cwd=folder, check=False)
    assert result.returncode == 0, result.stderr
    if arguments == ["--version"]:
        assert result.stdout.decode().split() == ["lcomp", __version__]


def test_nothing_binary_goes_to_a_terminal(folder: Path) -> None:
    pty = pytest.importorskip("pty", reason="no pseudo-terminals here")
    master, slave = pty.openpty()
    process = subprocess.run(
        [sys.executable, "-m", "lcomp", "encode", str(folder / "photo.png"), "-o", "-"],
        stdout=slave,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(slave)
    os.close(master)
    assert process.returncode == 1
    assert b"terminal" in process.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for one process here")
def test_interrupt_leaves_no_file(tmp_path: Path) -> None:
    from conftest import noise_image

    noise_image(6000, 5000).save(tmp_path / "large.ppm")
    process = subprocess.Popen(
        [sys.executable, "-m", "lcomp", "encode", str(tmp_path / "large.ppm")], stderr=subprocess.PIPE
    )
    time.sleep(2.5)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert b"Traceback" not in stderr
    assert process.returncode == 130
    assert [path.name for path in tmp_path.iterdir()] == ["large.ppm"]


def test_closed_pipe_is_quiet(folder: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    result = subprocess.run(
        [sys.executable, "-m", "lcomp", "decode", str(folder / "photo.lic"), "-o", "-"],
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writer)
    assert result.returncode == 1
    assert b"Traceback" not in result.stderr


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


def test_links_are_followed_and_modes_kept(folder: Path, tmp_path: Path) -> None:
    target, link = tmp_path / "target.lic", tmp_path / "link.lic"
    target.write_bytes(b"old")
    target.chmod(0o600)
    link.symlink_to(target)
    assert lcomp("encode", folder / "photo.png", "-o", link).returncode == 1
    assert lcomp("encode", folder / "photo.png", "-o", link, "-f").returncode == 0
    assert link.is_symlink()
    assert target.read_bytes() == (folder / "photo.lic").read_bytes()
    assert target.stat().st_mode & 0o777 == 0o600


def test_a_missing_input_does_not_stop_the_others(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "missing.lic").touch()
    result = lcomp("encode", tmp_path / "missing.png", folder / "photo.png", "-o", tmp_path, "-f")
    assert result.returncode == 1
    assert (tmp_path / "photo.lic").stat().st_size > 100


def test_export_needs_a_checkpoint(tmp_path: Path) -> None:
    model = Path(__file__).parent.parent / "models" / "hyperprior.toml"
    result = lcomp("train", model, "--data", tmp_path, "--run", tmp_path, "--export-only")
    assert result.returncode == 1
    assert "no checkpoint" in one_line(result)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with large.png of 1100x1060 pixels with alpha, large.lic of 2x2 tiles, and its decoded whole.png."""
    from conftest import noise_image

    path = tmp_path_factory.mktemp("large")
    image = noise_image(1100, 1060, noise=3)
    rows, columns = np.mgrid[:1060, :1100]
    image.putalpha(Image.fromarray(np.clip((rows + columns) // 4 - 100, 0, 255).astype(np.uint8)))
    image.save(path / "large.png", compress_level=1)
    assert lcomp("encode", path / "large.png", "-q", "2").returncode == 0
    assert lcomp("decode", path / "large.lic", "-o", path / "whole.png").returncode == 0
    return path


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def test_alpha_comes_back_bit_for_bit(large: Path) -> None:
    assert np.array_equal(pixels(large / "whole.png")[..., 3], pixels(large / "large.png")[..., 3])
    facts = json.loads(lcomp("info", large / "large.lic", "--json").stdout)
    assert (facts["mode"], facts["tiles"], facts["tile_width"], facts["tile_height"]) == ("RGBA", 4, 576, 576)
    assert facts["alpha_bytes"] > 0


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


def test_salvage(large: Path, tmp_path: Path) -> None:
    data = (large / "large.lic").read_bytes()
    damaged = bytearray(data)
    damaged[-2000] ^= 16
    for name, content in (("flipped", bytes(damaged)), ("short", data[:-2000])):
        (tmp_path / f"{name}.lic").write_bytes(content)
        refused = lcomp("decode", tmp_path / f"{name}.lic")
        assert refused.returncode == 3
        one_line(refused)
        assert not (tmp_path / f"{name}.png").exists()
        saved = lcomp("decode", tmp_path / f"{name}.lic", "--salvage")
        assert saved.returncode == 0
        lines = saved.stderr.decode().splitlines()
        assert len(lines) == 2
        assert "1 of 4 tiles" in lines[0]
        assert "576,576,524,484" in lines[0]
        whole, back = pixels(large / "whole.png"), pixels(tmp_path / f"{name}.png")
        assert np.array_equal(back[:470], whole[:470])
        assert np.array_equal(back[:, :470], whole[:, :470])
        assert np.array_equal(back[..., 3], whole[..., 3])
    (tmp_path / "head.lic").write_bytes(data[:100])
    assert lcomp("decode", tmp_path / "head.lic", "--salvage").returncode == 3


def test_pixel_limits_hold_in_both_directions(folder: Path, tmp_path: Path) -> None:
    for command, name in (("encode", "photo.png"), ("decode", "photo.lic")):
        output = tmp_path / f"{command}.out.png"
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
    assert facts["exif_bytes"] == 0
    assert lcomp("decode", tmp_path / "photo.lic").returncode == 0
    difference = pixels(tmp_path / "photo.png").astype(float) - np.asarray(photo.rotate(180))
    assert np.square(difference).mean() < 200


def test_a_bar_shows_on_a_terminal(large: Path, tmp_path: Path) -> None:
    pty = pytest.importorskip("pty", reason="no pseudo-terminals here")
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "lcomp", "decode", str(large / "large.lic"), "-o", str(tmp_path / "out.png")],
        stderr=slave,
    )
    os.close(slave)
    shown = b""
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:
            break
        if not part:
            break
        shown += part
    os.close(master)
    assert process.wait() == 0
    assert b"decoding" in shown
    assert "\u2501".encode() in shown
