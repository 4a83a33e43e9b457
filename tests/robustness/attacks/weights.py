"""Attempts with a weights file."""

import struct
from collections.abc import Callable
from dataclasses import dataclass

import torch
from safetensors.torch import save
from torch import Tensor

from lcomp.errors import LcompError, ModelError
from lcomp.zoo.layers import EXACT

SHIFTS, TABLES, ENTER = (EXACT + name for name in ("h_s.shifts", "tables", "h_s.enter.weight"))
FLOAT = "g_s.draft.leave.bias"

Tensors = dict[str, Tensor]


def tensor(name: str, change: Callable[[Tensor], Tensor]) -> Callable[[Tensors], bytes]:
    """Have another tensor of this name."""
    return lambda tensors: save(tensors | {name: change(tensors[name]).contiguous()})


def without(name: str) -> Callable[[Tensors], bytes]:
    """Lack a tensor."""
    return lambda tensors: save({key: value for key, value in tensors.items() if key != name})


def spoilt(values: Tensor) -> Tensor:
    """Values of which the first is no number."""
    values = values.float().clone()
    values.view(-1)[0] = torch.nan
    return values


@dataclass(frozen=True)
class WeightsAttack:
    """An attempt with a weights file."""

    name: str
    tries: str
    build: Callable[[Tensors], bytes]
    error: type[LcompError] | None = ModelError  # None where it must load
    text: str = "are not usable"
    named: bool = True  # whether the model's description names the SHA-256 of the file

    @property
    def outcome(self) -> str:
        """What must happen, for people."""
        return "is loaded" if self.error is None else f"{self.error.__name__}: {self.text}"


WEIGHTS = [
    WeightsAttack(
        "other-sha",
        "weights that the description does not name",
        tensor(FLOAT, torch.neg),
        text="are not the ones",
        named=False,
    ),
    WeightsAttack(
        "nan-sha", "not a number among them, and not named", tensor(FLOAT, spoilt), text="are not the ones", named=False
    ),
    WeightsAttack("nan", "not a number among those that make the pixels", tensor(FLOAT, spoilt), text="are not finite"),
    WeightsAttack("nan-exact", "not a number among those that decide the bitstream", tensor(ENTER, spoilt)),
    WeightsAttack("nan-tables", "not a number in the frequency tables", tensor(TABLES, spoilt)),
    WeightsAttack("no-bytes", "an empty file", lambda tensors: b""),
    WeightsAttack("cut-head", "an end within the head", lambda tensors: save(tensors)[:100]),
    WeightsAttack("cut", "an end within the tensors", lambda tensors: save(tensors)[:-1]),
    WeightsAttack("head-bomb", "a head of 2^63 bytes", lambda tensors: struct.pack("<Q", 2**63) + save(tensors)[8:]),
    WeightsAttack("missing", "a missing float tensor", without(FLOAT)),
    WeightsAttack("missing-exact", "a missing exact tensor", without(ENTER)),
    WeightsAttack("unknown", "a tensor too many", lambda tensors: save(tensors | {"more": torch.zeros(1)})),
    WeightsAttack(
        "unknown-exact",
        "an exact tensor too many",
        lambda tensors: save(tensors | {EXACT + "more": torch.zeros(1)}),
        text="do not match the fingerprint",
    ),
    WeightsAttack("shape", "a float tensor of another shape", tensor(FLOAT, lambda old: old[1:])),
    WeightsAttack(
        "value",
        "an exact tensor of other values",
        tensor(EXACT + "exp2", lambda old: old - 1),
        text="do not match the fingerprint",
    ),
    WeightsAttack("sums", "integers whose sums are not exact", tensor(ENTER, lambda old: torch.full(old.shape, 2**60))),
    WeightsAttack(
        "sums-z",
        "integers of z's network whose sums are not exact",
        tensor(EXACT + "h_c.enter.1.weight", lambda old: torch.full(old.shape, 2**60)),
        text="may exceed",
    ),
    WeightsAttack(
        "gains",
        "gains of z whose products are not exact",
        tensor(EXACT + "z_log_gain", lambda old: torch.full_like(old, 18 << 16)),
        text="gains are out of range",
    ),
    WeightsAttack(
        "powers",
        "powers of two that are too large",
        tensor(EXACT + "exp2", lambda old: torch.full_like(old, 2**31 - 1)),
        text="powers of two are out of range",
    ),
    WeightsAttack(
        "logarithms",
        "logarithms out of range",
        tensor(EXACT + "log_deviation", lambda old: torch.full_like(old, 2**30)),
    ),
    WeightsAttack(
        "tables-sum", "frequency tables that do not add up", tensor(TABLES, lambda old: torch.ones_like(old))
    ),
    WeightsAttack("tables-none", "no frequency tables", tensor(TABLES, lambda old: old[:0])),
    WeightsAttack(
        "tables-type", "frequency tables of another type", tensor(TABLES, lambda old: old.to(torch.bfloat16))
    ),
    WeightsAttack("rank", "a convolution without its dimensions", tensor(ENTER, torch.flatten)),
    WeightsAttack("shifts-few", "too few shifts", tensor(SHIFTS, lambda old: old[1:])),
    WeightsAttack("shifts-one", "one shift for all", tensor(SHIFTS, lambda old: old[0])),
]
