"""Changes of valid files, by chance: of their bytes, and of what they say with right checksums."""

import contextlib
from collections.abc import Callable
from dataclasses import replace
from random import Random

import numpy as np
import torch
from torch import Tensor

from attacks.fields import broken, describe, grade, misjudged, misspelt, renumber, wrap
from attacks.planes import chunk, head_chunk, png, webp
from attacks.tools import Parts, agreeing, forged
from attacks.valid import any_file, quick_file, quick_parts, stored_parts
from lcomp.errors import LcompError
from lcomp.format.container import KNOWN_TAGS, Section, Tag

MAX_PIXELS = 2**18
"""Larger pictures are not gone through."""

STRUCTURED = 0.3
"""Share of files that are taken apart and get right checksums: what the first checksum stops finds little."""

BESIDE_SHARE = 0.4
"""Share of these that are changed in what lies beside the latents alone."""

STORED_SHARE = 0.9
"""Share of these in turn whose picture is stored: networks would do the same again and again."""

AGREEING = 0.1
"""Share of these whose symbols get the checksum that they have, so that the networks see them."""

LARGEST = 2**20
"""Bytes of the largest file."""

SIDES = (1, 2, 15, 16, 17, 32, 63, 64, 65, 100, 128, 129, 200, 256)
FAR_SIDES = (0, 512, 1024, 1025, 2049, 2**14, 2**19, 2**24, 2**24 + 1, 2**32, 2**35 - 1)
BYTES = (0, 1, 2, 4, 15, 16, 17, 18, 64, 127, 128, 129, 130, 147, 254, 255)
LENGTHS = (0, 1, 2, 3, 4, 5, 8, 13, 40, 300)
CHUNKS = (b"IHDR", b"IDAT", b"IEND", b"PLTE", b"tRNS", b"iCCP", b"zTXt", b"iTXt", b"acTL", b"fcTL", b"fdAT", b"gAMA")


# mutations of bytes


def change_bytes(random: Random, data: bytes) -> bytes:
    """One change somewhere."""
    place = random.randrange(len(data) + 1)
    kind = random.randrange(7)
    if kind == 0:
        other = any_file(random)
        return data[:place] + other[random.randrange(len(other) + 1) :]
    if kind == 1:
        return data[:place]
    if kind == 2:
        return data[:place] + random.randbytes(random.choice(LENGTHS)) + data[place:]
    if kind == 3:
        return data[:place] + data[place + random.choice(LENGTHS) :]
    if place == len(data):
        return data
    value = random.choice(BYTES) if kind == 4 else data[place] ^ 1 << random.randrange(8)
    return data[:place] + bytes([value]) + data[place + 1 :]


# mutations of what a file says


def resize(random: Random, parts: Parts) -> Parts:
    """Another width or height."""
    side = random.choice(("width", "height"))
    near = max(1, getattr(parts, side) + random.randint(-40, 40))
    value = random.choice((near, random.choice(SIDES), random.choice(SIDES), random.choice(FAR_SIDES)))
    return replace(parts, **{side: value})


def turn_bits(random: Random, parts: Parts) -> Parts:
    """Another kind or quality."""
    return replace(parts, bits=random.choice((parts.bits ^ 1 << random.randrange(16), random.randrange(2**16))))


def rename(random: Random, parts: Parts) -> Parts:
    """Another model, mostly one that there is."""
    other = quick_parts(random)
    if random.random() < 0.2:
        return replace(parts, model=random.choice((0, 3, 250, 2**35 - 1)), fingerprint=random.choice((0, 2**32 - 1)))
    return replace(parts, model=other.model, fingerprint=other.fingerprint)


def reversion(random: Random, parts: Parts) -> Parts:
    """Another version."""
    return replace(parts, version=random.randrange(32))


def edit(random: Random, parts: Parts) -> Parts:
    """Another payload, with some bytes changed or altogether new."""
    if not parts.sections:
        return parts
    place = random.randrange(len(parts.sections))
    tag, payload = parts.sections[place]
    if random.random() < 0.8:
        for _ in range(random.choice((1, 1, 2, 5))):
            payload = change_bytes(random, payload)
    else:
        length = random.choice((random.choice(LENGTHS), 5000))
        kept = payload[: random.choice((0, 4, 4))]
        payload = kept + random.choice((bytes(length), b"\xff" * length, random.randbytes(length)))
    return parts.with_section(place, Section(tag, payload))


def retag(random: Random, parts: Parts) -> Parts:
    """Another tag."""
    if not parts.sections:
        return parts
    place = random.randrange(len(parts.sections))
    tag = random.choice((random.choice(sorted(KNOWN_TAGS)), random.randrange(256)))
    return parts.with_section(place, Section(tag, parts.sections[place].payload))


def rearrange(random: Random, parts: Parts) -> Parts:
    """Sections in another order, some of them twice or not at all."""
    sections = list(parts.sections)
    if random.random() < 0.5:
        random.shuffle(sections)
    else:
        sections = random.choices(sections, k=random.randrange(len(sections) + 2)) if sections else []
    return replace(parts, sections=tuple(sections))


def borrow(random: Random, parts: Parts) -> Parts:
    """A section of another file more."""
    added = random.choice(quick_parts(random).sections)
    place = random.randrange(len(parts.sections) + 1)
    return replace(parts, sections=(*parts.sections[:place], added, *parts.sections[place:]))


def veil(random: Random, parts: Parts) -> Parts:
    """Another alpha plane."""
    others = (section for section in parts.sections if section.tag != Tag.ALPHA)
    return replace(parts, sections=(*others, Section(Tag.ALPHA, plane(random, parts))))


def restore(random: Random, parts: Parts) -> Parts:
    """Another stored picture."""
    others = (section for section in parts.sections if section.tag != Tag.STORED)
    return replace(parts, sections=(*others, Section(Tag.STORED, plane(random, parts))))


def deepen(random: Random, parts: Parts) -> Parts:
    """Other low bytes of 16-bit samples."""
    tag = random.choice((Tag.LOW, Tag.LOW, Tag.LOW_ALPHA))
    others = (section for section in parts.sections if section.tag != tag)
    payload = random.choice(([0], [2], [4], [8], [9]))
    return replace(parts, sections=(*others, Section(tag, bytes(payload) + plane(random, parts))))


def recode(random: Random, parts: Parts) -> Parts:
    """Other symbols: few or many of them, small or as large as they can be."""
    share, seed = random.choice((0.001, 0.1, 1.0)), random.randrange(2**32)
    values = random.choice(((-1, 1), (-9, 0, 9), (300, -300), (1023, 1024, -1024), (32767, -32767, -32768)))
    numbers = np.random.default_rng(seed)

    def pick(tables: Tensor) -> Tensor:
        changed = (numbers.random(tables.shape) < share) & (tables.numpy() > 0)
        return torch.from_numpy(np.where(changed, numbers.choice(values, tables.shape), 0).astype(np.int16))

    lossless = parts.bits >> 15
    if not parts.tiles or lossless or parts.width * parts.height > MAX_PIXELS:
        return parts
    try:
        return forged(parts, pick, random.random() < 0.2, random.choice((1, 3, 4, 5, 7, 1000, 1000)))
    except LcompError:
        return parts


def plane(random: Random, parts: Parts) -> bytes:
    """A stored plane that is odd in some way, mostly of the picture's size."""
    width, height = (min(side, 256) for side in (parts.width, parts.height))
    if random.random() < 0.3 and min(width, height) > 0:
        payload = webp(width, height)
    else:
        payload = png(width, height)
        rows = payload.index(b"IDAT") - 4
        for _ in range(random.randrange(4)):
            # after the head, or after the rows
            place = random.choice((33, rows, len(payload) - 12))
            name = random.choice(CHUNKS)
            junk = random.choice((b"", b"a\0\0", b"a\0\0x\x9c")) + random.randbytes(random.choice((0, 0, 4, 8, 26)))
            odd = head_chunk(random.choice(SIDES), random.choice(SIDES)) if name == b"IHDR" else chunk(name, junk)
            payload = payload[:place] + odd + payload[place:]
    return change_bytes(random, payload) if random.random() < 0.3 else payload


Change = Callable[[Random, Parts], Parts]

CHANGES: tuple[Change, ...] = (
    *(resize, turn_bits, rename, reversion, retag, rearrange, borrow, recode),
    *(edit, edit, edit, renumber, renumber, grade, wrap),
)
BESIDE: tuple[Change, ...] = (describe, describe, veil, veil, restore, deepen)
"""Changes beside the latents, which would be decoded the same again and again."""

WRITINGS: tuple[Callable[[Random, Parts], bytes], ...] = (
    *[lambda random, parts: parts.write()] * 5,
    *(misjudged, broken, misspelt),
)
"""How what was changed becomes a file: mostly as it is."""


def structured(random: Random) -> bytes:
    """A file that was taken apart, changed and put together with right checksums."""
    beside = random.random() < BESIDE_SHARE
    parts = stored_parts(random) if beside and random.random() < STORED_SHARE else quick_parts(random)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        parts = random.choice(BESIDE if beside else CHANGES)(random, parts)
    if random.random() < AGREEING and parts.width * parts.height <= MAX_PIXELS:
        # where this fails, decoding will
        with contextlib.suppress(Exception):
            parts = agreeing(parts)
    return random.choice(WRITINGS)(random, parts)


def mutated(seed: int, number: int, decoded: bool = False) -> bytes:
    """One of the fuzzer's files, of a picture that is mostly small where it is `decoded` despite wrong checksums."""
    random = Random(f"{seed}/{number}")
    if random.random() < STRUCTURED:
        return structured(random)[:LARGEST]
    valid = quick_file(random) if decoded else any_file(random)
    data = valid
    while data == valid:
        for _ in range(random.choice((1, 1, 1, 2, 4))):
            data = change_bytes(random, data)
    return data[:LARGEST]
