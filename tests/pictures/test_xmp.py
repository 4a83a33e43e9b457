"""XMP without claims about what is gone; all else byte for byte."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from helpers.pictures import ramp, reopened
from lcomp.pictures.reading import open_image, to_picture
from lcomp.pictures.xmp import xmp_of_size

HEAD = (
    b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>\n<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
)
TAIL = b'</rdf:RDF></x:xmpmeta>\n   \n<?xpacket end="w"?>'
NAMESPACES = (
    b' xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" xmlns:GCamera="http://ns.google.com/photos/1.0/camera/"'
    b' xmlns:Container="http://ns.google.com/photos/1.0/container/"'
    b' xmlns:Item="http://ns.google.com/photos/1.0/container/item/" xmlns:dc="http://purl.org/dc/elements/1.1/"'
    b' xmlns:HDRGainMap="http://ns.apple.com/HDRGainMap/1.0/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
    b' xmlns:xmpGImg="http://ns.adobe.com/xap/1.0/g/img/" xmlns:exif="http://ns.adobe.com/exif/1.0/"'
    b' xmlns:mwg-rs="http://www.metadataworkinggroup.com/schemas/regions/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"'
    b' xmlns:MP="http://ns.microsoft.com/photo/1.2/" xmlns:xmpNote="http://ns.adobe.com/xmp/note/"'
)


def xmp(attributes: bytes = b"", elements: bytes = b"") -> bytes:
    return HEAD + b"<rdf:Description" + NAMESPACES + attributes + b">" + elements + b"</rdf:Description>" + TAIL


KEPT, KEPT_ELEMENT = b" dc:format=\"a &gt; b\" xmp:Rating='5'", b"<dc:title>Harbour &amp; sea</dc:title>\n"

PARTS = [
    (b" hdrgm:Version=\"1.0\"\n hdrgm:GainMapMax = '2.3'", b""),
    (b' GCamera:MotionPhoto="1" GCamera:MotionPhotoVersion="1" GCamera:MicroVideoOffset="5024"', b""),
    (b"", b"<GCamera:MotionPhoto>1</GCamera:MotionPhoto>"),
    (b"", b'<HDRGainMap:HDRGainMapVersion>65536</HDRGainMap:HDRGainMapVersion><hdrgm:GainMapMin x="/>"/>'),
    (b' xmpNote:HasExtendedXMP="0123"', b""),
    (
        b"",
        b'<Container:Directory><rdf:Seq><rdf:li rdf:parseType="Resource"><Container:Item Item:Mime="video/mp4" '
        b'Item:Semantic="MotionPhoto" Item:Length="5024"/></rdf:li></rdf:Seq></Container:Directory>',
    ),
]
PLACES = [
    (b' exif:PixelXDimension="30" tiff:ImageLength="20"', b""),
    (b"", b"<exif:SubjectArea><rdf:Seq><rdf:li>3</rdf:li></rdf:Seq></exif:SubjectArea>"),
    (b"", b"<xmp:Thumbnails><rdf:Alt><rdf:li><xmpGImg:image>AAAA</xmpGImg:image></rdf:li></rdf:Alt></xmp:Thumbnails>"),
    (b"", b'<mwg-rs:Regions rdf:parseType="Resource"><mwg-rs:RegionList/></mwg-rs:Regions>'),
    (b"", b"<MP:RegionInfo><rdf:Description/></MP:RegionInfo>"),
]


@pytest.mark.parametrize(("attributes", "elements"), PARTS)
@pytest.mark.parametrize("moved", [False, True])
def test_claims_about_other_parts_of_the_file_go(attributes: bytes, elements: bytes, moved: bool) -> None:
    full = xmp(KEPT + attributes, KEPT_ELEMENT + elements)
    assert xmp_of_size(full, 30, 20, moved) == xmp(KEPT, KEPT_ELEMENT)


@pytest.mark.parametrize(("attributes", "elements"), PLACES)
def test_places_and_previews_go_where_the_picture_is_another(attributes: bytes, elements: bytes) -> None:
    full = xmp(attributes + KEPT, elements + KEPT_ELEMENT)
    assert xmp_of_size(full, 30, 20, moved=False) == full
    assert xmp_of_size(full, 30, 20, moved=True) == xmp(KEPT, KEPT_ELEMENT)


def test_another_size_counts_as_another_picture() -> None:
    full = xmp(b' tiff:ImageWidth="300" tiff:ImageLength="20"', b"".join(elements for _, elements in PLACES))
    assert xmp_of_size(full, 30, 20, moved=False) == xmp()


def test_namespaces_count_and_not_prefixes() -> None:
    odd = xmp(b' xmlns:g="http://ns.adobe.com/hdr-gain-map/1.0/" g:Version="1.0"')
    assert xmp_of_size(odd, 30, 20, moved=False) == xmp(b' xmlns:g="http://ns.adobe.com/hdr-gain-map/1.0/"')


@pytest.mark.parametrize("end", [b"", b"\0", b"\0 \n\0"])
def test_padding_stays(end: bytes) -> None:
    assert xmp_of_size(xmp(PARTS[0][0]) + end, 30, 20, moved=False) == xmp() + end


def test_malformed_xmp_goes_where_it_makes_such_claims() -> None:
    assert xmp_of_size(xmp(KEPT)[:-60], 30, 20, moved=True) == xmp(KEPT)[:-60]
    assert xmp_of_size(xmp(PARTS[0][0])[:-60], 30, 20, moved=False) is None
    bomb = b'<!DOCTYPE a [<!ENTITY b "bbbb">]>' + xmp(PARTS[0][0])
    assert xmp_of_size(bomb, 30, 20, moved=False) is None
    picture = to_picture(reopened(ramp("RGB"), "JPEG", xmp=xmp(PARTS[0][0])[:-60]))
    assert picture.xmp is None
    assert picture.notes == ("left out: damaged XMP",)


@given(st.binary(max_size=200), st.integers(0, 2000))
def test_damaged_xmp_raises_nothing(noise: bytes, at: int) -> None:
    full = xmp(*PARTS[0]) + xmp(*PLACES[3])
    for damaged in (noise, full[:at] + noise, full[:at] + noise + full[at + len(noise) :]):
        xmp_of_size(damaged, 30, 20, moved=True)


def test_turned_pictures_lose_the_places_in_xmp() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    full = xmp(KEPT, PLACES[3][1])
    assert to_picture(reopened(ramp("RGB"), "JPEG", exif=exif.tobytes(), xmp=full)).xmp == xmp(KEPT)
    assert to_picture(reopened(ramp("RGB"), "JPEG", xmp=full)).xmp == full


def jpeg(image: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **options)
    return buffer.getvalue()


@pytest.mark.parametrize("progressive", [False, True])
def test_gain_maps_are_named(progressive: bool) -> None:
    first = jpeg(ramp("RGB"), xmp=xmp(PARTS[0][0] + KEPT, PARTS[5][1]), progressive=progressive)
    second = jpeg(ramp("L"), xmp=xmp(PARTS[0][0]))
    picture = to_picture(open_image(first + second))
    assert picture.notes == ("left out: gain map",)
    assert picture.xmp == xmp(KEPT)
    # what has been cut off already is not left out now
    assert to_picture(open_image(first)).notes == ()


def test_gain_maps_among_several_pictures_are_named() -> None:
    claim = xmp(b' HDRGainMap:HDRGainMapVersion="65536"')
    for main, other in ((claim, b""), (b"", xmp(PARTS[0][0]))):
        buffer, gain = io.BytesIO(), ramp("L").resize((15, 10))
        gain.encoderinfo = {"xmp": other}
        ramp("RGB").save(buffer, "MPO", save_all=True, append_images=[gain], xmp=main)
        if other:  # as cameras write it: with metadata of its own
            data = buffer.getvalue() + jpeg(gain, xmp=other)
        else:
            data = buffer.getvalue()
        picture = to_picture(open_image(data))
        assert picture.notes == ("left out: gain map",)
        assert b"HDRGainMapVersion" not in (picture.xmp or b"")


def test_videos_of_motion_photos_are_named() -> None:
    video = b"\0\0\0\x18ftypmp42" + bytes(500) + b"end"
    for claim in (PARTS[1][0], b""):
        picture = to_picture(open_image(jpeg(ramp("RGB"), xmp=xmp(claim)) + video))
        assert picture.notes == ("left out: video of the motion photo",)
        assert picture.xmp == xmp()


@pytest.mark.parametrize("kind", ["WEBP", "TIFF"])
def test_claims_in_formats_without_videos_go_without_a_word(kind: str) -> None:
    key = {"tiffinfo": {700: xmp(PARTS[1][0])}} if kind == "TIFF" else {"xmp": xmp(PARTS[1][0])}
    picture = to_picture(reopened(ramp("RGB"), kind, **key))
    assert (picture.xmp, picture.notes) == (xmp(), ())


def test_other_things_behind_a_jpeg_are_counted() -> None:
    data = jpeg(ramp("RGB"))
    assert to_picture(open_image(data + b"whatever it is")).notes == ("left out: 14 bytes after the end of the JPEG",)
    assert to_picture(open_image(data + bytes(100))).notes == ()


def test_a_picture_that_is_encoded_twice_says_the_same_twice() -> None:
    image = open_image(jpeg(ramp("RGB")) + b"whatever it is")
    assert to_picture(image).notes == to_picture(image).notes != ()


def test_videos_in_heic_are_named() -> None:
    heif, buffer = pytest.importorskip("pillow_heif"), io.BytesIO()
    heif.from_pillow(ramp("RGB")).save(buffer, quality=90)
    video = b"\0\0\0\x20mpvd" + b"\0\0\0\x18ftypmp42" + bytes(12)
    assert to_picture(open_image(buffer.getvalue() + video)).notes == ("left out: video of the motion photo",)
