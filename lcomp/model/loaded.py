"""A model on a device: its transforms, its entropy coding, and how tiles are spread over threads."""

import logging
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor

from lcomp.log import log
from lcomp.model.tile_codec import TileCodec
from lcomp.model.transforms import Transforms
from lcomp.options import AUTO
from lcomp.zoo.registry import ModelInfo
from lcomp.zoo.weights import load_weights

MapTiles = Callable[..., Iterable[Any]]
"""Like `map`, though it may start with everything at once, in other threads."""

DecodeTile = Callable[[int], Tensor | None]
"""Latents [1, C, h, w] of the tile of a number, None where it is lost."""


class LoadedModel:
    """A model without a decoder of its own, on one device.

    `transforms` are g_a, h_a and g_s in windows, `tile` turns latents into streams and back.
    """

    def __init__(self, info: ModelInfo, device: torch.device, precision: str = AUTO) -> None:
        """Load the weights; raises ModelError where they are missing or not the right ones."""
        self.info, self.device = info, device
        weights = load_weights(info, device)
        self.transforms = Transforms(weights.networks, info.architecture, device, precision)
        self.tile = TileCodec(weights, device)
        self.watch = self.tile.watch
        # two tiles at once on a GPU, which computes one while the CPU entropy-codes the other
        self.executor = None
        if device.type == "cuda":
            # threads start on the first device, and would take memory there
            self.executor = ThreadPoolExecutor(2, initializer=torch.cuda.set_device, initargs=(device,))

    @property
    def map_tiles(self) -> MapTiles:
        """How tiles are mapped: in threads on a GPU, but one after the other where the time of each stage is logged."""
        if self.executor is None or log.isEnabledFor(logging.DEBUG):
            return map
        return self.executor.map

    def on_stream(self, work: DecodeTile) -> DecodeTile:
        """The same work, bound to the caller's CUDA stream whichever thread runs it."""
        if self.device.type != "cuda":
            return work
        stream = torch.cuda.current_stream(self.device)

        def in_stream(number: int) -> Tensor | None:
            with torch.cuda.stream(stream):
                return work(number)

        return in_stream
