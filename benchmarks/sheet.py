"""Crops of Kodak at equal bytes: AVIF, the default model, and invented texture and super-resolution on its files.

Writes benchmarks/decoders.jpg.

pip install '.[eval]'
python benchmarks/sheet.py path/to/kodak
"""

import argparse
from bisect import bisect_right
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageDraw

import lcomp
from lcomp.evaluation.codecs.avif import DEFAULT_SPEED, DEFAULT_TUNE, Avif
from lcomp.format.container import LicFile
from lcomp.options import DEFAULT_MODEL

RATES = (0.2, 0.1, 0.05)
"""Bits per pixel."""

WIDTH, HEIGHT, LABEL = 256, 192, 14


class Place(NamedTuple):
    """A crop of a picture: its left upper corner."""

    picture: str
    x: int
    y: int


PLACES = (
    Place("kodim04", 130, 300),  # a face
    Place("kodim15", 400, 100),  # another one
    Place("kodim13", 330, 130),  # foliage
    Place("kodim20", 170, 200),  # text
)


class Shown(NamedTuple):
    """A picture and what stands above it."""

    label: str
    image: Image.Image


def avif_within(image: Image.Image, limit: int) -> Shown:
    """The best AVIF of at most `limit` bytes, or the smallest one."""
    adapter = Avif.open(DEFAULT_TUNE, DEFAULT_SPEED)
    found = bisect_right(range(1, 101), limit, key=lambda quality: len(adapter.encode(image, quality)))
    data = adapter.encode(image, found)
    return Shown(f"AVIF, {len(data)} bytes", adapter.decode(data).convert("RGB"))


def smallest_within(codec: lcomp.Codec, image: Image.Image, bpp: float) -> LicFile:
    """The best file of so many bits per pixel, or the smallest where there is none."""
    try:
        return codec.encode_file(image, lcomp.EncodeOptions(bpp=bpp))
    except lcomp.LcompError:
        return codec.encode_file(image, lcomp.EncodeOptions(0.0))


def versions(codec: lcomp.Codec, image: Image.Image, bpp: float) -> list[Shown]:
    """The picture in all the ways that are compared; super-resolution is for files coded at half size."""
    file = smallest_within(codec, image, bpp)
    shown = [Shown("original", image), avif_within(image, len(file))]
    decoders = {"mse": f"lcomp {codec.model.name}, {len(file)} bytes", "gan": "the same, --decoder gan"}
    if file.header.half:
        decoders["sr"] = "the same, --decoder sr"
    for decoder, label in decoders.items():
        shown.append(Shown(label, codec.decode(file.data, lcomp.DecodeOptions(decoder=decoder))))
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=Path(__file__).with_name("decoders.jpg"))
    arguments = parser.parse_args()
    codec, rows = lcomp.Codec(DEFAULT_MODEL), []
    for place in PLACES:
        with Image.open(arguments.pictures / f"{place.picture}.png") as file:
            image = file.convert("RGB")
        rows += [(place, versions(codec, image, bpp)) for bpp in RATES]
        print(place.picture, flush=True)
    sheet = Image.new("RGB", (max(len(shown) for _, shown in rows) * WIDTH, len(rows) * (HEIGHT + LABEL)), "white")
    draw = ImageDraw.Draw(sheet)
    for row, (place, shown) in enumerate(rows):
        for column, (label, image) in enumerate(shown):
            left, top = column * WIDTH, row * (HEIGHT + LABEL)
            draw.text((left + 2, top + 1), label, "black")
            box = (place.x, place.y, place.x + WIDTH, place.y + HEIGHT)
            sheet.paste(image.crop(box), (left, top + LABEL))
    sheet.save(arguments.output, quality=85)
    print(f"{arguments.output}: {arguments.output.stat().st_size} bytes")


if __name__ == "__main__":
    main()
