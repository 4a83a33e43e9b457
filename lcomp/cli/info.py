"""`lcomp info`."""

import json
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from typing import Annotated, Protocol

import numpy as np
import typer

import lcomp
from lcomp.cli.files import STREAM, common_code, printable, read_input, say, show, shown
from lcomp.cli.inputs import LIC, InputFile, check_names, find_below, is_folder
from lcomp.cli.options import MESSAGES, Json, Recursive
from lcomp.errors import LcompError, ModelError
from lcomp.format import container
from lcomp.format.container import Coder, LicFile
from lcomp.format.metadata import kind_of
from lcomp.format.sections import Tag
from lcomp.options import MAX_PIXELS
from lcomp.pictures.stored import stored_format
from lcomp.types import QUALITY_STEPS


class KnownModel(Protocol):
    """What tells whether a model can decode a file."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def number(self) -> int:
        """What files call it."""

    @property
    def fingerprint(self) -> int:
        """Which weights are installed."""

    @property
    def obstacle(self) -> str | None:
        """Why it cannot be loaded."""


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
    quality: float | None  # None where there is none, as in a lossless file
    worst_quality: float | None  # of all blocks of the picture, where these differ
    best_quality: float | None
    max_error: int | None  # largest error of a sample: 0 where it is lossless, None where it is unknown
    model: str
    model_number: int
    fingerprint: str
    decoder: str  # the one that the file was made for
    inventive: bool  # whether that one invents detail
    decodable: bool  # this installation has the weights the file was written with, and its coder
    obstacle: str | None  # why it cannot be decoded here
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
    icc_bytes: int  # as it takes them in the file, where it may be deflated
    exif_bytes: int
    xmp_bytes: int
    icc_original_bytes: int
    exif_original_bytes: int
    xmp_original_bytes: int


def obstacle(file: LicFile, model: KnownModel | None) -> str | None:
    """Why this installation cannot decode a file; None where it can."""
    if file.header.stored:
        return None
    if model is None:
        return f"its model, number {file.header.model}, is not installed: a newer lcomp may know it"
    if model.fingerprint != file.header.fingerprint:
        return f"it needs other weights of {model.name} ({file.header.fingerprint:08x})"
    if file.coder is Coder.TORCHAC and find_spec("torchac") is None:
        return "it needs torchac: pip install 'lcomp[torchac]'"
    return model.obstacle


def read_facts(name: str) -> Facts:
    """Facts of a file, all checksums verified; raises LcompError with the file's name for a bad one."""
    try:
        data = read_input(name, MAX_PIXELS, container.MAGIC)
        header, sections = container.read_sections(data)
        file = container.whole(header, sections)
        taken = {kind_of(section.tag): len(section.payload) for section in sections}
        # two for experiments may have the same number
        fitting = sorted(lcomp.models(), key=lambda model: model.fingerprint != header.fingerprint)
    except ModelError:
        raise
    except LcompError as error:
        raise type(error)(f"{shown(name)}: {error}") from error
    by_block = np.unique(file.quality) / QUALITY_STEPS
    model = next((model for model in fitting if model.number == header.model), None)
    missing = obstacle(file, model)
    return Facts(
        file=name if name == STREAM else shown(name),
        bytes=len(data),
        width=header.width,
        height=header.height,
        mode=header.mode.name + ("A" if file.alpha is not None else ""),
        bits=16 if file.deep else 8,
        bpp=round(8 * len(data) / (header.width * header.height), 4),
        quality=header.quality / QUALITY_STEPS if not header.lossless and (not model or model.has_quality) else None,
        worst_quality=float(by_block[0]) if len(by_block) > 1 else None,
        best_quality=float(by_block[-1]) if len(by_block) > 1 else None,
        max_error=header.max_error if header.lossless else None,
        model="none" if header.stored else model.name if model else "unknown",
        model_number=header.model,
        fingerprint=f"{header.fingerprint:08x}",
        decoder="none" if header.stored else model.decoder_for(header.half) if model else "unknown",
        inventive=model is not None and model.inventive,
        decodable=missing is None,
        obstacle=missing,
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
        icc_bytes=taken.get(Tag.ICC, 0),
        exif_bytes=taken.get(Tag.EXIF, 0),
        xmp_bytes=taken.get(Tag.XMP, 0),
        icc_original_bytes=len(file.icc or b""),
        exif_original_bytes=len(file.exif or b""),
        xmp_original_bytes=len(file.xmp or b""),
    )


def as_text(facts: Facts) -> str:
    """All facts as text, one per line."""
    shown = {key: "-" if value is None else printable(str(value)) for key, value in asdict(facts).items()}
    widest = max(map(len, shown))
    lines = [f"{key.replace('_', ' '):{widest}} {value}" for key, value in shown.items()]
    if facts.inventive:
        lines.append(f"{facts.decoder} invents plausible detail: its pictures are no evidence of what was there")
    lines.append("checksums ok")
    return "\n".join(lines)


def columns(facts: Facts) -> list[str]:
    """The facts that fit into a line."""
    exactly = f"off by {facts.max_error} at most" if facts.max_error else "lossless"
    how = f"-q {facts.quality:g}" if facts.quality is not None else facts.coder if facts.stored_bytes else exactly
    if facts.worst_quality is not None:
        how += f" ({facts.worst_quality:g} to {facts.best_quality:g})"
    return [
        printable(facts.file),
        f"{facts.width}x{facts.height}",
        facts.mode,
        f"{facts.bytes} bytes",
        f"{facts.bpp:.3f} bpp",
        how,
        facts.model if facts.model != "none" else "-",
        "checksums ok" + (", invents detail" if facts.inventive else ""),
    ]


def show_table(rows: list[list[str]]) -> None:
    """Print rows with their columns below each other; a single row, or none, needs no such care."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        show("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def found(names: list[str], recursive: bool) -> list[InputFile]:
    """The files named, and with `recursive` the .lic files in the folders named, of which some may not be readable.

    Raises a usage error for a folder without that, LcompError where there is no file.
    """
    files: list[InputFile] = []
    for name in names:
        if name == STREAM or not is_folder(name):
            files.append(InputFile(name))
        elif recursive:
            files += find_below(name, frozenset({LIC}), apart=False).files
        else:
            raise typer.BadParameter(printable(f"{name} is a directory: use --recursive"))
    if not files:
        raise LcompError(f"there is no {LIC} file in {', '.join(map(shown, names))}")
    return files


def info(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help=".lic files; - is stdin.", show_default=False)],
    as_json: Json = False,
    recursive: Recursive = False,
    verbose: Annotated[
        bool, typer.Option("-v", "--verbose", help="Show everything there is to know.", rich_help_panel=MESSAGES)
    ] = False,
) -> None:
    """Show what .lic files contain, one per line, and verify their checksums.

    With --json, each of several files is one line too. A file that this installation cannot decode makes the exit code
    4.
    """
    check_names(files)
    codes = []
    rows = []
    for number, (name, _, problem, _) in enumerate(found(files, recursive)):
        try:
            if problem:
                raise LcompError(f"{shown(name)}: {problem}")
            facts = read_facts(name)
        except LcompError as error:
            say(f"lcomp: {error}")
            codes.append(error.exit_code)
            continue
        if as_json:
            show(json.dumps(asdict(facts), indent=2 if len(files) == 1 and not recursive else None))
        elif verbose:
            show(("\n" if number > len(codes) else "") + as_text(facts))
        else:
            rows.append(columns(facts))
        if not facts.decodable:
            say(f"lcomp: {shown(name)}: cannot be decoded here: {facts.obstacle}")
            codes.append(ModelError.exit_code)
    show_table(rows)
    if codes:
        raise typer.Exit(common_code(codes))
