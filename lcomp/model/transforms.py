"""g_a and g_s in windows: a picture of any size in bounded memory, without a seam.

A window is computed with a halo as wide as the receptive field, which is cropped on the way (`lcomp.networks.halo`) and
then cut off, so that it holds what the whole picture at once would give, up to float rounding. Where a window ends at
the edge of the picture there is no halo, and the convolutions see the same zero padding as they would in one piece. A
panorama that wraps has no left and right edge: there the halo is what lies on the other side.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from lcomp.format.tiles import Rectangle
from lcomp.model.decoders import Decoder, MseDecoder, whole_strides
from lcomp.model.precision import prefers_bf16
from lcomp.networks.blocks import quality_weights
from lcomp.networks.config import BackboneConfig
from lcomp.networks.halo import NO_HALO, Halo
from lcomp.options import AUTO
from lcomp.types import QUALITY_STEPS, STRIDE, Pixels, Quality
from lcomp.zoo.weights import Networks


def as_qualities(quality: Quality, device: torch.device) -> Tensor:
    """A quality in thousandths as q [1], qualities [h, w] as q [1, h, w].

    A single one is created on the device, so that nothing synchronises.
    """
    if not isinstance(quality, int):
        return torch.from_numpy(quality[None] / QUALITY_STEPS).float().to(device)
    return torch.full((1,), quality / QUALITY_STEPS, dtype=torch.float32, device=device)


def pad_to(x: Tensor, multiple: int) -> Tensor:
    """Pad x [B, C, H, W] to a multiple by replicating its last row and column."""
    height, width = x.shape[-2:]
    return F.pad(x, (0, -width % multiple, 0, -height % multiple), mode="replicate")


def surroundings(window: Rectangle, picture: Rectangle, halo: int, wraps: bool = False) -> Rectangle:
    """The window with its halo of `halo` pixels, clipped to the picture; one that `wraps` only at top and bottom."""
    grown = window.aligned(STRIDE).grown(halo)
    around = grown.shared(picture._replace(x=grown.x, width=grown.width) if wraps else picture)
    assert around is not None, "a window lies within its picture"
    return around


class Transforms:
    """The float transforms of a loaded model on one device."""

    def __init__(self, networks: Networks, config: BackboneConfig, device: torch.device, precision: str = AUTO) -> None:
        self.networks, self.device = networks, device
        self.mse, self.halo = MseDecoder(networks, config), whole_strides(networks.g_a.reach)
        self.bf16 = prefers_bf16(device) if precision == AUTO else precision == "bf16"

    def autocast(self) -> torch.autocast:
        """Context in which the convolutions of the float networks run in bf16 where that is faster."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16)

    def quality_weights(self, quality: Quality) -> Tensor:
        """Interpolation weights [1, 9] of a quality in thousandths, [1, 9, h, w] of qualities [h, w]."""
        return quality_weights(as_qualities(quality, self.device))

    def signal(self, pixels: Pixels, area: Rectangle) -> Tensor:
        """An area of a picture [H, W, 3] as x [1, 3, height, width] in [-1, 1], channels last.

        Where it reaches beyond the left or the right edge, it goes on at the other one.
        """
        rows, columns = area.within(Rectangle(0, 0, pixels.shape[1], pixels.shape[0]))
        beyond = area.x < 0 or area.right > pixels.shape[1]
        places = range(area.x, area.right)
        shown = pixels[rows].take(places, 1, mode="wrap") if beyond else pixels[rows, columns].copy()
        part = torch.from_numpy(shown).to(self.device)
        x = part.permute(2, 0, 1)[None].float().div_(127.5).sub_(1)
        return x.contiguous(memory_format=torch.channels_last)

    @torch.inference_mode()
    def latents(self, x: Tensor, quality: Quality, halo: Halo = NO_HALO) -> Tensor:
        """Latents y [1, M, rows, columns] of x [1, 3, height, width], at a quality in thousandths, or [rows, columns].

        Of a halo of x, `halo.seen(0)` is left, where latents are not valid.
        """
        x = pad_to(x, STRIDE).contiguous(memory_format=torch.channels_last)
        with self.autocast():
            y: Tensor = self.networks.g_a(x, self.quality_weights(quality), self.networks.scale, halo)
        return y

    @torch.inference_mode()
    def synthesize(
        self, decoder: Decoder, known: Tensor, window: Rectangle, around: Rectangle, quality: Quality, half: bool
    ) -> Pixels:
        """Pixels [height, width, 3] of a window, as many as `Decoder.shown` says.

        `known` [1, channels, rows, columns] is what the decoder gathered of the window and its halo, `around`; the
        quality is one in thousandths, or [rows, columns].
        """
        known, halo = known.contiguous(memory_format=torch.channels_last), Halo.of(window, around)
        with self.autocast():
            x_hat = decoder.synthesize(known, around, self.quality_weights(quality), half, halo)
        window, around = decoder.shown(window, half), decoder.shown(halo.seen(0).around(window), half)
        rows, columns = window.within(around)
        # in place: large tensors cost more to allocate than to compute
        pixels = x_hat[0, :, rows, columns].mul_(127.5).add_(127.5).round_().clamp_(0, 255).to(torch.uint8)
        return np.asarray(pixels.permute(1, 2, 0).contiguous().cpu())
