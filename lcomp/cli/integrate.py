"""`lcomp integrate`: makes the desktop, `man` and `file` know of `.lic` files, and removes that again."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Annotated

import typer

from lcomp.cli import desktop
from lcomp.cli.files import say
from lcomp.cli.man import manual
from lcomp.errors import LcompError
from lcomp.files import write_atomically

DATABASES = (
    ("update-mime-database", "mime", "packages"),
    ("update-desktop-database", "applications", ""),
)
"""Programs that read what was installed, their folders, and what these must hold."""

MAN = Path("man", "man1")


def data_home() -> Path:
    """Where data of this user belongs; raises LcompError where there is no such place."""
    named = os.environ.get("XDG_DATA_HOME", "")
    if Path(named).is_absolute():
        return Path(named)
    try:
        return Path.home() / ".local" / "share"
    except RuntimeError as error:
        raise LcompError("there is no home folder: set XDG_DATA_HOME") from error


def contents(context: typer.Context) -> dict[Path, str]:
    """What is installed, by its place below the folder of data."""
    name = desktop.NAME
    pages = {MAN / page: text for page, text in manual(context).items()}
    return {
        Path("mime", "packages", f"{name}.xml"): desktop.mime_type(),
        Path("thumbnailers", f"{name}.thumbnailer"): desktop.thumbnailer(),
        Path("applications", f"{name}.desktop"): desktop.desktop_entry(),
        Path(name, "magic"): desktop.magic_entry(),
        **pages,
    }


def update_databases(home: Path) -> None:
    """Have the desktop read its folders anew, where its programs are installed."""
    for program, folder, needed in DATABASES:
        found = shutil.which(program)
        if found and (home / folder / needed).is_dir():
            done = subprocess.run([found, home / folder], capture_output=True, check=False)
            if done.returncode:
                say(f"lcomp: {program} failed: {done.stderr.decode(errors='replace').strip()}")


def integrate(
    context: typer.Context,
    remove: Annotated[bool, typer.Option("--remove", help="Remove what was installed.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Name the files only.")] = False,
) -> None:
    """Make the desktop of this user know .lic files: type, thumbnails, "open with", manual pages.

    Everything goes below $XDG_DATA_HOME, by default ~/.local/share; nothing needs an administrator.
    """
    home = data_home()
    for place, text in contents(context).items():
        path = home / place
        if not dry_run:
            try:
                if remove:
                    path.unlink(missing_ok=True)
                else:
                    write_atomically(path, text.encode())
            except OSError as error:
                raise LcompError(f"cannot {'remove' if remove else 'write'} {path}: {error.strerror}") from error
        say(f"{'would be ' if dry_run else ''}{'removed' if remove else 'written'}: {path}")
    if not dry_run:
        update_databases(home)
    if not remove:
        say(f"for file(1): file -m {home / desktop.NAME / 'magic'} FILE")
