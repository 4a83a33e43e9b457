"""What malicious files cost at most: `PYTHONPATH=tests python tests/robustness/worst.py`, by every way of reading.

Prints a table: processor time of one thread, and memory on top of a process in which the models are loaded. The files
make a decoder do all that pictures of `--side` pixels a side can ask for, from a few bytes where that is possible. For
Linux.
"""

import argparse
import contextlib
import os
import sys
import traceback
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from attacks.deflated import TAGS, deflated
from attacks.planes import webp
from attacks.sections import nested
from attacks.steps import GOLDEN
from attacks.tools import agreeing, forged, latents, noise, split
from attacks.ways import ways
from helpers.lossless import coded_losslessly
from helpers.pictures import noise_image
from lcomp.errors import LcompError
from lcomp.format.container import Section, Tag
from lcomp.format.metadata import MAX_INFLATED
from lcomp.format.tiles import Grid

LOSSLESS = 1 << 15
"""Bit of the kind of a picture."""

MEBIBYTE = 2**20


class Cost(NamedTuple):
    """What reading a file takes."""

    seconds: float
    mebibytes: float

    def __str__(self) -> str:
        """For a table."""
        return f"{self.seconds:.1f} s, {self.mebibytes:.0f} MiB"


def costly_files(side: int) -> dict[str, bytes]:
    """Files by what they try."""
    small, dot = (split((GOLDEN / f"{name}.lic").read_bytes()) for name in ("visual", "dot"))
    count = Grid(side, side).count
    large = replace(small, width=side, height=side)
    lossless = split(coded_losslessly(noise_image(side, side)).data)
    plane = webp(side, side)
    kinds = ((Tag.STORED, b""), (Tag.ALPHA, b""), (Tag.LOW, b"\0"), (Tag.LOW_ALPHA, b"\0"))
    deep = [Section(tag, shift + plane) for tag, shift in kinds]
    stored = replace(large, bits=LOSSLESS, model=0, fingerprint=0, sections=tuple(deep))
    inflating = [Section(tag, deflated(bytes(MAX_INFLATED))) for tag in TAGS]

    def largest(tables: Tensor) -> Tensor:
        return torch.where(tables > 0, 32767, 0).to(torch.int16)

    return {
        "tiles of no bytes": agreeing(replace(large, sections=(latents(),) * count)).write(),
        "tiles of random bytes": replace(large, sections=(latents(noise(MEBIBYTE)),) * count).write(),
        "every symbol an escape, in the first tile": forged(
            replace(large, sections=(latents(),) * count), largest, escape=True
        ).write(),
        "lossless tiles whose last bytes are wrong": replace(
            lossless, sections=tuple(Section(tag, payload[:-8] + noise(8)) for tag, payload in lossless.sections)
        ).write(),
        "16 bits and alpha, stored": stored.write(),
        "metadata that inflates to the limits": replace(dot, sections=(*dot.sections, *inflating)).write(),
        "a megabyte of empty sections": replace(
            dot, sections=(*(Section(99, b""),) * (MEBIBYTE // 6), *dot.sections)
        ).write(),
        "a megabyte of sections in each other": nested(dot.write()),
    }


def resident() -> float:
    """Memory that this process holds now, in MiB."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MEBIBYTE


def cost(side: int, way: str, data: bytes) -> Cost:
    """What it takes to read a file in some way, in a process that ends with it."""
    before = resident()
    process = os.fork()
    if not process:
        try:
            with contextlib.suppress(LcompError):
                ways(side * side, side)[way](data)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status, usage = os.wait4(process, 0)
    if status:
        sys.exit("reading a file ended in neither a picture nor an error of lcomp")
    return Cost(usage.ru_utime + usage.ru_stime, max(usage.ru_maxrss / 1024 - before, 0.0))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Measure what malicious files cost.")
    parser.add_argument("--side", type=int, default=1024, help="width and height of the pictures")
    side = parser.parse_args().side
    torch.set_num_threads(1)
    names = list(ways(side * side, side))
    ordinary = [(GOLDEN / f"{name}.lic").read_bytes() for name in ("visual", "lossless_grey")]
    for name in names:
        for data in ordinary:
            ways(side * side, side)[name](data)
    print("| file | bytes |", " | ".join(names), "|")
    print("|---|---|" + "---|" * len(names))
    for tries, data in costly_files(side).items():
        costs = [str(cost(side, name, data)) for name in names]
        print(f"| {tries} | {len(data):,} |", " | ".join(costs), "|", flush=True)


if __name__ == "__main__":
    main()
