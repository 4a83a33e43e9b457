"""Processes of this machine (`--jobs`) against a Ray cluster that is started on it: start-up and pictures per second.

python benchmarks/engines.py

Every run is a command of its own. Two numbers of pictures tell what the start takes from what a picture takes.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

from lcomp.workers import processors

PHOTOS = sorted((Path(__file__).parent.parent / "tests" / "data").glob("*.png"))
TURNS = list(Image.Transpose)


def write_pictures(folder: Path, count: int) -> None:
    """Photographs of 768x512 or 512x768 pixels, each turned in other ways."""
    folder.mkdir()
    for number in range(count):
        with Image.open(PHOTOS[number % len(PHOTOS)]) as photo:
            turned = photo.transpose(TURNS[number // len(PHOTOS) % len(TURNS)])
            turned.save(folder / f"{number:03}.png", compress_level=1)


def seconds(pictures: Path, *engine: str) -> float:
    """How long a command takes."""
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-m", "lcomp", "encode", "-r", str(pictures), "-o", out, "--quiet", *engine]
        start = time.perf_counter()
        subprocess.run(command, check=True)
        return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--few", type=int, default=2)
    parser.add_argument("--many", type=int, default=26)
    parser.add_argument("--runs", type=int, default=2)
    arguments = parser.parse_args()
    jobs = str(processors())
    engines = {f"--jobs {jobs}": ["--jobs", jobs], "--engine ray": ["--engine", "ray", "--address", "local"]}
    counts = arguments.few, arguments.many
    with tempfile.TemporaryDirectory() as folder:
        for count in counts:
            write_pictures(Path(folder) / str(count), count)
        # by turns, so that whatever else the machine does meets all of them
        taken: dict[tuple[str, int], list[float]] = {}
        for _ in range(arguments.runs):
            for name, options in engines.items():
                for count in counts:
                    taken.setdefault((name, count), []).append(seconds(Path(folder) / str(count), *options))
    for name in engines:
        few, many = (min(taken[name, count]) for count in counts)
        each = (many - few) / (arguments.many - arguments.few)
        print(
            f"{name}: {counts[0]} pictures {few:.1f} s, {counts[1]} pictures {many:.1f} s: "
            f"{1 / each:.2f} pictures/s after {few - counts[0] * each:.1f} s"
        )


if __name__ == "__main__":
    main()
