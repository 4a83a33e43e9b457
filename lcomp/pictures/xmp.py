"""XMP without what it says about things that are gone: parts of the file, a place in the picture, its preview."""

import re
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

ATTRIBUTE = re.compile(rb"""(?<!\s)\s++([^\s=/>"']+)\s*=\s*(?:"[^"]*"|'[^']*')""")
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


def is_among(name: str, namespaces: dict[str, str], properties: Properties) -> bool:
    """Whether a property is one of some, by its namespace or its usual prefix."""
    prefix, _, local = name.rpartition(":")
    given = namespaces.get(prefix)
    for (usual, namespace), names in properties.items():
        if (given == namespace or prefix == usual) and (local in names or names == (ALL,)):
            return True
    return False


class Finder:
    """Finds where some properties stand in XMP, as elements and as attributes."""

    def __init__(self, xmp: bytes, properties: Properties) -> None:
        self.xmp, self.properties = xmp, properties
        self.namespaces: dict[str, str] = {}
        self.known: dict[str, bool] = {}
        self.found: list[tuple[int, int]] = []
        self.inside: int | None = None  # where the element begins that is gone and still open
        self.depth = 0  # of elements within it
        self.parser = expat.ParserCreate()
        self.parser.StartDoctypeDeclHandler = self.refuse
        self.parser.StartElementHandler, self.parser.EndElementHandler = self.start, self.end

    def spans(self) -> list[tuple[int, int]]:
        """Where the properties begin and end, sorted; raises expat.ExpatError for what is not XML or has a DTD."""
        self.parser.Parse(self.xmp, True)
        return sorted(self.found)

    def refuse(self, *_: object) -> None:
        """Refuse a document type: it may define entities without end."""
        raise expat.ExpatError("XMP with a document type")

    def is_gone(self, name: str) -> bool:
        """Whether a property is one of those that are looked for."""
        if name not in self.known:
            self.known[name] = is_among(name, self.namespaces, self.properties)
        return self.known[name]

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Note an element that is gone, or the attributes of one that stays."""
        if self.inside is not None:
            self.depth += 1
            return
        for key, value in attributes.items():
            if key.startswith("xmlns:"):
                self.namespaces[key.removeprefix("xmlns:")] = value
        place = self.parser.CurrentByteIndex
        if self.is_gone(name):
            self.inside, self.depth = place, 0
        elif any(map(self.is_gone, attributes)) and (tag := TAG.match(self.xmp, place)):
            for attribute in ATTRIBUTE.finditer(tag[0]):
                if self.is_gone(attribute[1].decode(errors="replace")):
                    self.found.append((place + attribute.start(), place + attribute.end()))

    def end(self, _: str) -> None:
        """Note where an element ends that is gone."""
        if self.inside is None:
            return
        if self.depth:
            self.depth -= 1
            return
        # the end of an element without content is reported at its only tag
        tag = TAG.match(self.xmp, self.inside)
        close = tag if tag and tag[0].endswith(b"/>") else TAG.match(self.xmp, self.parser.CurrentByteIndex)
        if close:
            self.found.append((self.inside, close.end()))
        self.inside = None


def without(xmp: bytes, properties: Properties) -> bytes | None:
    """XMP without some properties, all else byte for byte; None where they are in XMP that cannot be parsed."""
    marks = {mark.encode() for usual, namespace in properties for mark in (f"{usual}:", namespace)}
    if not any(mark in xmp for mark in marks):
        return xmp
    try:
        found = Finder(xmp.rstrip(b"\0 \t\r\n"), properties).spans()  # padding follows the document
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
