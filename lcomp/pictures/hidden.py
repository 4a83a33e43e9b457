"""Colours under transparent pixels, which nobody sees: filled in before coding, left out of comparisons."""

from dataclasses import replace

import numpy as np
from PIL import Image

from lcomp.pictures.reading import Picture
from lcomp.types import Pixels, Plane

GREY = 128
"""Background that transparent pictures are compared over, and the colour of those of which nothing is visible."""

BLOCK = 2**18
"""Pixels to work on at a time, which bounds the memory."""

BILINEAR = Image.Resampling.BILINEAR


def without_hidden(picture: Picture) -> Picture:
    """The picture with the colours under its transparent pixels filled in from the visible ones around them."""
    if picture.alpha is None or picture.alpha.all():
        return picture
    return replace(picture, pixels=fill_hidden(picture.pixels, picture.alpha))


def fill_hidden(pixels: Pixels, alpha: Plane) -> Pixels:
    """Fill in the pixels [H, W, 3] where alpha is 0, smoothly, so that they cost few bits and leave no halo.

    A push-pull pyramid (Gortler 1996): halved over the visible pixels alone until nothing is hidden, then enlarged
    level by level into what is hidden.
    """
    if not alpha.any():
        return np.full_like(pixels, GREY)
    level = Image.fromarray(pixels)
    level.putalpha(binary(Image.fromarray(alpha)))
    levels: list[Image.Image] = []
    while level.getchannel("A").getextrema() != (255, 255):
        levels.append(level)
        level = level.reduce(2)  # weighted by its alpha
        level.putalpha(binary(level.getchannel("A")))
    filled = level.convert("RGB")
    for level in reversed(levels):
        width, height = level.size
        filled = filled.resize(level.size, BILINEAR, box=(0, 0, width / 2, height / 2))
        filled.paste(level.convert("RGB"), mask=level.getchannel("A"))
    return np.asarray(filled)


def repeating_visible(picture: Picture) -> Picture:
    """The picture with the last visible colour repeated under transparent pixels, row by row.

    No colour is new, which suits lossless coding: smooth filling costs it the palette.
    """
    if picture.alpha is None or picture.alpha.all() or not picture.alpha.any():
        return without_hidden(picture)
    visible = picture.alpha.ravel() > 0
    filled = picture.pixels.reshape(-1, 3).copy()
    colour = filled[visible.argmax()].copy()
    for start in range(0, visible.size, BLOCK):
        block, shown = filled[start : start + BLOCK], visible[start : start + BLOCK]
        last = np.maximum.accumulate(np.where(shown, np.arange(len(block)), -1))
        block[:] = np.where(last[:, None] < 0, colour, block[last])
        colour = block[-1]
    return replace(picture, pixels=filled.reshape(picture.pixels.shape))


def binary(alpha: Image.Image) -> Image.Image:
    """The plane with 255 wherever it is more than 0: premultiplied 8-bit colours of a low alpha would be inexact."""
    return alpha.point([0] + [255] * 255)


def over_grey(pixels: Pixels, alpha: Plane | None) -> Pixels:
    """The pixels [H, W, 3] as they look over mid grey; themselves where there is no alpha."""
    if alpha is None:
        return pixels
    background = Image.new("RGB", (pixels.shape[1], pixels.shape[0]), (GREY, GREY, GREY))
    return np.asarray(Image.composite(Image.fromarray(pixels), background, Image.fromarray(alpha)))
