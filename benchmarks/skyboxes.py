"""Equirectangular panoramas of a folder of photographs: six of them each, around the viewer like the faces of a cube.

    python benchmarks/skyboxes.py path/to/photographs OUT --count 8 --width 2048

Neighbouring faces overlap a little and are blended there, so that no edge of a face is one of the panorama, nor the
meridian, which is in the middle of a face. Rows near the poles are stretched, as in any panorama.
"""

import argparse
import math
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch.nn import functional as F

from lcomp.errors import LcompError
from lcomp.pictures.reading import pictures_below
from lcomp.types import Pixels

FACES = (
    ((0, 0, 1), (1, 0, 0)),
    ((1, 0, 0), (0, 0, -1)),
    ((0, 0, -1), (-1, 0, 0)),
    ((-1, 0, 0), (0, 0, 1)),
    ((0, 1, 0), (1, 0, 0)),
    ((0, -1, 0), (1, 0, 0)),
)
"""Where each face is, and what lies on its right, as x, y (up), z: ahead, right, behind, left, above, below."""

MARGIN = 0.1
"""By how much a photograph reaches beyond its face on each side, relative to half of the face."""

FINER = 2
"""Samples per pixel along each axis."""

ROWS = 128
"""Rows that are computed at a time."""

LEAST_DETAIL = 0.8
"""Pixels of a photograph per pixel of the panorama along the equator; photographs that have fewer are left out."""


def directions(rows: range, width: int) -> NDArray[np.float32]:
    """Unit vectors [rows, W, 3] of the pixels of some rows of a panorama, x, y (up), z (its middle)."""
    latitude = math.pi * (0.5 - (np.arange(rows.start, rows.stop) + 0.5) / (width // 2))[:, None]
    longitude = math.pi * (2 * (np.arange(width) + 0.5) / width - 1)[None]
    level = np.cos(latitude)
    x, y, z = np.broadcast_arrays(level * np.sin(longitude), np.sin(latitude), level * np.cos(longitude))
    return np.stack([x, y, z], -1).astype(np.float32)


def on_face(towards: NDArray[np.float32], face: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Where directions [..., 3] meet a face, as x and y (down) [..., 2] from -1 to 1 in it, and how far ahead it is."""
    ahead, right = (np.array(axis, np.float32) for axis in FACES[face])
    depth = towards @ ahead
    with np.errstate(divide="ignore", invalid="ignore"):  # what is behind is not shown
        place = np.stack([towards @ right, towards @ np.cross(right, ahead)], -1) / depth[..., None]
    return np.nan_to_num(place, posinf=9, neginf=-9), depth


def sampled(picture: NDArray[np.float32], place: NDArray[np.float32]) -> NDArray[np.float32]:
    """A picture [H, W, 3] at places [h, w, 2] from -1 to 1, by cubic interpolation: [h, w, 3]."""
    source, grid = torch.from_numpy(picture).permute(2, 0, 1)[None], torch.from_numpy(place)[None]
    found = F.grid_sample(source, grid, mode="bicubic", padding_mode="border", align_corners=False)
    return np.asarray(found[0].permute(1, 2, 0))


def skybox(photographs: list[Image.Image], width: int) -> Image.Image:
    """The panorama of six photographs, each cut to a square."""
    side = round(FINER * width * (1 + MARGIN) / math.pi)
    faces = [
        np.asarray(ImageOps.fit(photograph, (side, side), Image.Resampling.LANCZOS), np.float32)
        for photograph in photographs
    ]
    bands = []
    for row in range(0, width // 2, ROWS):
        end = min(row + ROWS, width // 2)
        towards = directions(range(FINER * row, FINER * end), FINER * width)
        total, shown = np.zeros(towards.shape[:2], np.float32), np.zeros_like(towards)
        for number, face in enumerate(faces):
            place, depth = on_face(towards, number)
            share = ((1 + MARGIN - np.abs(place).max(-1)) / (2 * MARGIN)).clip(0, 1) * (depth > 0)
            if share.any():
                shown += share[..., None] * sampled(face, place / (1 + MARGIN))
                total += share
        fine = (shown / total[..., None]).clip(0, 255).round().astype(np.uint8)
        bands.append(np.asarray(Image.fromarray(fine).reduce(FINER)))
    return Image.fromarray(np.concatenate(bands))


def views(panorama: Pixels, side: int) -> list[Pixels]:
    """What is seen of a whole panorama [H, W, 3] ahead, right, behind, left, above and below, 90 degrees wide each."""
    width, border = panorama.shape[1], 2  # further columns, for the interpolation across the meridian
    wider = np.pad(panorama.astype(np.float32), ((0, 0), (border, border), (0, 0)), mode="wrap")
    across, down = np.meshgrid(*2 * [(2 * np.arange(side) + 1) / side - 1])
    found = []
    for ahead, right in FACES:
        x, y, z = np.moveaxis(
            np.array(ahead) + across[..., None] * np.array(right) + down[..., None] * np.cross(right, ahead), -1, 0
        )
        longitude, latitude = np.arctan2(x, z), np.arctan2(y, np.hypot(x, z))
        place = np.stack([longitude / math.pi * width / (width + 2 * border), -2 * latitude / math.pi], -1)
        found.append(sampled(wider, place.astype(np.float32)).clip(0, 255).round().astype(np.uint8))
    return found


def photographs_in(folder: Path, width: int) -> list[Path]:
    """The photographs of a folder that are large enough for panoramas of a width, in an order that mixes them."""
    files = []
    for file in pictures_below(folder):
        with Image.open(file) as image:
            if min(image.size) >= LEAST_DETAIL * width * (1 + MARGIN) / math.pi:
                files.append(file)
    return [files[number] for number in np.random.default_rng(0).permutation(len(files))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photographs", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=8)
    parser.add_argument("--width", type=int, default=2048, help="twice the height")
    arguments = parser.parse_args()
    files = photographs_in(arguments.photographs, arguments.width)
    if len(files) < 6 * arguments.count:
        raise LcompError(f"{len(files)} large photographs: {arguments.count} panoramas take {6 * arguments.count}")
    arguments.out.mkdir(parents=True, exist_ok=True)
    for number in range(arguments.count):
        six = [Image.open(file).convert("RGB") for file in files[6 * number : 6 * number + 6]]
        skybox(six, arguments.width).save(arguments.out / f"{number:02}.png")


if __name__ == "__main__":
    main()
