"""ICC profile, EXIF and XMP in their sections: as they are, or deflated (RFC 1951) where that is smaller."""

import zlib

from lcomp.errors import FormatError, LimitError
from lcomp.format.sections import Section, Tag

MAX_METADATA = 2**26
"""Largest ICC, EXIF or XMP payload in bytes."""
MAX_INFLATED = 2**24
"""Largest one that is deflated: a small file must not inflate to much."""

METADATA = (Tag.ICC, Tag.EXIF, Tag.XMP)
DEFLATED = dict(zip(METADATA, (Tag.ICC_DEFLATED, Tag.EXIF_DEFLATED, Tag.XMP_DEFLATED), strict=True))
"""Tags of the sections whose payload is deflated, by those of plain ones."""
KINDS = {int(deflated): int(tag) for tag, deflated in DEFLATED.items()}


def kind_of(tag: int) -> int:
    """The tag of the plain form of a section: for all but deflated metadata the tag itself.

    >>> kind_of(Tag.XMP_DEFLATED) == Tag.XMP
    True
    """
    return KINDS.get(tag, tag)


def check_size(size: int) -> None:
    """Raise LimitError for an ICC, EXIF or XMP payload of more bytes than the limit."""
    if size > MAX_METADATA:
        raise LimitError(f"metadata of {size} bytes (limit {MAX_METADATA})")


def metadata_section(tag: Tag, payload: bytes) -> Section:
    """The smaller section of an ICC, EXIF or XMP payload; raises LimitError for what `metadata_of` would refuse."""
    check_size(len(payload))
    if len(payload) <= MAX_INFLATED:
        deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS, 9)
        deflated = deflater.compress(payload) + deflater.flush()
        if len(deflated) < len(payload):
            return Section(DEFLATED[tag], deflated)
    return Section(tag, payload)


def metadata_of(section: Section) -> bytes:
    """The ICC, EXIF or XMP payload that a section holds.

    Raises LimitError for one that is too large, before it is inflated beyond the limit, and FormatError for one that
    does not inflate, or ends before its section does.
    """
    check_size(len(section.payload))
    if section.tag not in KINDS:
        return section.payload
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        payload = inflater.decompress(section.payload, MAX_INFLATED + 1)
    except zlib.error as error:
        raise FormatError(f"damaged {Tag(kind_of(section.tag)).name} metadata") from error
    if len(payload) > MAX_INFLATED:
        raise LimitError(f"metadata that inflates to more than {MAX_INFLATED} bytes")
    if not inflater.eof or inflater.unused_data:
        raise FormatError(f"damaged {Tag(kind_of(section.tag)).name} metadata")
    return payload
