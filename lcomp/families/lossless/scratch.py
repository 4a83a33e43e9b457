"""Memory for intermediate results that is used again and again: fresh pages cost more than what is computed in them."""

import threading

import torch
from torch import Tensor


class Scratch(threading.local):
    """Buffers by name, of each thread its own; what one holds is lost when it is taken again."""

    def __init__(self) -> None:
        self.kept: dict[str, Tensor] = {}

    def take(self, name: str, rows: int, columns: int, like: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """A buffer [rows, columns] on the device of another tensor; what it holds is undefined."""
        size = rows * columns
        if name not in self.kept or self.kept[name].numel() < size:
            self.kept[name] = torch.empty(size, dtype=dtype, device=like.device)
        return self.kept[name][:size].view(rows, columns)
