"""Pictures of 16 bits per sample, and the files that other programs make of them."""

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

CHANNELS = (1, 2, 3, 4)


def deep_samples(width: int, height: int, channels: int, seed: int = 0) -> NDArray[np.uint16]:
    """Smooth waves and noise: [H, W] for one channel, else [H, W, channels], the last of 2 or 4 of which is alpha."""
    rows, columns = np.mgrid[:height, :width]
    base = 32000 + 25000 * np.sin(rows / 9 + seed) * np.cos(columns / 13)
    noise = np.random.default_rng(seed).normal(0, 90, (height, width, channels))
    samples = np.clip(base[..., None] + 900 * np.arange(channels) + noise, 0, 65535).astype(np.uint16)
    return samples[..., 0] if channels == 1 else samples


def deep_tiff(
    samples: NDArray[np.uint16],
    order: str = "<",
    separate: bool = False,
    compressed: bool = False,
    rows: int | None = None,
    more: dict[int, tuple[int, list[int]]] | None = None,
) -> bytes:
    """A TIFF, written by hand because Pillow writes no such ones.

    `order` is "<" or ">", `separate` puts planes one after the other, `rows` are those of a strip; `more` are further
    tags, each with its type (3: short, 4: long) and values.
    """
    height, width = samples.shape[:2]
    planes = samples.reshape(height, width, -1)
    channels = planes.shape[2]
    parts = np.split(planes, channels, 2) if separate else [planes]
    rows = rows or height
    strips = [part[top : top + rows].astype(f"{order}u2").tobytes() for part in parts for top in range(0, height, rows)]
    if compressed:
        strips = [zlib.compress(strip) for strip in strips]
    tags = {256: (4, [width]), 257: (4, [height]), 258: (3, [16] * channels), 259: (3, [8 if compressed else 1])}
    tags |= {262: (3, [2 if channels > 2 else 1]), 277: (3, [channels]), 278: (4, [rows])}
    tags |= {273: (4, np.cumsum([8, *map(len, strips)]).tolist()[:-1]), 279: (4, [len(strip) for strip in strips])}
    tags |= {284: (3, [2 if separate else 1])} | ({338: (3, [2])} if channels in (2, 4) else {}) | (more or {})
    body = b"".join(strips)
    directory = 8 + len(body)
    beyond, entries, far = directory + 6 + 12 * len(tags), b"", b""
    for tag, (kind, values) in sorted(tags.items()):
        packed = struct.pack(order + {3: "H", 4: "I"}[kind] * len(values), *values)
        if len(packed) > 4:
            packed, far = struct.pack(order + "I", beyond + len(far)), far + packed
        entries += struct.pack(order + "HHI", tag, kind, len(values)) + packed.ljust(4, b"\0")
    magic = b"II*\0" if order == "<" else b"MM\0*"
    head = magic + struct.pack(order + "I", directory)
    return head + body + struct.pack(order + "H", len(tags)) + entries + bytes(4) + far
