"""What a region of interest gains, and what the rest pays for it: files with and without one, of the same size.

    python benchmarks/roi.py path/to/pictures -q 4
    python benchmarks/roi.py path/to/pictures -q 1.5 --protect faces,text

The region is a quarter of each picture, in its middle, or the faces and texts that are found in it; pictures without
any are left out. The file without it has the quality asked for, the other at most as many bytes.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

import lcomp
from lcomp.detection.places import find
from lcomp.encoding.distortion import psnr
from lcomp.encoding.ssimulacra2 import ssimulacra2
from lcomp.options import DEFAULT_STEPS, Region
from lcomp.pictures.reading import pictures_below


def middle(width: int, height: int) -> Region:
    """The quarter of a picture in its middle."""
    return Region(width // 4, height // 4, width // 2, height // 2)


def apart(ours: np.ndarray, original: np.ndarray, regions: list[Region]) -> tuple[float, float]:
    """PSNR in dB inside and outside of some regions."""
    inside = np.zeros(original.shape[:2], np.uint8)
    for region in regions:
        inside[region.y : region.y + region.height, region.x : region.x + region.width] = 255
    return psnr(ours, original, inside), psnr(ours, original, 255 - inside)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("-q", "--quality", type=float, default=4.0, help="of the files without a region")
    parser.add_argument("-m", "--model", default=None)
    parser.add_argument("-e", "--effort", type=int, default=1)
    parser.add_argument("--steps", type=float, default=DEFAULT_STEPS)
    parser.add_argument("--protect", help="faces, text or both, instead of the middle")
    parser.add_argument("--every", type=int, default=1, help="take every n-th picture")
    parser.add_argument("--max-side", type=int, help="pictures are cut to this side, to save time")
    parser.add_argument("--save", type=Path, help="folder for the original and both decoded pictures, side by side")
    arguments = parser.parse_args()
    files = pictures_below(arguments.pictures)
    codec = lcomp.Codec(arguments.model)
    rows = []
    for file in files[:: arguments.every]:
        image = Image.open(file).convert("RGB")
        side = arguments.max_side or max(image.size)
        image = image.crop((0, 0, min(image.width, side), min(image.height, side)))
        original = np.asarray(image)
        places = [middle(*image.size)]
        if arguments.protect:
            places = list(find(arguments.protect.split(","), original, None, 1))
        if not places:
            continue
        regions = [place._replace(steps=arguments.steps) for place in places]
        plain = codec.encode(image, lcomp.EncodeOptions(arguments.quality, arguments.effort))
        better = codec.encode(image, lcomp.EncodeOptions(effort=arguments.effort, size=len(plain), roi=regions))
        shown = [np.asarray(codec.decode(data).convert("RGB")) for data in (plain, better)]
        before, after = (apart(pixels, original, regions) for pixels in shown)
        scores = [ssimulacra2(pixels, original) for pixels in shown]
        rows.append((after[0] - before[0], after[1] - before[1], scores[1] - scores[0], len(better) / len(plain)))
        print(f"{file.name:24} inside {rows[-1][0]:+.2f} dB  outside {rows[-1][1]:+.2f} dB", flush=True)
        if arguments.save:
            arguments.save.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.hstack([original, *shown])).save(arguments.save / f"{file.stem}.png")
    inside, outside, score, size = np.mean(rows, 0)
    least = min(row[0] for row in rows)
    print(f"{len(rows)} pictures, {size:.2%} of the bytes:")
    print(f"inside {inside:+.2f} dB (least {least:+.2f})  outside {outside:+.2f} dB  SSIMULACRA2 of all {score:+.2f}")


if __name__ == "__main__":
    main()
