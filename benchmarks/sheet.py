"""Crops of Kodak at equal bytes: AVIF, the model for PSNR, the one for what people see, and invented texture on it.

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

BPP = 0.25
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
    Place("kodim16", 200, 230),  # water
    Place("kodim20", 170, 200),  # text
    Place("kodim21", 330, 60),  # sky
)


class Shown(NamedTuple):
    """A picture and what stands above it."""

    label: str
    image: Image.Image


def avif_within(image: Image.Image, limit: int) -> Image.Image:
    """The best AVIF of at most `limit` bytes, or the smallest one."""
    adapter = Avif.open(DEFAULT_TUNE, DEFAULT_SPEED)
    found = bisect_right(range(1, 101), limit, key=lambda quality: len(adapter.encode(image, quality)))
    return adapter.decode(adapter.encode(image, found)).convert("RGB")


def versions(visual: lcomp.Codec, plain: lcomp.Codec, image: Image.Image) -> list[Shown]:
    """The picture in all the ways that are compared."""
    data = visual.encode(image, lcomp.EncodeOptions(bpp=BPP))
    other = plain.encode(image, lcomp.EncodeOptions(size=len(data)))
    return [
        Shown("original", image),
        Shown(f"AVIF, {len(data)} bytes", avif_within(image, len(data))),
        Shown(f"lcomp {plain.model.name}", plain.decode(other)),
        Shown(f"lcomp {visual.model.name}", visual.decode(data)),
        Shown("the same, --decoder gan", visual.decode(data, lcomp.DecodeOptions(decoder="gan"))),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=Path(__file__).with_name("decoders.jpg"))
    arguments = parser.parse_args()
    visual, plain = lcomp.Codec("visual"), lcomp.Codec("autoregressive")
    rows = []
    for place in PLACES:
        with Image.open(arguments.pictures / f"{place.picture}.png") as file:
            rows.append(versions(visual, plain, file.convert("RGB")))
    sheet = Image.new("RGB", (len(rows[0]) * WIDTH, len(rows) * (HEIGHT + LABEL)), "white")
    draw = ImageDraw.Draw(sheet)
    for row, (place, shown) in enumerate(zip(PLACES, rows, strict=True)):
        for column, (label, image) in enumerate(shown):
            left, top = column * WIDTH, row * (HEIGHT + LABEL)
            draw.text((left + 2, top + 1), label, "black")
            box = (place.x, place.y, place.x + WIDTH, place.y + HEIGHT)
            sheet.paste(image.crop(box), (left, top + LABEL))
    sheet.save(arguments.output, quality=90)
    print(f"{arguments.output}: {arguments.output.stat().st_size} bytes")


if __name__ == "__main__":
    main()
