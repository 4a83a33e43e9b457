"""Colour information outside ICC profiles, as such a profile: code points of H.273 (CICP), PNG and TIFF chunks."""

import struct
from typing import NamedTuple

import numpy as np

from lcomp.format.container import Mode
from lcomp.pictures.profiles import SRGB_CURVE, Primaries, ToneCurve, made

D65, C = (0.3127, 0.3290), (0.310, 0.316)
BT709 = Primaries((0.640, 0.330), (0.300, 0.600), (0.150, 0.060), D65)

PRIMARIES = {
    1: BT709,
    4: Primaries((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), C),
    5: Primaries((0.64, 0.33), (0.29, 0.60), (0.15, 0.06), D65),
    6: Primaries((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), D65),
    7: Primaries((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), D65),
    8: Primaries((0.681, 0.319), (0.243, 0.692), (0.145, 0.049), C),
    9: Primaries((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), D65),
    11: Primaries((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.314, 0.351)),
    12: Primaries((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), D65),
    22: Primaries((0.630, 0.340), (0.295, 0.605), (0.155, 0.077), D65),
}
"""Colour primaries of H.273, by number."""

NAMES = {1: "BT.709", 4: "BT.470M", 5: "BT.601 (625)", 6: "BT.601 (525)", 7: "SMPTE 240M", 8: "film", 9: "BT.2020"}
NAMES |= {11: "DCI-P3", 12: "Display P3", 22: "EBU 3213"}

UNSPECIFIED = (0, 2, 3)
"""Numbers of H.273 that say nothing."""

LIKE_SRGB = (1, 6, 7, 11, 12, 13, 14, 15)
"""Transfer characteristics that every viewer shows as it shows sRGB: those of video, and sRGB itself."""

GAMMAS = {4: 2.2, 5: 2.8, 8: 1.0, 17: 2.6}
"""Transfer characteristics that are a power."""

PQ, HLG = 16, 18
HDR = {PQ: "PQ", HLG: "HLG"}
"""Transfer characteristics of high dynamic range."""

HDR_WHITE = 203
"""Luminance in cd/m2 of diffuse white in HDR pictures, after ITU-R BT.2408."""

HLG_PEAK, HLG_GAMMA = 1000, 1.2
"""Luminance in cd/m2 of the nominal display of HLG, and its gamma."""

ENTRIES = 1024
"""Entries of the curve of an HDR picture."""

SMALL = 0.002
"""Difference of chromaticities that does not count: files round them."""


class Cicp(NamedTuple):
    """Code points of H.273."""

    primaries: int
    transfer: int


class ProfileFound(NamedTuple):
    """A profile made of what a file says about its colours, with notes."""

    profile: bytes | None
    notes: tuple[str, ...]


NOTHING = ProfileFound(None, ())


def pq(samples: np.ndarray) -> np.ndarray:
    """Light of PQ samples in cd/m2 (SMPTE ST 2084)."""
    root = samples ** (32 / 2523)
    return 10000 * (np.maximum(root - 107 / 128, 0) / (2413 / 128 - 2392 / 128 * root)) ** (8192 / 1305)


def hlg(samples: np.ndarray) -> np.ndarray:
    """Light of grey HLG samples in cd/m2 on the nominal display (ITU-R BT.2100)."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(samples <= 0.5, samples**2 / 3, (np.exp((samples - c) / a) + b) / 12)
    return HLG_PEAK * scene**HLG_GAMMA


def hdr_curve(transfer: int) -> ToneCurve:
    """Light up to diffuse white, of the samples of an HDR picture; what is brighter is clipped."""
    light = (pq if transfer == PQ else hlg)(np.linspace(0, 1, ENTRIES)) / HDR_WHITE
    return ToneCurve(table=tuple(np.rint(65535 * np.minimum(light, 1)).astype(int).tolist()))


def of_cicp(cicp: Cicp, mode: Mode) -> ProfileFound:
    """The profile of code points of H.273; none where they are those of sRGB, or say nothing."""
    number = 1 if cicp.primaries in UNSPECIFIED else cicp.primaries
    transfer = 13 if cicp.transfer in UNSPECIFIED or cicp.transfer in LIKE_SRGB else cicp.transfer
    if transfer == 13 and (number == 1 or mode is Mode.L):
        return NOTHING
    if number not in PRIMARIES or not (transfer == 13 or transfer in GAMMAS or transfer in HDR):
        return ProfileFound(None, (f"colours {cicp.primaries}/{cicp.transfer} of H.273 read as sRGB",))
    curve = SRGB_CURVE if transfer == 13 else hdr_curve(transfer) if transfer in HDR else ToneCurve(GAMMAS[transfer])
    name = NAMES[number] + (f" {HDR[transfer]}" if transfer in HDR else f", gamma {curve.gamma:g}" * (transfer != 13))
    profile = made(name, mode, PRIMARIES[number], curve, bytes([number, cicp.transfer, 0, 1]))
    if transfer not in HDR:
        return ProfileFound(profile, ())
    clipped = f"a colour profile clips what is brighter than white, {HDR_WHITE} cd/m2"
    return ProfileFound(profile, (f"HDR ({HDR[transfer]}) kept in 8 bits: {clipped}",))


def are_near(ours: Primaries, theirs: Primaries) -> bool:
    """Whether primaries are the same but for rounding."""
    return bool(np.abs(np.array(ours) - np.array(theirs)).max() < SMALL)


def of_measures(primaries: Primaries | None, gamma: float | None, mode: Mode) -> ProfileFound:
    """The profile of measured primaries and the exponent that light was encoded with; none where it is that of sRGB.

    A gamma near 1 / 2.2 stands for sRGB, unless the primaries are others.
    """
    own = BT709 if primaries is None or mode is Mode.L else primaries
    srgb = are_near(own, BT709)
    if gamma is not None and not 0.1 <= gamma <= 10:
        return ProfileFound(None, ("impossible gamma ignored",))
    if srgb and (gamma is None or abs(gamma - 1 / 2.2) < 0.01):
        return NOTHING
    curve = SRGB_CURVE if gamma is None else ToneCurve(1 / gamma)
    try:
        name = "sRGB primaries" if srgb else "primaries of the file"
        with np.errstate(all="raise"):
            return ProfileFound(made(f"{name}, gamma {curve.gamma:.4g}" if gamma else name, mode, own, curve), ())
    except (ArithmeticError, ValueError, struct.error):
        return ProfileFound(None, ("impossible chromaticities ignored",))
