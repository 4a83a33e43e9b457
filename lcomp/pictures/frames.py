"""Frames of animations and pages of documents: whether there are several, and how one is chosen."""

from typing import BinaryIO, cast

from PIL import Image

from lcomp.errors import FrameError, LcompError
from lcomp.options import check_pixels
from lcomp.pictures.directories import NEW_KIND, REDUCED
from lcomp.pictures.partial import PREVIEW, has_pages


def seek(image: Image.Image, frame: int, max_pixels: int) -> None:
    """Seek to a frame; raises LcompError where it does not exist, LimitError where one before it is too large."""
    try:
        # the frames of a GIF may enlarge it, and each is put upon those before
        for number in range(image.tell() + 1, frame) if image.format == "GIF" else ():
            image.seek(number)
            check_pixels(image.width, image.height, max_pixels)
        if frame != image.tell():
            image.seek(frame)
    except EOFError as error:
        raise LcompError(f"there is no frame {frame} in the picture") from error


def open_file(image: Image.Image, *kinds: str) -> BinaryIO | None:
    """The file of a picture of these formats, where it is still open; None for other pictures."""
    if image.format not in kinds:
        return None
    # Pillow keeps the files of several pages under the second name once one of them is decoded
    for file in (getattr(image, "fp", None), getattr(image, "_fp", None)):
        if file is not None and hasattr(file, "read") and not file.closed:
            return cast(BinaryIO, file)
    return None


def is_animated(image: Image.Image) -> bool:
    """Whether a file holds several pictures, previews and masks not counted; raises FrameError for a preview."""
    file = open_file(image, "TIFF")
    if file is not None:
        return has_pages(file)
    kind = getattr(image, "tag_v2", {}).get(NEW_KIND)  # all that is left of a TIFF whose file is closed
    if isinstance(kind, int) and kind & REDUCED:
        raise FrameError(PREVIEW)
    return getattr(image, "is_animated", False)
