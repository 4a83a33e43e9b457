"""XMP without what it says about things that are gone: parts of the file, a place in the picture, its preview."""

import re
from collections.abc import Iterator
from typing import NamedTuple
from xml.parsers import expat

GOOGLE = "http://ns.google.com/photos/1.0/"

ALL = "*"
"""Stands for all properties of a namespace."""

PARTS = {
    ("hdrgm", "http://ns.adobe.com/hdr-gain-map/1.0/"): (ALL,),
    ("HDRGainMap", "http://ns.apple.com/HDRGainMap/1.0/"): (ALL,),
    ("GCamera", f"{GOOGLE}camera/"): (
        *("MotionPhoto", "MotionPhotoVersion", "MotionPhotoPresentationTimestampUs", "MicroVideo", "MicroVideoVersion"),
        *("MicroVideoOffset", "MicroVideoPresentationTimestampUs"),
    ),
    ("Container", f"{GOOGLE}container/"): (ALL,),
    ("Item", f"{GOOGLE}container/item/"): (ALL,),
    ("Device", "http://ns.google.com/photos/dd/1.0/device/"): (ALL,),
    ("xmpNote", "http://ns.adobe.com/xmp/note/"): ("HasExtendedXMP",),
}
"""Properties that describe other parts of the file, by usual prefix and namespace: none of them is kept."""

EXTENDED = {
    ("GDepth", f"{GOOGLE}depthmap/"): (ALL,),
    ("GImage", f"{GOOGLE}image/"): (ALL,),
    ("GAudio", f"{GOOGLE}audio/"): (ALL,),
}
"""Properties whose data is in extended XMP."""

PLACES = EXTENDED | {
    ("tiff", "http://ns.adobe.com/tiff/1.0/"): ("ImageWidth", "ImageLength"),
    ("exif", "http://ns.adobe.com/exif/1.0/"): (
        *("PixelXDimension", "PixelYDimension", "SubjectArea", "SubjectLocation"),
    ),
    ("xmp", "http://ns.adobe.com/xap/1.0/"): ("Thumbnails", "PageInfo"),
    ("xap", "http://ns.adobe.com/xap/1.0/"): ("Thumbnails", "PageInfo"),
    ("xmpGImg", "http://ns.adobe.com/xap/1.0/g/img/"): (ALL,),
    ("xapGImg", "http://ns.adobe.com/xap/1.0/g/img/"): (ALL,),
    ("mwg-rs", "http://www.metadataworkinggroup.com/schemas/regions/"): (ALL,),
    ("MP", "http://ns.microsoft.com/photo/1.2/"): ("RegionInfo",),
    ("acdsee-rs", "http://ns.acdsee.com/regions/"): (ALL,),
    ("Iptc4xmpExt", "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"): ("ImageRegion",),
    ("GPano", f"{GOOGLE}panorama/"): (ALL,),
}
"""Properties that describe a place in the picture, its size or a preview of it."""

SIZES = ((b"ImageWidth", b"PixelXDimension"), (b"ImageLength", b"PixelYDimension"))
"""Properties of width and of height, of TIFF and of EXIF."""

ATTRIBUTE = re.compile(rb"""\s+([^\s=/>"']+)\s*=\s*(?:"[^"]*"|'[^']*')""")
"""An attribute with the space before it, and its name."""

TAG = re.compile(rb"""<(?:[^<>"']|"[^"]*"|'[^']*')*>""")
"""A tag, whose attributes may hold any character."""

XMP_ORIENTATION = re.compile(
    rb"""tiff:Orientation\s*=\s*(?:"[^"<>]*"|'[^'<>]*')"""
    rb"""|<tiff:Orientation(?:\s[^<>]*)?>[^<>]*</tiff:Orientation\s*>"""
)
"""`tiff:Orientation` in XMP, as an attribute or an element."""


XMP_TURN = re.compile(rb"""tiff:Orientation(?:\s*=\s*["']|>)\s*([1-8])\s*["'<]""")
"""The orientation in XMP."""

Properties = dict[tuple[str, str], tuple[str, ...]]


class Element(NamedTuple):
    """An element of XMP."""

    name: str
    begin: int
    behind: int  # behind its start tag
    end: int


class Parsed(NamedTuple):
    """The elements of XMP and what its prefixes stand for."""

    elements: list[Element]
    namespaces: dict[str, str]


def parse(xmp: bytes) -> Parsed:
    """Find the elements of XMP; raises expat.ExpatError for what is not XML, or has a document type."""
    parser = expat.ParserCreate()
    elements: list[Element] = []
    namespaces: dict[str, str] = {}
    open_elements: list[int] = []

    def refuse(*_: object) -> None:
        raise expat.ExpatError("XMP with a document type")

    def start(name: str, attributes: dict[str, str]) -> None:
        open_elements.append(parser.CurrentByteIndex)
        for key, value in attributes.items():
            if key.startswith("xmlns:"):
                namespaces[key.removeprefix("xmlns:")] = value

    def end(name: str) -> None:
        begin = open_elements.pop()
        tag = TAG.match(xmp, begin)
        close = tag if tag and tag[0].endswith(b"/>") else TAG.match(xmp, parser.CurrentByteIndex)
        if tag and close:
            elements.append(Element(name, begin, tag.end(), close.end()))

    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.Parse(xmp, True)
    return Parsed(elements, namespaces)


def is_among(name: str, namespaces: dict[str, str], properties: Properties) -> bool:
    """Whether a property is one of some, by its namespace or, where that is not declared, its usual prefix."""
    prefix, _, local = name.rpartition(":")
    given = namespaces.get(prefix)
    for (usual, namespace), names in properties.items():
        if (given == namespace or prefix == usual) and (local in names or names == (ALL,)):
            return True
    return False


def spans(xmp: bytes, properties: Properties) -> Iterator[tuple[int, int]]:
    """Where the properties stand in XMP, as elements and as attributes; raises expat.ExpatError."""
    elements, namespaces = parse(xmp)
    for element in elements:
        if is_among(element.name, namespaces, properties):
            yield element.begin, element.end
            continue
        for attribute in ATTRIBUTE.finditer(xmp, element.begin, element.behind):
            if is_among(attribute[1].decode(errors="replace"), namespaces, properties):
                yield attribute.span()


def without(xmp: bytes, properties: Properties) -> bytes | None:
    """XMP without some properties, all else byte for byte; None where they are in XMP that cannot be parsed."""
    marks = {mark.encode() for usual, namespace in properties for mark in (f"{usual}:", namespace)}
    if not any(mark in xmp for mark in marks):
        return xmp
    try:
        found = sorted(spans(xmp.rstrip(b"\0 \t\r\n"), properties))  # padding follows the document
    except expat.ExpatError:
        there = "|".join(
            f"{usual}:{'|'.join(names) if names != (ALL,) else ''}" for (usual, _), names in properties.items()
        )
        return None if re.search(rf"[<\s](?:{there})".encode(), xmp) else xmp
    kept, position = [], 0
    for begin, end in found:
        if begin >= position:
            kept.append(xmp[position:begin])
        position = max(position, end)
    return b"".join((*kept, xmp[position:]))


def upright_xmp(xmp: bytes) -> bytes:
    """XMP without an orientation."""
    return XMP_ORIENTATION.sub(b"", xmp)


def claims(xmp: bytes | None, *names: bytes) -> bool:
    """Whether XMP has a property that is not 0, by its usual name."""
    return any(
        re.search(re.escape(name) + rb"""(?:\s*=\s*["']|>)\s*+(?!0\s*["'<])""", xmp or b"") is not None
        for name in names
    )


def xmp_of_size(xmp: bytes, width: int, height: int, moved: bool) -> bytes | None:
    """XMP that holds for a picture of a size, without claims about other parts of its file; None where none is left.

    What it says about places in the picture no longer fits where that was `moved` (turned, cropped or one of several
    frames), and where XMP gives another size.
    """
    for names, value in zip(SIZES, (width, height), strict=True):
        for name in names:
            told = re.findall(name + rb"""(?:\s*=\s*["']|>)\s*(\d+)\s*["'<]""", xmp)
            moved |= any(int(number) != value for number in told if len(number) < 10)
    gone = PARTS | PLACES if moved else PARTS
    if claims(xmp, b"xmpNote:HasExtendedXMP"):
        gone = gone | EXTENDED
    return without(xmp, gone)
