"""The coding order of symbols, computed on the device where they are."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lcomp.entropy.tables import TABLES


class Order:
    """The coding order of n symbols: a stable sort by table (uint8 or int16 [n]), in row-major order within each.

    `count` is the number of tables.
    """

    def __init__(self, tables: Tensor, count: int = TABLES) -> None:
        if tables.device.type == "cpu":
            # NumPy sorts short integers by radix, several times faster than torch
            self.places = torch.from_numpy(np.argsort(tables.numpy(), kind="stable"))
        else:
            self.places = torch.argsort(tables, stable=True)
        edges = torch.arange(count + 1, dtype=tables.dtype, device=tables.device)
        self.counts = torch.searchsorted(tables.index_select(0, self.places), edges, out_int32=True).diff()
        """Number of symbols of each table, int32 [count]."""

    def arrange(self, symbols: Tensor) -> Tensor:
        """Symbols [n] in coding order."""
        return symbols.index_select(0, self.places)

    def restore(self, arranged: Tensor) -> Tensor:
        """Inverse of `arrange`: symbols [n] in row-major order."""
        return torch.empty_like(arranged).scatter_(0, self.places, arranged)


class Transfer:
    """Asynchronous copy of int16 tensors to the CPU, in one piece; waits only when they are needed."""

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
        """The tensors as flat arrays, once they have arrived."""
        if self.sent is not None:
            self.sent.synchronize()
        return np.split(self.everything.cpu().numpy(), np.cumsum(self.sizes)[:-1])
