"""The order in which latents are coded, found on the device where they are."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lcomp.entropy.tables import TABLES


class Order:
    """The coding order of n latents: by their tables (uint8 [n]), in row-major order for each of these."""

    def __init__(self, tables: Tensor) -> None:
        if tables.device.type == "cpu":
            # a radix sort, several times faster than that of torch
            self.places = torch.from_numpy(np.argsort(tables.numpy(), kind="stable"))
        else:
            self.places = torch.argsort(tables, stable=True)
        edges = torch.arange(TABLES + 1, dtype=torch.uint8, device=tables.device)
        self.counts = torch.searchsorted(tables.index_select(0, self.places), edges, out_int32=True).diff()
        """How many latents [TABLES] each table has, int32."""

    def arrange(self, symbols: Tensor) -> Tensor:
        """Symbols [n] in coding order."""
        return symbols.index_select(0, self.places)

    def restore(self, arranged: Tensor) -> Tensor:
        """Symbols [n] in row-major order again."""
        return torch.empty_like(arranged).scatter_(0, self.places, arranged)


class Transfer:
    """Tensors of int16 on their way to the CPU together; a device is waited for once, when they are needed."""

    def __init__(self, *tensors: Tensor) -> None:
        self.sizes = [tensor.numel() for tensor in tensors]
        self.everything = torch.cat([tensor.flatten() for tensor in tensors])
        self.sent: torch.cuda.Event | None = None
        if self.everything.device.type == "cuda":
            device = self.everything.device
            host = torch.empty(self.everything.shape, dtype=torch.int16, device="cpu", pin_memory=True)
            self.everything = host.copy_(self.everything, non_blocking=True)
            self.sent = torch.cuda.current_stream(device).record_event()

    def arrays(self) -> list[NDArray[np.int16]]:
        """The tensors as flat arrays."""
        if self.sent is not None:
            self.sent.synchronize()
        return np.split(self.everything.cpu().numpy(), np.cumsum(self.sizes)[:-1])
