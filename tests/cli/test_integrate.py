"""What is installed for the desktop: it is well-formed, works as desktops use it, and goes away again."""

import io
import re
import shlex
import shutil
import subprocess
import zlib
from configparser import ConfigParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from helpers.command import lcomp, one_line
from helpers.paths import GOLDEN
from lcomp import encode
from lcomp.cli.app import app
from lcomp.cli.desktop import desktop_entry, quoted
from lcomp.format.container import MAGIC, Header, LicFile, Mode, write

NAMESPACE = "{http://www.freedesktop.org/standards/shared-mime-info}"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of data after `lcomp integrate`, which found no programs to call."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert lcomp("integrate").returncode == 0
    return tmp_path / "data"


def entry(path: Path, section: str) -> dict[str, str]:
    parser = ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(path, encoding="utf-8")
    return dict(parser[section])


def test_the_type_is_told_by_suffix_and_magic(installed: Path) -> None:
    tree = ElementTree.parse(installed / "mime" / "packages" / "lcomp.xml")
    (kind,) = tree.iter(f"{NAMESPACE}mime-type")
    assert kind.get("type") == "image/x-lic"
    (match,) = kind.iter(f"{NAMESPACE}match")
    value = match.get("value") or ""
    assert bytes.fromhex(value.replace("\\x", "")) == MAGIC
    assert [glob.get("pattern") for glob in kind.iter(f"{NAMESPACE}glob")] == ["*.lic"]


@pytest.mark.process
def test_a_thumbnail_appears(installed: Path, tmp_path: Path) -> None:
    fields = entry(installed / "thumbnailers" / "lcomp.thumbnailer", "Thumbnailer Entry")
    assert fields["MimeType"] == "image/x-lic;"
    out = tmp_path / "thumbnail"
    out.touch()  # as file managers do
    filled = {"%s": "48", "%i": str(GOLDEN / "stored_grey.lic"), "%o": str(out)}
    subprocess.run([filled.get(word, word) for word in shlex.split(fields["Exec"])], check=True)
    with Image.open(out) as image:
        assert image.format == "PNG"
        assert max(image.size) <= 48


def test_a_thumbnail_keeps_its_shape(folder: Path) -> None:
    result = lcomp("thumbnail", folder / "photo.lic", "-", "--size", "50")
    with Image.open(io.BytesIO(result.stdout)) as image:
        assert image.size == (50, 34)
    failed = lcomp("thumbnail", folder / "photo.png", folder / "thumbnail.png")
    assert failed.returncode == 3
    assert one_line(failed).strip() == "lcomp: photo.png: not a .lic file"
    large = lcomp("thumbnail", folder / "photo.lic", folder / "thumbnail.png", "--max-pixels", "20000")
    assert large.returncode == 3
    assert one_line(large).startswith("lcomp: photo.lic: picture has 200x136 pixels (limit 20000")
    data = bytearray((GOLDEN / "dot.lic").read_bytes())
    data[9] = 99  # the number of the model
    data[14:18] = zlib.crc32(data[:14]).to_bytes(4, "little")
    missing = lcomp("thumbnail", "-", folder / "thumbnail.png", data=bytes(data))
    assert missing.returncode == 4
    assert "file needs model number 99, which is not installed" in one_line(missing)
    assert not (folder / "thumbnail.png").exists()


def test_thumbnails_of_16_bits_and_of_any_size(folder: Path, tmp_path: Path) -> None:
    samples = np.arange(60 * 40 * 3, dtype=np.uint16).reshape(40, 60, 3) * 9
    (tmp_path / "deep.lic").write_bytes(encode(samples, lossless=True))
    for size, shape in (("100", (60, 40)), ("30", (30, 20)), ("10", (10, 7))):
        result = lcomp("thumbnail", tmp_path / "deep.lic", "-", "--size", size)
        with Image.open(io.BytesIO(result.stdout)) as image:
            assert (image.mode, image.size) == ("RGB", shape)
    huge = Header(2**15, 2**15, Mode.RGB, 4000, 1, 0)
    (tmp_path / "huge.lic").write_bytes(write(LicFile(huge, None, ())))
    refused = lcomp("thumbnail", tmp_path / "huge.lic", "-", "--max-pixels", str(2**30))
    assert (refused.returncode, "huge.lic: file is truncated" in one_line(refused)) == (3, True)
    missing = lcomp("thumbnail", tmp_path / "none.lic", "-")
    assert (missing.returncode, one_line(missing)) == (1, "lcomp: none.lic: No such file or directory\n")


def test_files_are_opened_with_it(installed: Path) -> None:
    fields = entry(installed / "applications" / "lcomp.desktop", "Desktop Entry")
    assert fields["MimeType"] == "image/x-lic;"
    command, option, package, verb, files = shlex.split(fields["Exec"])
    assert Path(command) == Path(fields["TryExec"])
    assert (option, package, verb, files) == ("-m", "lcomp", "view", "%F")
    assert verb in {command.name for command in app.registered_commands}


def test_paths_are_quoted_as_entries_have_them() -> None:
    assert quoted("/usr/bin/python3.11") == "/usr/bin/python3.11"
    assert quoted("/my files/50%/p") == '"/my files/50%%/p"'
    # escaped as an argument, and that as a value: these are the examples of the Desktop Entry Specification
    assert quoted("/a$b") == r'"/a\\$b"'
    assert quoted("/a\\b") == r'"/a\\\\b"'
    assert quoted('/a"`b') == r'"/a\\"\\`b"'


def test_an_entry_names_any_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("/usr/bin/python3", "/my files/python", "/a\\b\\n/python", "/\"~'/python", "/two\nlines/python"):
        monkeypatch.setattr("sys.executable", name)
        parser = ConfigParser(interpolation=None)
        parser.read_string(desktop_entry())
        values = {
            key: re.sub(r"\\(.)", lambda found: {"n": "\n"}.get(found[1], found[1]), parser["Desktop Entry"][key])
            for key in ("TryExec", "Exec")
        }
        assert values["TryExec"] == name
        assert shlex.split(values["Exec"]) == [name, "-m", "lcomp", "view", "%F"]


def test_every_command_has_a_page(installed: Path) -> None:
    pages = {path.name for path in (installed / "man" / "man1").iterdir()}
    assert pages == {"lcomp.1", *(f"lcomp-{command.name}.1" for command in app.registered_commands)}
    page = (installed / "man" / "man1" / "lcomp-encode.1").read_text(encoding="utf-8")
    assert "\\-\\-quality" in page
    assert ".SH EXIT STATUS" in page


@pytest.mark.skipif(shutil.which("file") is None, reason="file(1) is not installed")
def test_file_recognises_it(installed: Path) -> None:
    magic = installed / "lcomp" / "magic"
    told = subprocess.run(["file", "-b", "-m", magic, GOLDEN / "dot.lic"], capture_output=True, check=True)
    assert told.stdout == b"lcomp compressed picture\n"


def test_all_of_it_goes_away(installed: Path) -> None:
    assert lcomp("integrate", "--remove").returncode == 0
    assert not [path for path in installed.rglob("*") if path.is_file()]
    assert lcomp("integrate", "--remove").returncode == 0  # twice does no harm


def test_nothing_is_written_in_a_dry_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    result = lcomp("integrate", "--dry-run")
    assert b"would be written: " in result.stderr
    assert not (tmp_path / "data").exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").touch()
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    result = lcomp("integrate")
    assert result.returncode == 1
    assert "cannot write" in one_line(result)
