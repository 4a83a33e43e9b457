"""Attempts with what the entropy coder reads."""

import contextlib
from functools import cache

import torch
from torch import Tensor

import lcomp
from attacks.steps import DIFFERS, OUT_OF_STEP, Attack, Build, first, stream
from attacks.tools import agreeing, forged, noise, split
from lcomp.errors import ChecksumError, FormatError
from lcomp.format.binary import write_varint


def escape_bomb(value: int) -> Build:
    """Have one value for all symbols, written as escapes."""

    def pick(tables: Tensor) -> Tensor:
        return torch.where(tables > 0, value, 0).to(torch.int16)

    return lambda data: forged(split(data), pick, escape=True).write()


@cache
def agreeing_half(data: bytes) -> bytes:
    """Half a stream with the checksum of its symbols; it ends in other words until the coder may end there."""
    half = len(data) // 2 // 4 * 4
    for number in range(4096):
        with contextlib.suppress(FormatError):
            end = (number * 0x9E3779B1 % 2**32).to_bytes(4, "little")
            made = agreeing(split(stream(lambda old, end=end: old[:half] + end)(data))).write()
            lcomp.decode(made)
            return made
    raise ValueError("the coder may end nowhere")


STREAMS = [
    Attack("random-stream", "a stream of random bytes", stream(lambda old: noise(len(old))), FormatError, OUT_OF_STEP),
    Attack(
        "long-random-stream", "a megabyte of random bytes", stream(lambda old: noise(2**20)), FormatError, OUT_OF_STEP
    ),
    Attack(
        "random-context",
        "a stream of random bytes in eleven passes",
        stream(lambda old: noise(len(old))),
        FormatError,
        OUT_OF_STEP,
        base="context",
    ),
    Attack("zeros", "a stream of zeros", stream(lambda old: bytes(len(old))), FormatError, OUT_OF_STEP),
    Attack(
        "ones",
        "a stream of ones, the escapes of the coder",
        stream(lambda old: b"\xff" * 2000),
        FormatError,
        OUT_OF_STEP,
    ),
    Attack(
        "ones-context",
        "the same in eleven passes",
        stream(lambda old: b"\xff" * 2000),
        FormatError,
        OUT_OF_STEP,
        base="context",
    ),
    Attack("no-stream", "a stream of no bytes", stream(lambda old: b""), FormatError, OUT_OF_STEP),
    Attack(
        "cut-stream", "a stream that ends early", stream(lambda old: old[: len(old) // 2]), FormatError, OUT_OF_STEP
    ),
    Attack(
        "left-over", "a stream with bytes after its end", stream(lambda old: old + noise(64)), FormatError, OUT_OF_STEP
    ),
    Attack(
        "symbols-checksum",
        "a wrong checksum of the symbols",
        first(lambda old: bytes([old[0] ^ 1]) + old[1:]),
        ChecksumError,
        DIFFERS,
    ),
    Attack(
        "agreeing-half",
        "half a stream with the checksum of its symbols, which nothing contradicts",
        agreeing_half,
        None,
    ),
    Attack(
        "agreeing-void",
        "a stream of no bytes with the checksum of its symbols",
        lambda data: agreeing(split(stream(lambda old: b"")(data))).write(),
        None,
    ),
    Attack("escapes", "every symbol an escape of the largest value", escape_bomb(32767), None),
    Attack(
        "escapes-low",
        "escapes of the smallest value, which has no magnitude in 16 bits",
        escape_bomb(-32768),
        FormatError,
        "impossible symbol",
    ),
    Attack("escapes-needless", "every symbol an escape of 0", escape_bomb(0), None),
    Attack(
        "escapes-context",
        "escapes of the largest value in eleven passes",
        escape_bomb(32767),
        None,
        base="context",
    ),
    Attack(
        "escapes-low-context",
        "the same in eleven passes",
        escape_bomb(-32768),
        FormatError,
        "impossible symbol",
        "context",
    ),
    Attack("escapes-torchac", "escapes in the streams of torchac", escape_bomb(-32767), None, base="torchac"),
    Attack(
        "torchac-length",
        "a stream of torchac that claims 2^34 bytes",
        stream(lambda old: write_varint(2**34) + old[1:]),
        FormatError,
        "impossible entropy-coded data",
        "torchac",
    ),
    Attack(
        "torchac-padded",
        "a stream of torchac with a padded length",
        stream(lambda old: b"\x81\x00" + old[1:]),
        FormatError,
        OUT_OF_STEP,
        "torchac",
    ),
    Attack(
        "torchac-zeros",
        "streams of torchac of no bytes",
        stream(lambda old: bytes(2000)),
        FormatError,
        OUT_OF_STEP,
        "torchac",
    ),
    Attack(
        "torchac-random",
        "random bytes as torchac",
        stream(lambda old: noise(len(old))),
        FormatError,
        OUT_OF_STEP,
        "torchac",
    ),
]
