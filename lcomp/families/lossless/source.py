"""The samples of a tile to be coded, pass by pass."""

import torch
from torch import Tensor

from lcomp.families.lossless.colours import Colours, to_planes
from lcomp.families.lossless.lattice import PyramidPass, at_scale, band_of
from lcomp.families.lossless.surroundings import Surroundings, inside


class TileSource:
    """Samples of pixels (uint8 [H, W] or [H, W, 3]) under a colour transform."""

    def __init__(self, pixels: Tensor, colours: Colours) -> None:
        self.colours = colours
        self.planes = pixels.to(torch.int16)[None] if pixels.ndim == 2 else to_planes(pixels, colours)

    def base(self, scales: int) -> Tensor:
        """The samples (int16 [C, h, w]) of a scale, which is coded without prediction and without errors."""
        return at_scale(self.planes, scales)

    def known(self, step: PyramidPass, around: Surroundings) -> Tensor:
        """The samples (int16 [h, w]) of a pass.

        Differences from G are those from what is decoded of it, so that its errors do not add to theirs.
        """
        samples = band_of(at_scale(self.planes, step.scale)[step.plane], step.band)
        if self.colours is Colours.YCOCG or step.plane == 0:
            return samples
        green = band_of(at_scale(self.planes, step.scale)[0], step.band)
        return samples + green - band_of(inside(around.values)[0], step.band).to(torch.int16)
