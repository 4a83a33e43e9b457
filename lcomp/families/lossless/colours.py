"""Planes that are coded: grey, or one of two reversible colour transforms, whichever makes a tile smaller."""

from enum import Enum

import torch
from torch import Tensor

RANGES = ((0, 255), (-255, 255), (-255, 255))
"""Smallest and largest sample of each plane, under either transform."""


class Colours(Enum):
    """What the planes of RGB pixels are; the value is its number in the stream."""

    YCOCG = 0  # Y, Co, Cg: YCoCg-R (Malvar 2003)
    GREEN = 1  # G, R - G, B - G: an error in G is made good in the differences


def to_planes(pixels: Tensor, colours: Colours) -> Tensor:
    """Planes (int16 [3, H, W]) of RGB pixels (uint8 [H, W, 3]).

    >>> to_planes(torch.tensor([[[255, 0, 0]]], dtype=torch.uint8), Colours.YCOCG).flatten().tolist()
    [63, 255, -127]
    """
    red, green, blue = pixels.to(torch.int16).unbind(2)
    if colours is Colours.GREEN:
        return torch.stack([green, red - green, blue - green])
    orange = red - blue
    middle = blue + (orange >> 1)
    bluish = green - middle
    return torch.stack([middle + (bluish >> 1), orange, bluish])


def to_pixels(planes: Tensor, colours: Colours) -> Tensor:
    """Inverse of `to_planes`; what no picture can hold is clamped to it: damaged data, and what rounding leaves.

    >>> to_pixels(to_planes(torch.tensor([[[9, 200, 37]]], dtype=torch.uint8), Colours.GREEN), Colours.GREEN).tolist()
    [[[9, 200, 37]]]
    """
    first, second, third = planes
    if colours is Colours.GREEN:
        green, red, blue = first, second + first, third + first
    else:
        middle = first - (third >> 1)
        green, blue = third + middle, middle - (second >> 1)
        red = blue + second
    return torch.stack([red, green, blue], 2).clamp_(0, 255).to(torch.uint8)
