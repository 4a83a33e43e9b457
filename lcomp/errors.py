"""Every error that lcomp raises for data, files and models.

LcompError                      exit code 1
|-- FormatError                 3   not a .lic file, or one that contradicts itself
|   |-- TruncatedError          3   the file ends too early
|   `-- ChecksumError           3   damaged bytes, or a decoder out of step
|-- UnsupportedError            3   a valid input that this version cannot handle
|   `-- FrameError              3   a picture of several frames, of which one must be chosen
|-- LimitError                  3   larger than the limits allow
|-- ImageError                  3   the picture cannot be read
|-- OutputExistsError           1   there is a file that may not be replaced
|-- ModelError                  4   model or weights missing, damaged or not matching
`-- InterruptError            130   by the user
"""

import struct
import zlib

UNREADABLE = (
    *(OSError, EOFError, SyntaxError, ValueError, TypeError, AttributeError, LookupError, ArithmeticError),
    *(AssertionError, RuntimeError, SystemError, struct.error, zlib.error),
)
"""What Pillow and its plugins raise for damaged pictures and metadata."""


class LcompError(Exception):
    """Base of all errors raised by lcomp; `exit_code` is what the command line returns for it."""

    exit_code = 1


class FormatError(LcompError):
    """The data is not a `.lic` file or contradicts itself."""

    exit_code = 3


class TruncatedError(FormatError):
    """The data ends before its header says it should."""


class ChecksumError(FormatError):
    """A checksum does not match: the data is damaged or was decoded out of step."""


class UnsupportedError(LcompError):
    """The input is valid but needs something this version does not do."""

    exit_code = 3


class FrameError(UnsupportedError):
    """One of several frames must be chosen. `reason` says why; the message also says how, for those who can."""

    @property
    def reason(self) -> str:
        """What the picture is."""
        return str(self.args[0])

    def __str__(self) -> str:
        return f"{self.reason}: choose a frame with --frame N, counted from 0"


class LimitError(LcompError):
    """The input is larger than the limits in force."""

    exit_code = 3


class ImageError(LcompError):
    """The picture cannot be read or written by the image library."""

    exit_code = 3


class OutputExistsError(LcompError):
    """The output exists and may not be replaced."""


class ModelError(LcompError):
    """A model or its weights are missing, damaged or not the ones the file needs."""

    exit_code = 4


class InterruptError(LcompError):
    """The user interrupted the work, with Ctrl-C for example."""

    exit_code = 130
