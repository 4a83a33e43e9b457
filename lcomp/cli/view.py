"""`lcomp view`."""

import shutil
import tempfile
import time
import webbrowser
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lcomp.cli.files import (
    STREAM,
    Destination,
    common_code,
    libraries_muted,
    messages_about,
    printable,
    read_input,
    say,
    set_up_messages,
    shows_bars,
)
from lcomp.cli.inputs import check_names, is_folder
from lcomp.cli.options import FILES, Device, Force, MaxPixels, Quiet, Threads, decoder_names, known_decoder
from lcomp.errors import FrameError, LcompError, UnsupportedError
from lcomp.files import is_special, write_atomically
from lcomp.format import container
from lcomp.options import MAX_PIXELS
from lcomp.pictures.reading import decode_pixels, open_image, to_picture
from lcomp.places.urls import is_url
from lcomp.workers import give_way

if TYPE_CHECKING:
    from lcomp.viewer.gallery import Gallery
    from lcomp.viewer.opened import OpenedFile, OriginalPicture

PAGE = "What the page shows"
"""Group of options in the help."""

PAGE_SUFFIXES = (".html", ".htm")

USUAL_SIDE, LARGEST_SIDE = 1600, 16383
"""Longest side of the pictures in a page: by default, so that a photograph takes a few megabytes, and of any WebP."""


def shown_names(names: list[str]) -> dict[str, str]:
    """Names for people: those of the files alone, where no other is called so."""
    short = {name: Path(name).name for name in names}
    counts = [short[name] for name in dict.fromkeys(names)]
    return {
        name: "stdin" if name == STREAM else short[name] if counts.count(short[name]) == 1 else name for name in names
    }


def check_arguments(files: list[str], originals: list[str], output: str | None) -> None:
    """Raise a usage error for names that do not fit."""
    check_names([*files, *dict.fromkeys(originals)])
    for name in (*files, *originals):
        if name != STREAM and is_folder(name):
            raise typer.BadParameter(printable(f"{name} is a directory: name the files in it"))
    if len(originals) not in (0, 1, len(files)):
        raise typer.BadParameter(
            f"{len(originals)} originals for {len(files)} files: give one for all, or one for each"
        )
    if output is None or output == STREAM or is_special(Path(output)):
        return
    if is_url(output):
        raise typer.BadParameter("a page goes to a file of this machine, or to -")
    if Path(output).suffix.lower() not in PAGE_SUFFIXES:
        raise typer.BadParameter(printable(f"the name of a page ends in .html, unlike {output}"))


def destination_of(output: str, sources: list[str], force: bool) -> Destination:
    """Where the page goes; raises LcompError where it may not."""
    path = Path(output)
    for name in sources:
        if STREAM not in (name, output) and path.exists() and Path(name).exists() and path.samefile(name):
            raise LcompError(f"output {output} is an input")
    return Destination(output, STREAM, force)


def read_original(name: str, label: str, max_pixels: int, deep: bool) -> "OriginalPicture":
    """An original, with all of its 16 bits per sample if `deep`; raises LcompError where it cannot be read."""
    from lcomp.viewer.opened import OriginalPicture

    try:
        data = read_input(name, max_pixels)
        with libraries_muted():
            image = open_image(data, max_pixels)
            decode_pixels(image, None, max_pixels, deep)
            return OriginalPicture(label, len(data), to_picture(image, None, max_pixels, deep))
    except FrameError as error:
        raise UnsupportedError(f"{label}: {error.reason}: it has no one picture to compare with") from error
    except LcompError as error:
        raise type(error)(f"{label}: {error}") from error


@dataclass(frozen=True)
class PageWork:
    """Makes the page of some files. What fails is named on stderr, and its exit code kept in `codes`."""

    codes: list[int]
    decoder: str | None
    max_side: int
    max_pixels: int
    device: str
    threads: int | None
    quiet: bool

    def fail(self, label: str, error: LcompError) -> None:
        """Name a file that cannot be shown."""
        say(f"lcomp: {label}: {error}")
        self.codes.append(error.exit_code)

    def opened(self, files: list[str], originals: list[str]) -> "list[OpenedFile]":
        """The files that can be read, with their originals; raises LcompError for an original that cannot."""
        from lcomp.viewer.opened import OpenedFile

        labels, found = shown_names([*files, *originals]), []
        read = cache(lambda name, deep: read_original(name, labels[name], self.max_pixels, deep))
        for number, name in enumerate(files):
            try:
                data = read_input(name, self.max_pixels, container.MAGIC)
                file = container.read(data, self.max_pixels)
            except LcompError as error:
                self.fail(labels[name], error)
                continue
            original = read(originals[number if len(originals) > 1 else 0], file.deep) if originals else None
            found.append(OpenedFile(labels[name], data, file, original))
        return found

    def gallery(self, files: "list[OpenedFile]") -> "Gallery":
        """Those of the files that can be decoded."""
        give_way()
        from lcomp import Codec
        from lcomp.viewer.gallery import Gallery, ViewOptions

        codec = Codec(device=self.device, threads=self.threads)
        gallery = Gallery(codec, ViewOptions(self.decoder, self.max_side, self.max_pixels))
        bar = None
        if shows_bars(self.quiet):
            from lcomp.cli.bars import batch_bar

            bar = batch_bar("decoding")
        with bar or nullcontext():
            for number, file in enumerate(files):

                def progress(done: int, total: int, number: int = number, file: "OpenedFile" = file) -> None:
                    if bar is not None:
                        text, completed = f"decoding {printable(file.name)}", number + done / total
                        bar.update(bar.task_ids[0], description=text, completed=completed, total=len(files))

                progress(0, 1)
                try:
                    with messages_about(file.name):
                        gallery.add(file, progress)
                except LcompError as error:
                    self.fail(file.name, error)
        return gallery


def write_temporary(data: bytes) -> Path:
    """Write a page that no other can be mistaken for, where temporary files belong; raises LcompError."""
    try:
        folder = Path(tempfile.mkdtemp(prefix="lcomp-view-"))
        try:
            write_atomically(folder / "view.html", data)
        except BaseException:  # an interrupt too
            shutil.rmtree(folder, ignore_errors=True)
            raise
    except OSError as error:
        raise LcompError(f"cannot write a temporary page: {error.strerror}: name one with -o") from error
    return folder / "view.html"


def open_in_browser(path: Path) -> None:
    """Open a page, or say that it is to be opened."""
    try:
        found = webbrowser.open(path.resolve().as_uri())
    except webbrowser.Error:
        found = False
    if not found:
        say(f"lcomp: no browser was found: open {path} in one")


def view(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help=".lic files; - is stdin.", show_default=False)],
    original: Annotated[
        list[str] | None,
        typer.Option(
            "--original",
            metavar="PICTURE",
            help="What the files were made from: one for all, or once for each FILE.",
            show_default="none",
            rich_help_panel=PAGE,
        ),
    ] = None,
    decoder: Annotated[
        str | None,
        typer.Option(
            "--decoder",
            metavar="mse|fast|sr|gan",
            autocompletion=decoder_names,
            help="Show only what this decoder makes.",
            show_default="all that a file has",
            rich_help_panel=PAGE,
        ),
    ] = None,
    max_side: Annotated[
        int,
        typer.Option(
            "--max-side",
            min=16,
            max=LARGEST_SIDE,
            metavar="N",
            help="Reduce larger pictures to this many pixels a side in the page.",
            rich_help_panel=PAGE,
        ),
    ] = USUAL_SIDE,
    output: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--output",
            metavar="PAGE",
            help="The page, NAME.html, or - for stdout.",
            show_default="a temporary file",
            rich_help_panel=FILES,
        ),
    ] = None,
    no_open: Annotated[
        bool, typer.Option("--no-open", help="Write the page without opening it in a browser.", rich_help_panel=FILES)
    ] = False,
    force: Force = False,
    max_pixels: MaxPixels = MAX_PIXELS,
    device: Device = "auto",
    threads: Threads = None,
    quiet: Quiet = False,
) -> None:
    """Show .lic files in a browser: every decoder, the original beside it, sizes and metrics.

    It makes one HTML page that needs nothing else, with a dividing line, a magnifier and the difference.

    Examples:
    lcomp view img.lic

    lcomp view img.lic --original img.png

    lcomp view small.lic large.lic --original img.png -o compared.html
    """
    set_up_messages(False, quiet)
    started, originals = time.perf_counter(), original or []
    check_arguments(files, originals, output)
    known_decoder(decoder)
    destination = None if output is None else destination_of(output, [*files, *originals], force)
    codes: list[int] = []
    work = PageWork(codes, decoder, max_side, max_pixels, device, threads, quiet)
    opened = work.opened(files, originals)
    shown = work.gallery(opened).contents() if opened else None
    if shown is not None and shown.names:
        from lcomp.viewer.contents import as_page

        data = as_page(shown).encode("ascii")
        if destination is not None:
            destination.write(data)
        path = write_temporary(data) if destination is None else Path(destination.name)
        is_stream = destination is not None and (destination.name == STREAM or is_special(path))
        if not quiet and not is_stream:
            seconds = time.perf_counter() - started
            say(f"{', '.join(shown.names)} -> {path}: {len(data)} bytes, {seconds:.2f} s")
        if not (no_open or is_stream):
            open_in_browser(path)
    if codes:
        raise typer.Exit(common_code(codes))
