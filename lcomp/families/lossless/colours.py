"""Planes that are coded: grey, or the reversible colour transform YCoCg-R (Malvar 2003)."""

import torch
from torch import Tensor

RANGES = ((0, 255), (-255, 255), (-255, 255))
"""Smallest and largest sample of Y, Co and Cg."""


def to_planes(pixels: Tensor) -> Tensor:
    """Planes Y, Co, Cg (int16 [3, H, W]) of RGB pixels (uint8 [H, W, 3]).

    >>> to_planes(torch.tensor([[[255, 0, 0]]], dtype=torch.uint8)).flatten().tolist()
    [63, 255, -127]
    """
    red, green, blue = pixels.to(torch.int16).unbind(2)
    orange = red - blue
    middle = blue + (orange >> 1)
    bluish = green - middle
    return torch.stack([middle + (bluish >> 1), orange, bluish])


def to_pixels(planes: Tensor) -> Tensor:
    """Inverse of `to_planes`; what no picture can hold (damaged data) is clamped to it.

    >>> to_pixels(to_planes(torch.tensor([[[9, 200, 37]]], dtype=torch.uint8))).flatten().tolist()
    [9, 200, 37]
    """
    light, orange, bluish = planes
    middle = light - (bluish >> 1)
    green, blue = bluish + middle, middle - (orange >> 1)
    return torch.stack([blue + orange, green, blue], 2).clamp_(0, 255).to(torch.uint8)
