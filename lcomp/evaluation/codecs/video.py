"""Video codecs on single pictures, by an ffmpeg: VVC, HEVC and AV1, intra.

A file is 32 bytes of header and the raw bitstream: what a still-picture container would add at least. The conversion to
YCbCr is that of zimg, by BT.709 in full range and tagged so, with 10 bits.
"""

import struct
from dataclasses import dataclass
from typing import Self

import numpy as np
from PIL import Image

from lcomp.evaluation.codecs.adapter import Adapter, MissingLibraryError
from lcomp.evaluation.ffmpeg import program_with, run
from lcomp.types import Pixels

HEADER = struct.Struct("<II24x")
"""Width, height, and as many bytes as make it 32, the overhead of a .lic file."""

UNIT, LEAST = 8, 64
"""Encoders take sides that are multiples of UNIT and no smaller than LEAST: edges are repeated, and cut off again."""

COLOURS = "primariesin=709:primaries=709:transferin=iec61966-2-1:transfer=iec61966-2-1:filter=bicubic:dither=none"
TO_YUV = f"zscale=matrixin=gbr:rangein=full:matrix=709:range=full:{COLOURS},format="
TO_RGB = f"zscale=matrixin=709:rangein=full:matrix=gbr:range=full:{COLOURS},format=gbrp"
TAGS = ["-color_range", "pc", "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "iec61966-2-1"]
FULL_RANGE = ("-vvenc-params", "range=full")
"""What VVenC must be told besides TAGS, or its streams call themselves limited."""
RGB_OUT = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-")

QPS = (46, 41, 36, 31, 26, 21)


@dataclass(frozen=True)
class VideoCodec(Adapter):
    """An encoder of ffmpeg; see the functions below for the ones in use."""

    pixel_format: str = "yuv420p10le"
    muxer: str = "vvc"  # of the raw bitstream, and its demuxer
    arguments: tuple[str, ...] = ()  # for the encoder
    setting_option: str = "-qp"

    @classmethod
    def vvc(cls, preset: str) -> Self:
        """VVC by VVenC, 4:2:0 as it takes nothing else, without its perceptual adaptation of QPs."""
        name = "vvc" if preset == DEFAULT_PRESETS["vvc"] else f"vvc@{preset}"
        version = f"{encoder_version('libvvenc')}, preset {preset}, qpa 0, 4:2:0 10 bit"
        title = f"VVC 4:2:0 (VVenC {preset})"
        arguments = ("-c:v", "libvvenc", "-preset", preset, "-qpa", "0", *FULL_RANGE)
        return cls(name, title, "VVC", version, QPS, 63, 1, "QP", arguments=arguments)

    @classmethod
    def hevc(cls, name: str, pixel_format: str, preset: str) -> Self:
        """HEVC by x265, tuned for PSNR, without the settings that it would write into the stream."""
        chroma = "4:4:4" if "444" in pixel_format else "4:2:0"
        version = f"{encoder_version('libx265')}, preset {preset}, tune=psnr, {chroma} 10 bit"
        title = f"HEVC {chroma} (x265 {preset}, tune=psnr)"
        name += "" if preset == DEFAULT_PRESETS["hevc"] else f"@{preset}"
        arguments = (
            "-c:v",
            "libx265",
            "-preset",
            preset,
            "-tune",
            "psnr",
            "-x265-params",
            "log-level=error:keyint=1:info=0",
        )
        return cls(
            name, title, "HEVC", version, QPS, 51, 1, "QP", pixel_format=pixel_format, muxer="hevc", arguments=arguments
        )

    @classmethod
    def svt_av1(cls, preset: str) -> Self:
        """AV1 by SVT-AV1, 4:2:0 as it takes nothing else, tuned for PSNR."""
        name = "svt-av1" if preset == DEFAULT_PRESETS["svt-av1"] else f"svt-av1@{preset}"
        version = f"{encoder_version('libsvtav1')}, preset {preset}, tune=1 (PSNR), 4:2:0 10 bit"
        title = f"AV1 4:2:0 (SVT-AV1 preset {preset}, tune=psnr)"
        arguments = ("-c:v", "libsvtav1", "-preset", preset, "-svtav1-params", "avif=1:tune=1")
        settings = (56, 46, 36, 27, 18, 10)
        return cls(
            name,
            title,
            "AVIF",
            version,
            settings,
            63,
            1,
            "CRF",
            muxer="obu",
            arguments=arguments,
            setting_option="-crf",
        )

    def encode(self, image: Image.Image, setting: float) -> bytes:
        """Encode at a QP or CRF of 0 to 63 or 51; raises LcompError where ffmpeg fails."""
        pixels = padded(np.asarray(image))
        command = [*raw_input("rgb24", pixels.shape[1], pixels.shape[0]), "-vf", TO_YUV + self.pixel_format]
        command += [*TAGS, "-frames:v", "1", *self.arguments, self.setting_option, str(round(setting))]
        program = program_with("encoders", self.arguments[1])
        assert program is not None
        return HEADER.pack(*image.size) + run(program, [*command, "-f", self.muxer, "-"], pixels.tobytes())

    def decode(self, data: bytes) -> Image.Image:
        """Decode by ffmpeg; raises LcompError where it fails."""
        width, height = HEADER.unpack(data[: HEADER.size])
        program = program_with("encoders", self.arguments[1])
        assert program is not None
        command = ["-f", self.muxer, "-i", "-", "-frames:v", "1", "-vf", TO_RGB, *RGB_OUT]
        return cropped(run(program, command, data[HEADER.size :]), width, height)

    def without_coding(self, image: Image.Image) -> Image.Image:
        """The picture after both conversions of colours alone, to see what these cost."""
        pixels = padded(np.asarray(image))
        height, width = pixels.shape[:2]
        program = program_with("encoders", self.arguments[1])
        assert program is not None
        there = [*raw_input("rgb24", width, height), "-vf", TO_YUV + self.pixel_format, "-f", "rawvideo", "-"]
        back = [*raw_input(self.pixel_format, width, height), "-vf", TO_RGB, *RGB_OUT]
        return cropped(run(program, back, run(program, there, pixels.tobytes())), *image.size)


DEFAULT_PRESETS = {"vvc": "medium", "hevc": "veryslow", "svt-av1": "2"}


def encoder_version(encoder: str) -> str:
    """What encodes; raises MissingLibraryError where no ffmpeg has the encoder."""
    program = program_with("encoders", encoder)
    if program is None:
        raise MissingLibraryError(f"no ffmpeg with {encoder}: pip install 'lcomp[perceptual]'")
    release = run(program, ["-version"], b"").decode().split()[2]
    return f"ffmpeg {release}, {encoder}"


def raw_input(pixel_format: str, width: int, height: int) -> list[str]:
    """Arguments that read raw pixels from stdin."""
    return ["-f", "rawvideo", "-pix_fmt", pixel_format, "-s", f"{width}x{height}", "-i", "-"]


def padded(pixels: Pixels) -> Pixels:
    """Pixels [H, W, 3] with edges repeated up to sizes that encoders take."""
    missing = [max(-(-side // UNIT) * UNIT, LEAST) - side for side in pixels.shape[:2]]
    return np.pad(pixels, ((0, missing[0]), (0, missing[1]), (0, 0)), "edge")


def cropped(data: bytes, width: int, height: int) -> Image.Image:
    """The picture in raw RGB pixels of a padded one."""
    rows, columns = (max(-(-side // UNIT) * UNIT, LEAST) for side in (height, width))
    return Image.fromarray(np.frombuffer(data, np.uint8).reshape(rows, columns, 3)[:height, :width])
