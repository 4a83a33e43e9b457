"""The synthesis in analysis by synthesis: a decoder's picture of the latents, its distortion and the gradient."""

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor

from lcomp.encoding.objective import Objective, per_latent
from lcomp.format.tiles import Rectangle
from lcomp.model.decoders import Decoder
from lcomp.model.tile_codec import Latents
from lcomp.model.transforms import Transforms, as_qualities
from lcomp.types import STRIDE, Quality

SMALLEST = 128
"""Smallest side in pixels of a part that may speak for a whole window."""


@contextlib.contextmanager
def deterministic() -> Iterator[None]:
    """Make cuDNN deterministic, so that the same picture gives the same gradient, and the same file, every time."""
    before = torch.backends.cudnn.deterministic
    torch.backends.cudnn.deterministic = True
    try:
        yield
    finally:
        torch.backends.cudnn.deterministic = before


class Reconstruction:
    """An area of the picture as a decoder makes it: its distortion in bits, as a function of the symbols."""

    def __init__(
        self,
        transforms: Transforms,
        decoder: Decoder,
        objective: Objective,
        x: Tensor,
        place: Rectangle,
        quality: Quality,
    ) -> None:
        """`x` [1, 3, H, W] in [-1, 1] are the original pixels at `place`.

        The quality is one in thousandths, or one for every latent of the place.
        """
        self.transforms, self.decoder, self.objective, self.x, self.place = transforms, decoder, objective, x, place
        self.quality = quality
        self.w = transforms.quality_weights(quality)
        lmbda = objective.lmbda(as_qualities(quality, x.device))
        # bits that a distortion of one is worth in the whole area, where it is worth most
        self.worth = lmbda.amax() * (x.shape[2] * x.shape[3])
        self.importance = per_latent(lmbda) / lmbda.amax() if lmbda.ndim > 1 else None

    def middle(self) -> Rectangle | None:
        """A quarter of the area, in its middle, None where that is too small to be typical."""
        across, down = (side // 4 // STRIDE * STRIDE for side in (self.place.width, self.place.height))
        if 2 * min(across, down) < SMALLEST:
            return None
        return Rectangle(self.place.x + across, self.place.y + down, 2 * across, 2 * down)

    def part(self, area: Rectangle) -> "Reconstruction":
        """A part of the area on its own; it starts at a multiple of STRIDE."""
        x, quality = self.x[(..., *area.within(self.place))], self.quality
        if not isinstance(quality, int):
            quality = quality[area.latents().within(self.place.latents())]
        return Reconstruction(self.transforms, self.decoder, self.objective, x, area, quality)

    def synthesize(self, latents: Latents) -> Tensor:
        """The decoder's picture [1, 3, H, W] of latents, cropped to the size of x."""
        known = self.decoder.gather(*latents).contiguous(memory_format=torch.channels_last)
        with self.transforms.autocast():
            x_hat = self.decoder.synthesize(known, self.place, self.w, half=False)
        return x_hat[..., : self.x.shape[2], : self.x.shape[3]]

    def distortion(self, latents: Latents) -> Tensor:
        """The distortion, weighted by lmbda, in bits.

        Where errors are worth less than elsewhere they count as smaller ones: distortions rise with their square.
        """
        x_hat = self.synthesize(latents)
        if self.importance is not None:
            share = self.importance.sqrt().repeat_interleave(STRIDE, 2).repeat_interleave(STRIDE, 3)
            x_hat = self.x.lerp(x_hat, share[..., : self.x.shape[2], : self.x.shape[3]])
        return (self.worth * self.objective.distortion(x_hat, self.x)).sum()

    def slope(self, latents: Latents) -> Tensor:
        """The gradient of the distortion with respect to the symbols [1, M, h, w]."""
        symbols = latents.symbols.clone().requires_grad_()
        with deterministic():
            (gradient,) = torch.autograd.grad(self.distortion(latents._replace(symbols=symbols)), symbols)
        return gradient
