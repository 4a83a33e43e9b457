"""Changes of what a file says of itself, by chance and with right checksums: lengths, numbers, metadata, qualities."""

import contextlib
import struct
from dataclasses import replace
from random import Random

import numpy as np

from attacks.deflated import deflated
from attacks.metadata import exif
from attacks.tools import Parts, seal
from helpers.profiles import SRGB
from lcomp.errors import FormatError
from lcomp.format.binary import Reader, write_varint
from lcomp.format.container import AROUND, CHECKSUM, Section, Tag, write_section
from lcomp.format.metadata import DEFLATED, METADATA
from lcomp.format.qualities import blocks, write_offsets

FORMS = ("<H", ">H", "<I", ">I", "<Q", ">Q")
NUMBERS = (0, 1, 2, 7, 8, 255, 2**15, 2**16 - 1, 2**16, 2**24, 2**31 - 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1)
LENGTHS = (0, 1, 2, 3, 4, 5, 127, 128, 2**14, 2**26, 2**26 + 1, 2**31, 2**32 - 1, 2**35 - 1)
OFFSETS = (-128, -64, -9, -1, 0, 0, 1, 9, 63, 127)

EXIF_TAGS = (0x0100, 0x010E, 0x0112, 0x011A, 0x0128, 0x0201, 0x0202, 0x02BC, 0x8769, 0x8825, 0x9003, 0xA002, 0xA005)

PANORAMA = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:GPano="http://ns.google.com/photos/1.0/panorama/" '
    b'GPano:ProjectionType="equirectangular" %s/></rdf:RDF></x:xmpmeta>'
)
PLACES = (
    *("FullPanoWidthPixels", "FullPanoHeightPixels", "CroppedAreaLeftPixels", "CroppedAreaTopPixels"),
    *("CroppedAreaImageWidthPixels", "CroppedAreaImageHeightPixels", "PoseHeadingDegrees"),
)
VALUES = ("0", "1", "24", "32", "64", "999999999", "9999999999", "-1", "1.5", "nan", "1e999", "", "\u0663", "x" * 60)


def numbers_near(payload: bytes) -> tuple[int, ...]:
    """Numbers that mean something in a payload: its length, and what most often goes wrong."""
    return (*NUMBERS, len(payload), len(payload) - 1, len(payload) + 1)


def renumbered(random: Random, payload: bytes) -> bytes:
    """With another number of 2, 4 or 8 bytes somewhere."""
    form = random.choice(FORMS)
    size = struct.calcsize(form)
    if len(payload) < size:
        return payload
    place = random.randrange(len(payload) - size + 1)
    number = random.choice(numbers_near(payload)) % 256**size
    return payload[:place] + struct.pack(form, number) + payload[place + size :]


def renumber(random: Random, parts: Parts) -> Parts:
    """Other numbers in a payload."""
    if not parts.sections:
        return parts
    place = random.randrange(len(parts.sections))
    tag, payload = parts.sections[place]
    for _ in range(random.choice((1, 1, 2, 4))):
        payload = renumbered(random, payload)
    return parts.with_section(place, Section(tag, payload))


def odd_exif(random: Random) -> bytes:
    """EXIF of a few entries, each of any type, number and value."""
    entries = [
        (random.choice(EXIF_TAGS), random.randrange(14), random.choice(NUMBERS) % 2**32, random.choice(NUMBERS) % 2**32)
        for _ in range(random.randrange(5))
    ]
    payload = exif(*entries, successor=random.choice((0, 8, 26, 2**31)))
    return payload[random.choice((0, 0, 6)) :]


def odd_xmp(random: Random) -> bytes:
    """XMP of a panorama with places that there cannot be."""
    told = " ".join(f'GPano:{name}="{random.choice(VALUES)}"' for name in random.sample(PLACES, random.randrange(7)))
    return PANORAMA % told.encode()


def describe(random: Random, parts: Parts) -> Parts:
    """Other metadata, as it is or deflated."""
    kind = random.choice(METADATA)
    payload = {Tag.EXIF: odd_exif, Tag.XMP: odd_xmp}.get(kind, lambda _: SRGB)(random)
    if random.random() < 0.5:
        payload = renumbered(random, payload)
    others = tuple(section for section in parts.sections if section.tag not in (kind, DEFLATED[kind]))
    made = Section(DEFLATED[kind], deflated(payload)) if random.random() < 0.5 else Section(kind, payload)
    return replace(parts, sections=(made, *others))


def grade(random: Random, parts: Parts) -> Parts:
    """Other qualities of blocks, mostly as many as there are."""
    half = parts.bits >> 14 & 1
    rows, columns = blocks(-(-parts.width >> half), -(-parts.height >> half))
    count = max(0, min(rows * columns, 2**12) + random.choice((0, 0, 0, 0, -1, 1)))
    payload = write_offsets(np.array([random.choices(OFFSETS, k=count)], np.int8))
    others = tuple(section for section in parts.sections if section.tag != Tag.QUALITIES)
    return replace(parts, sections=(Section(Tag.QUALITIES, payload), *others))


def wrap(random: Random, parts: Parts) -> Parts:
    """A projection, of widths that go around and others."""
    width = random.choice((parts.width, 1, 16, 32, 48, 64, 256))
    payload = random.choice((AROUND, AROUND, AROUND, b"", b"\0", b"\1\1"))
    return replace(parts, width=width, sections=(*parts.sections, Section(Tag.PROJECTION, payload)))


# what cannot be said by parts: the file itself is changed


def odd_varint(random: Random, value: int) -> bytes:
    """A number that is a little or much off, or spelt as it should not be."""
    kind = random.randrange(4)
    if kind == 0:
        return write_varint(max(0, value + random.choice((-5, -4, -1, 1, 4, 5))))
    if kind == 1:
        return write_varint(random.choice(LENGTHS))
    spelt = write_varint(value)
    longer = spelt[:-1] + bytes([spelt[-1] | 128])
    return longer + random.choice((b"\0", b"\x80\0", b"\1", b"\xff" * 5))


def starts(parts: Parts) -> list[int]:
    """Where each section of a file begins."""
    sizes = [len(write_section(*section)) for section in parts.sections]
    return [len(parts.head()) + CHECKSUM + sum(sizes[:place]) for place in range(len(sizes))]


def misjudged(random: Random, parts: Parts) -> bytes:
    """A file of which a section has another length, and the checksum of that many bytes where it can."""
    data = parts.write()
    if not parts.sections:
        return data
    place = random.randrange(len(parts.sections))
    start, length = starts(parts)[place], len(parts.sections[place].payload)
    after = start + 1 + len(write_varint(length))
    spelt = odd_varint(random, length)
    with contextlib.suppress(FormatError):
        length = Reader(spelt).varint("section")
    end = min(after + length, len(data))
    return data[:start] + seal(data[start : start + 1] + spelt + data[after:end]) + data[end + random.choice((0, 4)) :]


def misspelt(random: Random, parts: Parts) -> bytes:
    """A header with a width, height or model that is spelt or chosen as it should not be, and its checksum."""
    numbers = [write_varint(number) for number in (parts.width, parts.height, parts.model)]
    place = random.randrange(3)
    numbers[place] = odd_varint(random, (parts.width, parts.height, parts.model)[place])
    head = parts.head()
    end = head[:5] + numbers[0] + numbers[1] + struct.pack("<H", parts.bits) + numbers[2] + head[-4:]
    return seal(end) + parts.write()[len(head) + 4 :]


def broken(random: Random, parts: Parts) -> bytes:
    """A file that ends with a section, or some whole words within it: what is read in part."""
    if not parts.sections:
        return parts.write()
    start, words = random.choice(starts(parts)), random.randrange(100)
    return parts.write()[: start + random.choice((0, 1, 2, 6, 7, *[6 + 4 * words] * 5))]
