"""Pictures that stand in a page: their pixels kept, made smaller where they are large, without metadata."""

import base64
import io

from PIL import Image

from lcomp.pictures.resizing import fitting
from lcomp.pictures.writing import save_image

MOST_SIDE = 16383
"""Largest side of a picture in a page: that of WebP."""


def reduced(image: Image.Image, max_side: int) -> Image.Image:
    """The picture, scaled down where a side is longer; of its metadata with the ICC profile alone."""
    size = fitting(*image.size, (max_side, max_side))
    small = image.copy() if size == image.size else image.resize(size, Image.Resampling.LANCZOS)
    profile = image.info.get("icc_profile")
    small.info = {"icc_profile": profile} if profile else {}
    return small


def data_uri(image: Image.Image) -> str:
    """A picture as lossless WebP or as PNG, whichever is smaller of those that keep its profile.

    >>> data_uri(Image.new("RGB", (64, 64), "teal"))[:28]
    'data:image/webp;base64,UklGR'
    """
    found = []
    for kind in ("WEBP", "PNG"):
        stream = io.BytesIO()
        lost = save_image(image, stream, kind)
        found.append((len(lost), stream.tell(), kind.lower(), stream.getvalue()))
    *_, name, data = min(found)
    return f"data:image/{name};base64,{base64.b64encode(data).decode()}"


class ImagePool:
    """The pictures of a page, each once."""

    def __init__(self) -> None:
        self.uris: list[str] = []
        self.places: dict[str, int] = {}

    def add(self, image: Image.Image) -> int:
        """The place of a picture among all."""
        uri = data_uri(image)
        if uri not in self.places:
            self.places[uri] = len(self.uris)
            self.uris.append(uri)
        return self.places[uri]
