"""Where outputs go by their names, which of them are made anew, and which times they get."""

import os
from pathlib import Path

import pytest
from PIL import Image

from helpers.command import lcomp, one_line
from helpers.pictures import noise_image
from lcomp.cli.placing import Placing
from lcomp.errors import OutputExistsError
from lcomp.format.container import MAGIC

QUICK = ("-m", "hyperprior", "-q", "1", "-e", "0")


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A folder with a.png and b.png."""
    for name in ("a.png", "b.png"):
        Image.linear_gradient("L").resize((24, 16)).save(tmp_path / name)
    return tmp_path


def encode(folder: Path, *arguments: str | Path) -> list[str]:
    """Lines of an encode that succeeds, run in a folder."""
    result = lcomp("encode", *arguments, *QUICK, cwd=folder)
    assert result.returncode == 0, result.stderr
    return result.stderr.decode().splitlines()


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("name", ["x.png", "x.JPG", "x.heic", "sub/x.tif", "x.pdf"])
@pytest.mark.parametrize("force", [(), ("-f",)])
@pytest.mark.parametrize("inputs", [("a.png",), ("a.png", "b.png"), ("-",)])
def test_no_lic_is_called_like_a_picture(
    small: Path, name: str, force: tuple[str, ...], inputs: tuple[str, ...]
) -> None:
    result = lcomp("encode", *inputs, "-o", name, *force, cwd=small)
    assert result.returncode == 2
    assert "is the name of a picture" in result.stderr.decode().replace("\n", " ")
    assert files(small) == ["a.png", "b.png"]


@pytest.mark.parametrize("format", [(), ("--format", "png")])
def test_no_picture_is_called_like_a_lic(small: Path, format: tuple[str, ...]) -> None:
    encode(small, "a.png")
    result = lcomp("decode", "a.lic", "-o", "x.lic", *format, cwd=small)
    assert result.returncode == 2
    assert not (small / "x.lic").exists()


def test_folders_may_be_called_like_pictures(small: Path) -> None:
    (small / "album.png").mkdir()
    encode(small, "a.png", "-o", "album.png")
    encode(small, "a.png", "-o", "new.png/")
    assert files(small) == ["a.png", "album.png/a.lic", "b.png", "new.png/a.lic"]


def test_a_glob_may_fit_one_file_and_later_two(small: Path) -> None:
    encode(small, "a.png", "-o", "out")
    encode(small, "a.png", "b.png", "-o", "out", "--skip-existing")
    assert files(small / "out") == ["a.lic", "b.lic"]
    assert lcomp("decode", "out/a.lic", "-o", "back", cwd=small).returncode == 0
    assert files(small / "back") == ["a.png"]


def test_of_stdin_a_name_without_a_suffix_is_a_file(small: Path) -> None:
    data = (small / "a.png").read_bytes()
    assert lcomp("encode", "-", "-o", "out", *QUICK, data=data, cwd=small).returncode == 0
    assert (small / "out").read_bytes().startswith(MAGIC)
    # and a file remains one
    refused = lcomp("encode", "a.png", "-o", "out", *QUICK, cwd=small)
    assert refused.returncode == 1
    assert "use -f" in one_line(refused)
    encode(small, "b.png", "-o", "out", "-f")
    assert (small / "out").is_file()


def test_trees_are_kept_apart(small: Path) -> None:
    for folder in ("p", "q/deep", "r/p"):
        (small / folder).mkdir(parents=True)
        (small / folder / "a.png").write_bytes((small / "a.png").read_bytes())
    encode(small, "p", "q", "-r", "-o", "out")
    assert files(small / "out") == ["p/a.lic", "q/deep/a.lic"]
    encode(small, "p", "-r", "-o", "one")
    assert files(small / "one") == ["a.lic"]
    encode(small / "p", ".", "../q", "a.png", "-r", "-o", "out")
    assert files(small / "p" / "out") == ["a.lic", "p/a.lic", "q/deep/a.lic"]
    same = lcomp("encode", "p", "r/p", "-r", "-o", "same", *QUICK, cwd=small)
    assert same.returncode == 1
    assert b"would be written to" in same.stderr


def test_everything_readable_in_a_folder_is_found(small: Path) -> None:
    with Image.open(small / "a.png") as image:
        for name in ("c.qoi", "d.dds", "e.jpf", "f.avifs", "g.J2C", "h.icb"):
            image.convert("RGB").save(small / name)
    for name in ("notes.txt", "IMG.NEF", "film.mpg", "plan.pdf", ".hidden", "._a.png"):
        (small / name).write_bytes(b"anything")
    lines = encode(small, ".", "-r", "-o", "out")
    assert lines[-1].startswith("8 of 8 done, 0 failed, 4 other files left out: ")
    # what was made is not counted, and a single job has a summary then too
    assert encode(small, ".", "-r", "-o", "out", "--skip-existing")[-1].endswith("8 skipped, 4 other files left out")
    (small / "out" / "readme.md").touch()
    result = lcomp("decode", "out", "-r", "-o", "back", cwd=small)
    assert result.stderr.decode().splitlines()[-1].startswith("8 of 8 done, 0 failed, 1 other file left out: ")
    (small / "texts").mkdir()
    (small / "texts" / "a.txt").touch()
    empty = lcomp("encode", "texts", "-r", cwd=small)
    assert empty.returncode == 1
    assert "1 other file left out" in one_line(empty)


def test_what_is_out_of_date_is_made_anew(small: Path) -> None:
    encode(small, "a.png", "b.png")
    made = (small / "a.lic").read_bytes()
    now = (small / "a.lic").stat().st_mtime_ns
    for name, data, newer, skipped in (
        ("as it is", made, -1, True),
        ("as old as its source", made, 0, True),
        ("older than its source", made, 10**9, False),
        ("a picture", (small / "a.png").read_bytes(), -1, False),
        ("empty", b"", -1, False),
    ):
        (small / "a.lic").write_bytes(data)
        os.utime(small / "a.lic", ns=(now, now))
        os.utime(small / "a.png", ns=(now + newer, now + newer))
        lines = encode(small, "a.png", "b.png", "--skip-existing")
        expected = "0 of 2 done, 0 failed, 2 skipped" if skipped else "1 of 2 done, 0 failed, 1 skipped"
        assert lines[-1] == expected, name
        assert (small / "a.lic").read_bytes() == made
    assert lcomp("decode", "a.lic", "-o", "x.png", cwd=small).returncode == 0
    (small / "x.png").write_bytes(b"")
    assert lcomp("decode", "a.lic", "-o", "x.png", "--skip-existing", cwd=small).returncode == 0
    assert (small / "x.png").stat().st_size


def test_times_are_kept_where_asked_for(small: Path) -> None:
    long_ago = 10**18 + 123_456_700
    os.utime(small / "a.png", ns=(long_ago, long_ago))
    encode(small, "a.png")
    assert (small / "a.lic").stat().st_mtime_ns > long_ago
    encode(small, "a.png", "-p", "-f")
    assert (small / "a.lic").stat().st_mtime_ns == long_ago
    assert lcomp("decode", "a.lic", "--preserve", "-o", "back.png", cwd=small).returncode == 0
    assert (small / "back.png").stat().st_mtime_ns == long_ago
    assert encode(small, "a.png", "-p", "--skip-existing")[-1].endswith("1 skipped")
    piped = lcomp("encode", "-", "-p", *QUICK, data=(small / "a.png").read_bytes(), cwd=small)
    assert piped.returncode == 0
    assert piped.stdout.startswith(MAGIC)


def test_what_is_no_lic_is_called_so(small: Path) -> None:
    for name in ("a.png", "./a.png"):
        result = lcomp("decode", name, cwd=small)
        assert result.returncode == 3
        assert one_line(result) == f"lcomp: {name}: not a .lic file\n"
    misnamed = small / "c.png"
    encode(small, "a.png")
    misnamed.write_bytes((small / "a.lic").read_bytes())
    assert "input itself" in one_line(lcomp("decode", misnamed))


@pytest.mark.parametrize(("name", "kind"), [("jpg", "JPEG"), ("tif", "TIFF")])
def test_formats_by_their_short_names(small: Path, name: str, kind: str) -> None:
    encode(small, "a.png")
    assert lcomp("decode", "a.lic", "--format", name, cwd=small).returncode == 0
    with Image.open(small / f"a.{name}") as image:
        assert image.format == kind


def test_larger_than_its_source_is_said(small: Path) -> None:
    noise_image(96, 64, noise=60).save(small / "noise.jpg", quality=5)
    result = lcomp("encode", "noise.jpg", "-m", "hyperprior", "-q", "8", "-e", "0", cwd=small)
    assert one_line(result).endswith(", larger than its source\n")
    assert (small / "noise.lic").stat().st_size > (small / "noise.jpg").stat().st_size
    noise_image(96, 64).save(small / "c.ppm")
    [line] = encode(small, "c.ppm")
    assert "larger" not in line


def test_the_ratio_of_grey_counts_a_byte_a_pixel(small: Path) -> None:
    [line] = encode(small, "a.png", "-o", "grey.lic")
    size = (small / "grey.lic").stat().st_size
    assert f" {24 * 16 / size:.1f}:1, " in line


def test_what_another_run_writes_meanwhile_is_kept(tmp_path: Path) -> None:
    output = tmp_path / "a.lic"
    destination = Placing(force=False, renew=True, preserve=False).destination(str(output), "-")
    output.write_bytes(b"theirs")
    with pytest.raises(OutputExistsError):
        destination.write(b"ours")
    assert output.read_bytes() == b"theirs"
