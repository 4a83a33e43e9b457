"""A page for blind comparisons: pairs of crops at equal bytes, in random order, and a count of what people prefer.

pip install '.[eval]'
python benchmarks/blind.py path/to/pictures -o blind.html

It compares AVIF, the default model and `gan`. The page loads nothing and sends nothing: it keeps the votes in the
browser, shows who made what only at the end, and saves the votes as a JSON file.
"""

import argparse
import itertools
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from string import Template

from PIL import Image
from sheet import avif_within

import lcomp
from lcomp.evaluation.page_parts import page_part
from lcomp.options import DEFAULT_MODEL
from lcomp.pictures.reading import PICTURE_SUFFIXES
from lcomp.viewer.embedding import ImagePool

SIDE = 384
"""Side of the crops, from the middle of the pictures."""

PAGE = Path(__file__).with_name("blind.html")


@dataclass(frozen=True)
class Shown:
    """What one codec makes of a crop."""

    codec: str
    image: int  # its place among the page's pictures


@dataclass(frozen=True)
class Pair:
    """Two codecs' versions of a crop, at equal bytes of the whole picture."""

    picture: str
    bpp: float
    original: int
    versions: tuple[Shown, Shown]


def middle(image: Image.Image) -> Image.Image:
    """The crop that is shown."""
    left, top = max(0, (image.width - SIDE) // 2), max(0, (image.height - SIDE) // 2)
    return image.crop((left, top, min(image.width, left + SIDE), min(image.height, top + SIDE)))


def versions(codec: lcomp.Codec, image: Image.Image, bpp: float, pool: ImagePool) -> list[Shown]:
    """The crop by every codec, none of whose files is larger than the model's."""
    data = codec.encode(image, lcomp.EncodeOptions(bpp=bpp))
    pictures = {
        "AVIF": avif_within(image, len(data)),
        f"lcomp {codec.model.name}": codec.decode(data),
        "lcomp gan": codec.decode(data, lcomp.DecodeOptions(decoder="gan")),
    }
    return [Shown(name, pool.add(middle(shown.convert("RGB")))) for name, shown in pictures.items()]


def page_of(pairs: list[Pair], pool: ImagePool) -> str:
    """The page that shows pairs."""
    data = json.dumps({"pairs": [asdict(pair) for pair in pairs], "images": pool.uris}).replace("<", "\\u003c")
    return Template(PAGE.read_text(encoding="utf-8")).substitute(css=page_part("design.css"), data=data)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=Path("blind.html"))
    parser.add_argument("-n", "--count", type=int, default=12, help="pictures, evenly spaced by name")
    parser.add_argument("--bpp", default="0.1,0.2", help="bits per pixel")
    arguments = parser.parse_args()
    files = sorted(path for path in arguments.pictures.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)
    codec, pool, pairs = lcomp.Codec(DEFAULT_MODEL), ImagePool(), []
    for path in files[:: max(1, len(files) // arguments.count)][: arguments.count]:
        with Image.open(path) as opened:
            image = opened.convert("RGB")
        original = pool.add(middle(image))
        for bpp in map(float, arguments.bpp.split(",")):
            for two in itertools.combinations(versions(codec, image, bpp, pool), 2):
                pairs.append(Pair(path.stem, bpp, original, two))
        print(f"{path.name}: {len(pairs)} pairs", flush=True)
    arguments.output.write_text(page_of(pairs, pool), encoding="utf-8")
    print(f"{arguments.output}: {arguments.output.stat().st_size} bytes")


if __name__ == "__main__":
    main()
