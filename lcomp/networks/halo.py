"""The halo of a window, layer by layer: what the layers that follow still see is kept, the rest is cropped.

Each layer sees a little beyond what it computes. So the first ones need the whole halo, the last ones next to none of
it. Where the picture ends there is no halo, and zero padding stays where it was.
"""

import sys
from typing import NamedTuple

from torch import Tensor, nn

from lcomp.format.tiles import Rectangle
from lcomp.types import STRIDE

UNIT = 32
"""What is cropped is a multiple of this many pixels: whole latents, which qualities may differ between, and at 1/8 of
the resolution whole squares of Winograd's algorithm, which so keep their places."""

EVERYTHING = sys.maxsize
"""The reach of layers that see all of a halo, however wide."""


class Reach(NamedTuple):
    """How far the layers that follow see beyond the window, in pixels: of a picture, and of what it was made from."""

    picture: int = 0
    features: int = 0


class Halo(NamedTuple):
    """What networks are given beyond a window, in pixels on each side; by default nothing, so that nothing is cropped.

    What layers compute is *held* for what sees so many pixels beyond the window, and cropped for what sees fewer.
    """

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0

    @classmethod
    def of(cls, window: Rectangle, around: Rectangle) -> "Halo":
        """That of a window in its surroundings, which start at multiples of STRIDE.

        >>> Halo.of(Rectangle(64, 70, 200, 58), Rectangle(0, 0, 300, 160))
        Halo(top=64, bottom=32, left=64, right=28)
        """
        whole = window.aligned(STRIDE)
        right, bottom = around.right - whole.right, around.bottom - whole.bottom
        return cls(whole.y - around.y, bottom, whole.x - around.x, right)

    def around(self, window: Rectangle) -> Rectangle:
        """A window with this halo, the inverse of `of`."""
        whole = window.aligned(STRIDE)
        width, height = self.left + whole.width + self.right, self.top + whole.height + self.bottom
        return Rectangle(whole.x - self.left, whole.y - self.top, width, height)

    def seen(self, reach: int) -> "Halo":
        """What layers that see `reach` pixels need of it, and less than UNIT more.

        >>> Halo(320, 320, 16, 0).seen(40)
        Halo(top=64, bottom=64, left=16, right=0)
        """
        return Halo(*(side - max(side - reach, 0) // UNIT * UNIT for side in self))

    def crop(self, x: Tensor, stride: float, reach: int, held: int = EVERYTHING) -> Tensor:
        """Crop x [B, C, h, w], of `stride` pixels a position, for layers that see `reach` pixels of the halo.

        It was held for those that see `held` pixels. What is the same everywhere [B, C] stays as it is.
        """
        before, after = self.seen(held), self.seen(reach)
        if before == after or x.ndim == 2:
            return x
        top, bottom, left, right = (round((old - new) / stride) for old, new in zip(before, after, strict=True))
        return x[..., top : x.shape[2] - bottom, left : x.shape[3] - right]

    def through(self, layer: nn.Conv2d, x: Tensor, stride: int, reach: int, held: int) -> Tensor:
        """What a 3x3 convolution makes of x [B, C, h, w] for layers that see `reach` pixels: see `crop`."""
        seen = reach + stride
        return self.crop(layer(self.crop(x, stride, seen, held)), stride, reach, seen)


NO_HALO = Halo()
"""That of a whole picture, and of crops in training."""
