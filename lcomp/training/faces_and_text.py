"""Where crops show faces or text: a viewer knows both too well to take invented detail for the real one."""

import torch
from torch import Tensor

from lcomp.detection.places import look_for
from lcomp.types import STRIDE

KINDS = "faces", "text"


def nowhere(x: Tensor) -> Tensor:
    """A map [B, 1, H/16, W/16] of crops x (uint8 [B, 3, H, W]) that marks nothing."""
    return x.new_zeros(len(x), 1, x.shape[2] // STRIDE, x.shape[3] // STRIDE)


def faces_and_text(x: Tensor) -> Tensor:
    """The map [B, 1, H/16, W/16] (0 or 1) of the blocks of crops x (uint8 [B, 3, H, W]) that show faces or text.

    Raises UnsupportedError where the extra `protect` is missing.
    """
    marked = nowhere(x)
    for crop, its in zip(x, marked[:, 0], strict=True):
        pixels = crop.permute(1, 2, 0).contiguous().cpu().numpy()
        for kind in KINDS:
            for left, top, width, height in look_for(kind, pixels, None, torch.get_num_threads()):
                rows = slice(top // STRIDE, -(-(top + height) // STRIDE))
                its[rows, left // STRIDE : -(-(left + width) // STRIDE)] = 1
    return marked
