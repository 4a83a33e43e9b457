"""`lcomp info`."""

import json
from dataclasses import asdict, dataclass
from typing import Annotated

import typer

import lcomp
from lcomp.cli.files import STREAM, common_code, printable, read_input, say, show
from lcomp.cli.inputs import check_names
from lcomp.cli.options import Json
from lcomp.errors import LcompError, ModelError
from lcomp.format import container
from lcomp.options import MAX_PIXELS
from lcomp.pictures.stored import stored_format
from lcomp.types import QUALITY_STEPS


@dataclass(frozen=True)
class Facts:
    """What `lcomp info` shows of a file."""

    file: str
    bytes: int
    width: int
    height: int
    mode: str
    bits: int  # per sample, 8 or 16
    bpp: float
    quality: float | None  # None where it is lossless
    model: str
    model_number: int
    fingerprint: str
    decoder: str  # the one that the file was made for
    inventive: bool  # whether that one invents detail
    decodable: bool  # the installed weights are the ones the file was written with
    coder: str  # of the latents, or "lossless (WebP)" and "lossless (PNG)" where it is stored
    coded_width: int  # half the width where it is coded at half size
    coded_height: int
    tiles: int  # 0 where it is stored
    tile_width: int  # of all but the last of a row
    tile_height: int  # of all but the last row
    latents_bytes: int
    stored_bytes: int  # of a picture stored losslessly
    alpha_bytes: int
    low_bytes: int  # of the low bytes of 16-bit samples, alpha's among them
    icc_bytes: int
    exif_bytes: int
    xmp_bytes: int


def read_facts(name: str) -> Facts:
    """Facts of a file, all checksums verified; raises LcompError with the file's name for a bad one."""
    try:
        data = read_input(name, MAX_PIXELS, container.MAGIC)
        file = container.read(data)
        models = {model.number: model for model in lcomp.models()}
    except ModelError:
        raise
    except LcompError as error:
        raise type(error)(f"{'stdin' if name == STREAM else name}: {error}") from error
    header = file.header
    model = models.get(header.model)
    return Facts(
        file=name,
        bytes=len(data),
        width=header.width,
        height=header.height,
        mode=header.mode.name + ("A" if file.alpha is not None else ""),
        bits=16 if file.deep else 8,
        bpp=round(8 * len(data) / (header.width * header.height), 4),
        quality=None if header.lossless else header.quality / QUALITY_STEPS,
        model="none" if header.stored else model.name if model else "unknown",
        model_number=header.model,
        fingerprint=f"{header.fingerprint:08x}",
        decoder="none" if header.stored else model.decoder_name if model else "unknown",
        inventive=model is not None and model.inventive,
        decodable=header.stored or (model is not None and model.fingerprint == header.fingerprint),
        coder=f"lossless ({stored_format(file.stored)})"
        if file.stored
        else file.coder.name.lower()
        if file.coder
        else "",
        coded_width=file.grid.width,
        coded_height=file.grid.height,
        tiles=len(file.tiles),
        tile_width=min(file.grid.tile_width, file.grid.width),
        tile_height=min(file.grid.tile_height, file.grid.height),
        latents_bytes=sum(len(tile.stream) for tile in file.tiles if tile),
        stored_bytes=len(file.stored or b""),
        alpha_bytes=len(file.alpha or b""),
        low_bytes=len(file.low or b"") + len(file.low_alpha or b""),
        icc_bytes=len(file.icc or b""),
        exif_bytes=len(file.exif or b""),
        xmp_bytes=len(file.xmp or b""),
    )


def as_text(facts: Facts) -> str:
    """Facts as text, one per line."""
    shown = {key: "-" if value is None else printable(str(value)) for key, value in asdict(facts).items()}
    lines = [f"{key.replace('_', ' '):14} {value}" for key, value in shown.items()]
    if facts.inventive:
        lines.append(f"{facts.decoder} invents plausible detail: its pictures are no evidence of what was there")
    return "\n".join(lines)


def info(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help=".lic files; - is stdin.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Show what .lic files contain, and verify their checksums.

    With --json, each of several files is one line.
    """
    check_names(files)
    codes = []
    for number, name in enumerate(files):
        try:
            facts = read_facts(name)
        except LcompError as error:
            say(f"lcomp: {error}")
            codes.append(error.exit_code)
            continue
        if as_json:
            show(json.dumps(asdict(facts), indent=2 if len(files) == 1 else None))
        else:
            show(("\n" if number > len(codes) else "") + as_text(facts))
    if codes:
        raise typer.Exit(common_code(codes))
