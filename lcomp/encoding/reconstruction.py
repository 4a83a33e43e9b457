"""What the encoder's search looks at: a picture as a decoder makes it, and what its distortion is worth."""

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor

from lcomp.encoding.objective import Objective
from lcomp.format.tiles import Rectangle
from lcomp.model.decoders import Decoder
from lcomp.model.tile_codec import Latents
from lcomp.model.transforms import Transforms, as_qualities
from lcomp.types import STRIDE

SMALLEST = 128
"""Least side in pixels of a part of a picture that is taken for typical."""


@contextlib.contextmanager
def deterministic() -> Iterator[None]:
    """Have cuDNN give the same gradient every time, and so the same file."""
    before = torch.backends.cudnn.deterministic
    torch.backends.cudnn.deterministic = True
    try:
        yield
    finally:
        torch.backends.cudnn.deterministic = before


class Reconstruction:
    """An area of the picture as a decoder sees it: how its distortion, in bits, depends on the symbols."""

    def __init__(
        self, transforms: Transforms, decoder: Decoder, objective: Objective, x: Tensor, place: Rectangle, quality: int
    ) -> None:
        """X [1, 3, H, W] in [-1, 1], at a quality in thousandths."""
        self.transforms, self.decoder, self.objective, self.x, self.place = transforms, decoder, objective, x, place
        self.quality = quality
        self.w = transforms.quality_weights(quality)
        # bits for a distortion of one
        self.worth = objective.lmbda(as_qualities(quality, x.device)) * (x.shape[2] * x.shape[3])

    def middle(self) -> Rectangle | None:
        """A quarter of the area, in its middle, None where that is too small to be typical."""
        across, down = (side // 4 // STRIDE * STRIDE for side in (self.place.width, self.place.height))
        if 2 * min(across, down) < SMALLEST:
            return None
        return Rectangle(self.place.x + across, self.place.y + down, 2 * across, 2 * down)

    def part(self, area: Rectangle) -> "Reconstruction":
        """A part of the area, which starts at a multiple of STRIDE, on its own."""
        x = self.x[(..., *area.within(self.place))]
        return Reconstruction(self.transforms, self.decoder, self.objective, x, area, self.quality)

    def synthesize(self, latents: Latents) -> Tensor:
        """What the decoder makes of latents, cut to the size of x."""
        known = self.decoder.gather(*latents).contiguous(memory_format=torch.channels_last)
        with self.transforms.autocast():
            x_hat = self.decoder.synthesize(known, self.place, self.w, half=False)
        return x_hat[..., : self.x.shape[2], : self.x.shape[3]]

    def distortion(self, latents: Latents) -> Tensor:
        """The distortion in bits."""
        return (self.worth * self.objective.distortion(self.synthesize(latents), self.x)).sum()

    def slope(self, latents: Latents) -> Tensor:
        """The gradient of the distortion with respect to the symbols [1, M, h, w]."""
        symbols = latents.symbols.clone().requires_grad_()
        with deterministic():
            (gradient,) = torch.autograd.grad(self.distortion(latents._replace(symbols=symbols)), symbols)
        return gradient
