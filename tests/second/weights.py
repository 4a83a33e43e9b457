"""Models: their TOMLs, the tensors of their weights files (A.2), and the fingerprint of those."""

import json
import struct
import tomllib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from second.arithmetic import Array, Floats, Integers, Layer
from second.container import DamagedError
from second.tables import Table, split

TYPES = {"I8": "<i1", "I16": "<i2", "I32": "<i4", "U16": "<u2", "F16": "<f2", "F32": "<f4"}
NAMES = {"i1": "int8", "i2": "int16", "i4": "int32", "u2": "uint16"}


def read_tensors(path: Path) -> dict[str, Array]:
    """All tensors of a safetensors file."""
    data = path.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    tensors = {}
    for name, entry in json.loads(data[8 : 8 + length]).items():
        if name != "__metadata__":
            start, end = entry["data_offsets"]
            values = np.frombuffer(data[8 + length + start : 8 + length + end], TYPES[entry["dtype"]])
            tensors[name] = values.reshape(entry["shape"])
    return tensors


@dataclass(frozen=True)
class Context:
    """What a TOML says of a context model."""

    groups: list[int]
    parts: list[int]


@dataclass(frozen=True)
class Model:
    """The tensors that decode a model's files: its backbone's, with its own in their place."""

    tensors: Mapping[str, Array]
    context: Context | None = None
    lossless: bool = False
    layers: dict[str, Layer] = field(default_factory=dict)

    def integers(self, name: str) -> Integers:
        """A tensor below `exact.`."""
        return self.tensors[f"exact.{name}"].astype(np.int64)

    def floats(self, name: str) -> Floats:
        """A tensor that makes pixels."""
        return self.tensors[name].astype(np.float32)

    def layer(self, name: str, shift: int) -> Layer:
        """The layer `exact.NAME`."""
        if name not in self.layers:
            weight = self.tensors[f"exact.{name}.weight"].astype(np.float64)
            self.layers[name] = Layer(weight, self.integers(f"{name}.bias"), shift)
        return self.layers[name]

    @cached_property
    def tables(self) -> list[Table]:
        """Its frequency tables."""
        return split(self.tensors["exact.tables"])

    @property
    def fingerprint(self) -> int:
        """CRC-32 of the exact tensors."""
        crc = 0
        for name in sorted(name for name in self.tensors if name.startswith("exact.")):
            tensor = self.tensors[name]
            text = f"{name} torch.{NAMES[tensor.dtype.str[1:]]} {tensor.shape}"
            crc = zlib.crc32(tensor.tobytes(), zlib.crc32(text.encode(), crc))
        return crc


def load(number: int, root: Path) -> Model:
    """The model that codes the files of a number; `root` holds `models` and `weights`."""
    tomls = {path.stem: tomllib.loads(path.read_text("utf-8")) for path in (root / "models").glob("*.toml")}
    numbered = {toml["model"]["number"]: toml for toml in tomls.values()}
    if number not in numbered:
        raise DamagedError(f"a file of model {number}, which is not here")
    toml = numbered[number]
    if not toml.keys().isdisjoint({"decoder", "light"}):  # a decoder alone: its files are those of its backbone
        toml = tomls[toml["model"]["backbone"]]
    tensors: dict[str, Array] = {}
    if (backbone := toml["model"].get("backbone")) is not None:
        tensors |= read_tensors(root / "weights" / tomls[backbone]["weights"]["file"])
    tensors |= read_tensors(root / "weights" / toml["weights"]["file"])
    context = toml.get("context")
    return Model(
        tensors,
        Context(context["groups"], context["parts"]) if context else None,
        lossless="lossless" in toml,
    )
