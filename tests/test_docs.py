"""The documents agree with the software."""

import re

from helpers.paths import GOLDEN, ROOT
from lcomp.entropy.tables import SCALE_MIN, STEPS_PER_OCTAVE
from lcomp.format import container
from lcomp.format.tiles import TILE


def test_the_worked_example_is_the_golden_file() -> None:
    text = (ROOT / "docs" / "FORMAT.md").read_text(encoding="utf-8")
    example = re.search(r"```\n(.*?)```", text, re.DOTALL)
    assert example is not None
    rows = [line[:24] for line in example[1].splitlines()]
    data = bytes.fromhex("".join(rows))
    assert data == (GOLDEN / "dot.lic").read_bytes()
    header = container.read(data).header
    assert (header.width, header.height, header.quality) == (1, 1, 5000)


def test_the_format_names_its_constants() -> None:
    text = (ROOT / "docs" / "FORMAT.md").read_text(encoding="utf-8")
    assert container.MAGIC.hex(" ").upper() in text
    assert text.startswith(f"# The `.lic` file format, version {container.FORMAT_VERSION}\n")
    assert f"`{container.VERSION_BYTE:02x}` in every file of format 1.x" in text
    assert f"{SCALE_MIN} * 2^(i/{STEPS_PER_OCTAVE})" in text
    assert f"ceil(size / {TILE})" in text
    low = ("low bytes of samples of 16 bits", "low bytes of alpha of 16 bits")
    deflated = ("ICC profile, deflated", "EXIF, deflated", "XMP, deflated")
    names = (
        "ICC profile",
        "EXIF",
        "XMP",
        "alpha",
        "stored picture",
        *low,
        *deflated,
        "qualities of blocks",
        "projection",
    )
    for tag, name in zip(container.Tag, names, strict=True):
        assert f"| {tag.value} | {name} |" in text
    for coder in container.Coder:
        assert f"| {coder.value} | latents of a tile, coded by {coder.name.lower()}" in text
