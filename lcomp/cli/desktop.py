"""What tells a desktop of `.lic` files: their type, a thumbnailer, what opens them, and how `file` recognises them."""

import re
import sys

from lcomp.format.container import MAGIC
from lcomp.pillow_plugin import MIME

NAME = "lcomp"

COMMENT = "lcomp compressed picture"


def escaped(text: str) -> str:
    """A text as the value of any key, whose backslashes begin escapes."""
    return text.replace("\\", r"\\").replace("\n", r"\n")


def quoted(path: str) -> str:
    """A path as the Exec key of an entry has it, in double quotes where it needs them: escaped in these, then again."""
    path = re.sub(r'(["`$\\])', r"\\\1", path).replace("%", "%%")
    return escaped(path if re.fullmatch(r"[\w@%+=:,./-]+", path) else f'"{path}"')


def command_line() -> str:
    """The command of this installation, which need not be on the PATH of a desktop."""
    return f"{quoted(sys.executable)} -m lcomp"


def mime_type() -> str:
    """Shared MIME information: the type, its suffix and how its files begin."""
    magic = "".join(f"\\x{byte:02x}" for byte in MAGIC)
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<mime-info xmlns="http://www.freedesktop.org/standards/shared-mime-info">
  <mime-type type="{MIME}">
    <comment>{COMMENT}</comment>
    <generic-icon name="image-x-generic"/>
    <magic priority="80">
      <match type="string" offset="0" value="{magic}"/>
    </magic>
    <glob pattern="*.lic"/>
  </mime-type>
</mime-info>
"""


def thumbnailer() -> str:
    """Entry for file managers: they fill in the file, the thumbnail and its size in pixels."""
    return f"""[Thumbnailer Entry]
TryExec={escaped(sys.executable)}
Exec={command_line()} thumbnail --size %s %i %o
MimeType={MIME};
"""


def desktop_entry() -> str:
    """Entry for "open with": shows the files in a browser."""
    return f"""[Desktop Entry]
Type=Application
Name=lcomp
GenericName=View with lcomp
Comment=Show .lic files in a browser, under every decoder
TryExec={escaped(sys.executable)}
Exec={command_line()} view %F
Icon=image-x-generic
Terminal=false
NoDisplay=true
MimeType={MIME};
Categories=Graphics;Viewer;
"""


def magic_entry() -> str:
    """Entry for `file`: the dimensions follow as variable-length integers, which it cannot show."""
    text = "".join(f"\\x{byte:02x}" for byte in MAGIC)
    return f"""# lcomp pictures
0\tstring\t{text}\t{COMMENT}
!:mime\t{MIME}
!:ext\tlic
"""
