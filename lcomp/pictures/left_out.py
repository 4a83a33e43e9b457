"""Names of what a picture file holds that a `.lic` file does not keep."""

from PIL import Image

from lcomp.pictures.extras import Extras
from lcomp.pictures.metadata import RAW_PROFILE, RAW_PROFILES
from lcomp.pictures.xmp import claims

NAMED = 5
"""Limit on the texts that are named one by one."""

IPTC_RESOURCE, PATH_RESOURCES = 0x0404, range(2000, 2998)
"""Photoshop's resources of IPTC and of clipping paths."""

IPTC, PHOTOSHOP = 33723, 34377
GEOTIFF = (33550, 33922, 34264, 34735)
"""Tags of TIFF."""

EXTENDED_XMP = b"http://ns.adobe.com/xmp/extension/"
CREDENTIALS = b"jumb"
"""In the segments of a JPEG with content credentials (C2PA)."""

OTHER_TEXTS = ("XML:com.adobe.xmp",)
APPLES_MATTES = ("matte", "styledeltamap")


def of_png(image: Image.Image) -> list[str]:
    """Texts of a PNG, whose values are the only ones of that type."""
    texts = [str(key) for key, value in image.info.items() if isinstance(value, str) and key not in OTHER_TEXTS]
    others = [key for key in texts if not key.startswith(RAW_PROFILE)]
    raw = {key.removeprefix(RAW_PROFILE) for key in texts if key.startswith(RAW_PROFILE)} - RAW_PROFILES
    shown = [*others[:NAMED], "..."] if len(others) > NAMED else others
    iptc = ["IPTC"] if raw & {"iptc", "8bim"} else []
    more = [f"profile {name}" for name in sorted(raw - {"iptc", "8bim"})]
    return [f"PNG text ({', '.join(shown)})" for _ in others[:1]] + iptc + more


def of_jpeg(image: Image.Image) -> list[str]:
    """Segments of a JPEG."""
    segments: list[tuple[str, bytes]] = getattr(image, "applist", [])
    resources = image.info.get("photoshop")
    codes = set(resources) if isinstance(resources, dict) else set()
    found = {
        "JPEG comment": bool(image.info.get("comment")),
        "IPTC": IPTC_RESOURCE in codes,
        "clipping paths": bool(codes & set(PATH_RESOURCES)),
        "extended XMP": any(segment.startswith(EXTENDED_XMP) for _, segment in segments),
        "content credentials": any(name == "APP11" and CREDENTIALS in segment for name, segment in segments),
        "FlashPix": "flashpix" in image.info,
    }
    return [name for name, there in found.items() if there]


def of_tiff(image: Image.Image) -> list[str]:
    """Tags of a TIFF."""
    tags = getattr(image, "tag_v2", {})
    resources = tags.get(PHOTOSHOP)
    in_resources = isinstance(resources, bytes) and b"8BIM" + IPTC_RESOURCE.to_bytes(2, "big") in resources
    found = {"IPTC": IPTC in tags or in_resources, "GeoTIFF tags": any(tag in tags for tag in GEOTIFF)}
    return [name for name, there in found.items() if there]


def of_heif(image: Image.Image) -> list[str]:
    """Auxiliary pictures of a HEIC file."""
    kinds = image.info.get("aux")
    kinds = " ".join(map(str, kinds)).lower() if isinstance(kinds, dict) else ""
    found = {
        "gain map": "gainmap" in kinds,
        "depth map": bool(image.info.get("depth_images")),
        "mattes": any(name in kinds for name in APPLES_MATTES),
    }
    return [name for name, there in found.items() if there]


def of_psd(image: Image.Image) -> list[str]:
    """Resources of a Photoshop file."""
    return ["IPTC"] if any(resource[0] == IPTC_RESOURCE for resource in getattr(image, "resources", [])) else []


def of_comment(image: Image.Image) -> list[str]:
    """Comments of GIF and JPEG 2000, and the XMP of a GIF."""
    extension = image.info.get("extension", ())
    has_xmp = isinstance(extension, tuple) and bytes(extension[0]).startswith(b"XMP Data") if extension else False
    comment = [f"{image.format} comment"] if image.info.get("comment") else []
    return comment + (["XMP"] if has_xmp else [])


OF_FORMAT = {
    "PNG": of_png,
    "JPEG": of_jpeg,
    "MPO": of_jpeg,
    "TIFF": of_tiff,
    "HEIF": of_heif,
    "PSD": of_psd,
    "GIF": of_comment,
    "JPEG2000": of_comment,
}


def has_gain_map(extras: Extras, xmp: bytes | None) -> bool:
    """Whether a file holds a gain map, in its bytes or by what XMP says of it."""
    claimed = claims(xmp, b"hdrgm:Version", b"HDRGainMap:HDRGainMapVersion", b'Item:Semantic="GainMap')
    return extras.has_gain_map or (extras.may_hold_more and claimed)


def has_video(extras: Extras, xmp: bytes | None) -> bool:
    """Whether a file holds the video of a motion photo, in its bytes or by what XMP says of it."""
    claimed = claims(xmp, b"GCamera:MotionPhoto", b"GCamera:MicroVideo")
    return extras.has_video or (extras.may_hold_more and claimed)


def left_out(image: Image.Image, extras: Extras, xmp: bytes | None) -> list[str]:
    """What a picture file holds that is not kept, named in few words."""
    parts = {"gain map": has_gain_map(extras, xmp), "video of the motion photo": has_video(extras, xmp)}
    # another view of several may be the gain map itself
    found = [name for name, there in parts.items() if there and not (image.format == "MPO" and image.tell())]
    if extras.trailer and not found and image.format == "JPEG":
        found.append(f"{extras.trailer} bytes after the end of the JPEG")
    if image.format in OF_FORMAT:
        found += [name for name in OF_FORMAT[image.format](image) if name not in found]
    return found
