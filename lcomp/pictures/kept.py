"""The metadata that is kept of a picture, in the form that holds for its pixels, and the names of what is left out."""

from typing import NamedTuple

from PIL import Image

from lcomp.format.container import Mode
from lcomp.pictures import colours
from lcomp.pictures.colours import ProfileFound
from lcomp.pictures.extras import Extras
from lcomp.pictures.ifds import MALFORMED
from lcomp.pictures.left_out import has_gain_map, left_out
from lcomp.pictures.profiles import Primaries, misfit, of_picture
from lcomp.pictures.tags import Resolution, exif_of_size, resolution_of, with_resolution
from lcomp.pictures.xmp import xmp_of_size

OWN_METADATA = ("MPO", "HEIF", "TIFF")
"""Formats in which every picture has metadata of its own; elsewhere that is of the first frame."""

WHITE_POINT, CHROMATICITIES, TIFF_X = 318, 319, 282
"""Tags of TIFF."""

UNITLESS = {"HEIF": "pixel_aspect_ratio", "TIFF": "resolution"}
"""Where Pillow puts the shape of pixels without their size, but for JPEG and PNG."""

HALF_A_DOT_PER_METRE = 0.0127
"""In dots per inch."""

NARROW = "video's narrow range read as full range"


class Kept(NamedTuple):
    """Metadata of a picture that is kept."""

    icc: bytes | None
    exif: bytes | None
    xmp: bytes | None
    notes: tuple[str, ...]


class Described(NamedTuple):
    """A picture as its file describes it."""

    source: Image.Image  # before it was turned
    extras: Extras
    orientation: int
    icc: bytes | None
    exif: bytes | None
    xmp: bytes | None

    @property
    def moved(self) -> bool:
        """Whether the pixels are others than those that EXIF and XMP describe: turned, or another frame."""
        turned = self.orientation != 1 or self.source.info.get("original_orientation") not in (None, 1)
        return turned or (self.source.tell() != 0 and self.source.format not in OWN_METADATA)

    @property
    def has_only_a_gain_map(self) -> bool:
        """Whether the other picture in the file is its gain map."""
        views = getattr(self.source, "n_frames", 1) if self.source.format == "MPO" else 1
        return views == 2 and has_gain_map(self.extras, self.xmp)


def measured(source: Image.Image) -> tuple[Primaries | None, float | None]:
    """Primaries and the exponent of the encoding that a PNG or TIFF gives; None for either that it lacks."""
    numbers: tuple[object, ...] = ()
    exponent = None
    if source.format == "PNG" and not isinstance(source.info.get("srgb"), int):
        chosen, gamma = source.info.get("chromaticity"), source.info.get("gamma")
        numbers = chosen if isinstance(chosen, tuple) else ()
        exponent = gamma if isinstance(gamma, float) else None  # str where it is a PNG text of that name
    elif source.format == "TIFF":
        tags = getattr(source, "tag_v2", {})
        white, chosen = tags.get(WHITE_POINT, colours.D65), tags.get(CHROMATICITIES)
        numbers = (*white, *chosen) if isinstance(white, tuple) and isinstance(chosen, tuple) else ()
    try:
        values = [float(number) for number in numbers]  # type: ignore[arg-type]
    except (TypeError, ValueError, ArithmeticError):
        values = []
    if len(values) != 8:
        return None, exponent
    white, red, green, blue = zip(values[::2], values[1::2], strict=True)
    return Primaries(red, green, blue, white), exponent


def colours_of(described: Described, mode: Mode) -> ProfileFound:
    """The ICC profile of a picture, its own or made of what else its file says, with notes."""
    source, extras = described.source, described.extras
    icc = described.icc or extras.profile
    notes = [NARROW] if extras.narrow else []
    found = colours.of_cicp(extras.cicp, mode) if extras.cicp else colours.NOTHING
    # code points stand above the profile of a PNG, and below that of AVIF and HEIC
    if icc and not (source.format == "PNG" and found.profile):
        if of_picture(icc, mode):
            return ProfileFound(icc, tuple(notes))
        notes.append(f"ICC profile left out: {misfit(icc, mode)}")
    if extras.cicp is None:
        found = colours.of_measures(*measured(source), mode)
    return ProfileFound(found.profile, (*notes, *found.notes))


def rounded(dpi: float) -> float:
    """Whole dots per inch where a format that counts dots per metre cannot say them exactly."""
    return float(round(dpi)) if abs(dpi - round(dpi)) <= HALF_A_DOT_PER_METRE else dpi


def resolution_in(described: Described) -> Resolution | None:
    """The resolution of a picture before it was turned, if it says anything: that of the format, else that of EXIF."""
    source, told = described.source, described.source.info.get("dpi")
    if source.format in ("JPEG", "MPO") and source.info.get("jfif_unit") not in (1, 2):
        told = None  # what Pillow takes from EXIF, or a default
    elif source.format == "TIFF" and TIFF_X not in getattr(source, "tag_v2", {}):
        told = None
    if isinstance(told, tuple) and len(told) == 2:
        try:
            resolution = Resolution(*(rounded(float(value)) for value in told))
        except (TypeError, ValueError, ArithmeticError):
            return resolution_of(described.exif)
        if resolution.is_telling:
            return resolution
    return resolution_of(described.exif)


def has_odd_pixels(source: Image.Image) -> bool:
    """Whether a file gives the shape of its pixels without their size, and they are not square."""
    info = source.info
    told = info.get("jfif_density") if info.get("jfif_unit") == 0 else info.get("aspect")
    if source.format in UNITLESS:
        told = None if "dpi" in info else info.get(UNITLESS[source.format])
    return isinstance(told, tuple) and len(told) == 2 and told[0] != told[1] and all(told)


def with_its_resolution(described: Described, exif: bytes | None) -> bytes | None:
    """EXIF with the resolution of the picture, turned as it is; raises MALFORMED."""
    resolution = resolution_in(described)
    if resolution is None:
        return exif
    if described.orientation > 4:
        resolution = Resolution(resolution.y, resolution.x)
    known = resolution_of(exif)
    return exif if known and known.near(resolution) else with_resolution(exif, resolution)


def keep(described: Described, size: tuple[int, int], mode: Mode, keeps_profile: bool) -> Kept:
    """What is kept of a picture's metadata, with notes, for pixels of a size (width and height) and mode."""
    icc, notes = colours_of(described, mode) if keeps_profile else colours.NOTHING
    exif = described.exif and exif_of_size(described.exif, *size, described.moved)
    xmp = described.xmp and xmp_of_size(described.xmp, *size, described.moved)
    names = left_out(described.source, described.extras, described.xmp)
    if described.xmp and xmp is None:
        names.append("damaged XMP")
    if has_odd_pixels(described.source):
        names.append("pixel aspect ratio")
    try:
        exif = with_its_resolution(described, exif)
    except MALFORMED:
        names.append("resolution")
    line = (f"left out: {', '.join(names)}",) if names else ()
    return Kept(icc, exif, xmp, (*notes, *line))
