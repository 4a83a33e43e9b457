"""Decoded pictures at twice their size, window by window: in bounded memory, without a seam."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from lcomp.format.container import LicFile
from lcomp.format.qualities import of_surroundings
from lcomp.format.tiles import Grid, Rectangle
from lcomp.model.decoders import whole_strides
from lcomp.model.precision import prefers_bf16
from lcomp.model.transforms import as_qualities, pad_to, surroundings
from lcomp.model.upscaling import load_upscaler
from lcomp.networks.blocks import QUALITIES, quality_weights
from lcomp.networks.upscaler import Upscaler
from lcomp.options import AUTO
from lcomp.types import STRIDE, Pixels, Plane, Progress, Quality

WINDOW = 1024
"""Side in pixels, a multiple of STRIDE, of the windows of the smaller picture that the upscaler runs in."""

DECODED = 0.5
"""Share of the time that a picture takes to be decoded, before it is doubled."""


def share_of(progress: Progress | None, area: Rectangle, first: float, last: float) -> Progress | None:
    """The callback of one stage of an area's progress, from one share of it to another."""
    if progress is None:
        return None
    told, pixels = progress, area.width * area.height
    return lambda done, total: told(round((first + (last - first) * done / total) * pixels), pixels)


def in_colour(pixels: NDArray[np.uint8]) -> Pixels:
    """Pixels [H, W, 3], of grey ones [H, W] too."""
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, 2)


def enlarged(plane: Plane, part: tuple[slice, slice]) -> Plane:
    """Rows and columns of a plane at twice their size, by bicubic interpolation, which sees what is around them."""
    rows, columns = part
    size = 2 * (columns.stop - columns.start), 2 * (rows.stop - rows.start)
    box = columns.start, rows.start, columns.stop, rows.stop
    return np.asarray(Image.fromarray(plane).resize(size, Image.Resampling.BICUBIC, box))


@dataclass(frozen=True)
class Doubling:
    """The upscaler on a device, for the pictures of one file."""

    network: Upscaler
    device: torch.device
    bf16: bool  # whether its convolutions run in bf16
    visual: bool  # whether the picture is tuned for what people see
    grid: Grid  # of the picture at its own size
    quality: Quality | None  # in thousandths, one or that of every block; None where nothing was lost

    def seen(self, area: Rectangle) -> Rectangle:
        """What of the picture is to be decoded for an area of it: what the network sees there.

        It is as wide as the picture where the area is near an edge that wraps.
        """
        picture = self.grid.picture
        around = surroundings(area, picture, whole_strides(self.network.reach), self.grid.wraps)
        if around.x < 0 or around.right > picture.width:
            return around._replace(x=0, width=picture.width)
        return around

    def windows(self, area: Rectangle) -> list[Rectangle]:
        """An area in windows, whose edges do not depend on where it begins."""
        whole = area.aligned(WINDOW)
        columns, rows = range(whole.x, whole.right, WINDOW), range(whole.y, whole.bottom, WINDOW)
        windows = (Rectangle(x, y, WINDOW, WINDOW).shared(area) for y in rows for x in columns)
        return [window for window in windows if window is not None]

    def weights(self, around: Rectangle) -> Tensor:
        """Weights [1, 9] of the quality in a rectangle, or [1, 9, h, w] of its latents where qualities differ."""
        if self.quality is None:
            return torch.zeros(1, QUALITIES + 1, device=self.device)
        return quality_weights(as_qualities(of_surroundings(self.quality, around, self.grid), self.device))

    @torch.inference_mode()
    def window(self, x: Tensor, around: Rectangle) -> Tensor:
        """A window x [1, 3, H, W] of a picture, which fills a rectangle of it, at twice its size."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            doubled: Tensor = self.network(pad_to(x, STRIDE), self.weights(around), self.visual)
        return doubled

    def doubled(self, pixels: Pixels, seen: Rectangle, area: Rectangle, progress: Progress | None = None) -> Pixels:
        """An area at twice its size [2H, 2W, 3], of the pixels of what is `seen` for it.

        `progress` is called with the number of pixels of the area done and in total.
        """
        picture = self.grid.picture
        result, target = np.empty((2 * area.height, 2 * area.width, 3), np.uint8), area.doubled()
        done, whole = 0, area.width * area.height
        for window in self.windows(area):
            around = surroundings(window, picture, whole_strides(self.network.reach), self.grid.wraps)
            columns = np.arange(around.x, around.right) % picture.width - seen.x
            rows = slice(around.y - seen.y, around.bottom - seen.y)
            part = torch.from_numpy(pixels[rows].take(columns, 1)).to(self.device)
            x = part.permute(2, 0, 1)[None].float().div_(127.5).sub_(1)
            inside = window.doubled().within(around.doubled())
            signal = self.window(x, around)[0, :, inside[0], inside[1]]
            shown = signal.mul(127.5).add_(127.5).round_().clamp_(0, 255).to(torch.uint8).permute(1, 2, 0)
            result[window.doubled().within(target)] = shown.cpu().numpy()
            done += window.width * window.height
            if progress:
                progress(done, whole)
        return result


def doubling_of(file: LicFile, visual: bool, device: torch.device, precision: str) -> Doubling:
    """What doubles the pictures of a file; raises ModelError where the upscaler's weights are missing."""
    header = file.header
    # of a picture that was coded at half size, blocks are others: its quality is taken for that of all
    quality = None if header.lossless else header.quality if header.half else file.quality
    bf16 = prefers_bf16(device) if precision == AUTO else precision == "bf16"
    grid = Grid(header.width, header.height, wraps=file.grid.wraps)
    return Doubling(load_upscaler(device), device, bf16, visual, grid, quality)
