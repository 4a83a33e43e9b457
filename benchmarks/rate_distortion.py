"""Rate and distortion of the shipped model and of classical codecs on a folder of pictures, from real files.

    pip install scipy && python benchmarks/rate_distortion.py --data path/to/kodak --output benchmarks/kodak.json

Every codec writes files to a temporary folder; bits per pixel count every byte, header included. PSNR is that of
rounded 8-bit RGB, per picture and then averaged. BD-rate: piecewise cubic interpolation of log(bpp) over the shared
range of PSNR. VTM is the published curve of CompressAI (results/image/kodak/vtm.json), valid on Kodak only.
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.interpolate import PchipInterpolator

import lcomp

QUALITIES = {
    "lcomp hyperprior": (1, 2, 3, 4, 5, 6, 7, 8),
    "JPEG 4:2:0": (5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95),
    "WebP": (0, 10, 25, 40, 55, 70, 80, 90, 95),
    "AVIF 4:4:4": (10, 20, 30, 40, 50, 60, 70, 80, 90),
}
VTM_BPP = (0.04824, 0.1125, 0.24582, 0.49055, 0.87481, 1.43085, 2.32461, 3.63261)
VTM_PSNR = (26.14485, 28.49302, 31.19987, 34.26153, 37.41979, 40.42444, 43.50577, 46.59176)


@dataclass(frozen=True)
class Point:
    """Mean of one codec at one quality."""

    codec: str
    quality: float
    bpp: float
    psnr: float


def psnr(ours: Image.Image, original: Image.Image) -> float:
    difference = np.asarray(ours.convert("RGB")).astype(float) - np.asarray(original)
    return float(10 * np.log10(255**2 / np.square(difference).mean()))


def writer(codec: str, model: lcomp.Codec) -> Callable[[Image.Image, Path, float], Image.Image]:
    """A function that writes a file at a quality and returns the picture read back from it."""

    def ours(image: Image.Image, path: Path, quality: float) -> Image.Image:
        path.write_bytes(model.encode(image, quality))
        return model.decode(path.read_bytes())

    def pillow(image: Image.Image, path: Path, quality: float) -> Image.Image:
        if codec.startswith("JPEG"):
            image.save(path, "JPEG", quality=int(quality), subsampling="4:2:0")
        elif codec == "WebP":
            image.save(path, "WEBP", quality=int(quality), method=6)
        else:
            image.save(path, "AVIF", quality=int(quality), subsampling="4:4:4", speed=4)
        return Image.open(path)

    return ours if codec.startswith("lcomp") else pillow


def measure(files: list[Path], codecs: list[str]) -> Iterator[Point]:
    model = lcomp.Codec()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        for codec in codecs:
            write = writer(codec, model)
            for quality in QUALITIES[codec]:
                rates, distortions = [], []
                for file in files:
                    image = Image.open(file).convert("RGB")
                    decoded = write(image, path, quality)
                    rates.append(8 * path.stat().st_size / (image.width * image.height))
                    distortions.append(psnr(decoded, image))
                point = Point(codec, quality, float(np.mean(rates)), float(np.mean(distortions)))
                print(f"{point.codec:18} {point.quality:5} {point.bpp:8.4f} bpp {point.psnr:8.3f} dB", flush=True)
                yield point


def bd_rate(bpp: list[float], psnr: list[float], anchor_bpp: list[float], anchor_psnr: list[float]) -> float:
    """Mean difference of rate at equal PSNR, in percent."""
    curves = []
    for rates, values in ((bpp, psnr), (anchor_bpp, anchor_psnr)):
        order = np.argsort(values)
        curves.append(PchipInterpolator(np.array(values)[order], np.log(np.array(rates)[order])))
    low, high = max(min(psnr), min(anchor_psnr)), min(max(psnr), max(anchor_psnr))
    ours, anchor = (curve.integrate(low, high) / (high - low) for curve in curves)
    return float(100 * (np.exp(ours - anchor) - 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of PNG pictures")
    parser.add_argument("--output", type=Path, help="write all points as JSON")
    parser.add_argument("--codecs", default=",".join(QUALITIES), help="comma-separated subset")
    arguments = parser.parse_args()
    files = sorted(arguments.data.glob("*.png"))
    points = list(measure(files, arguments.codecs.split(",")))
    curves = {
        name: ([p.bpp for p in points if p.codec == name], [p.psnr for p in points if p.codec == name])
        for name in arguments.codecs.split(",")
    }
    curves["VTM (published, Kodak)"] = (list(VTM_BPP), list(VTM_PSNR))
    ours = curves["lcomp hyperprior"]
    rates = {name: round(bd_rate(*ours, *curve), 1) for name, curve in curves.items() if curve is not ours}
    for name, value in rates.items():
        print(f"BD-rate of lcomp hyperprior against {name}: {value:+.1f} %")
    if arguments.output:
        document = {"pictures": len(files), "points": [asdict(point) for point in points], "bd_rate_percent": rates}
        arguments.output.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
