"""The codecs that models are compared with: what is asked of every one."""

import subprocess

import numpy as np
import pytest
from PIL import Image

from helpers.paths import DATA
from helpers.pictures import noise_image
from lcomp.encoding.distortion import psnr
from lcomp.errors import LcompError
from lcomp.evaluation.codecs import avif, registry
from lcomp.evaluation.codecs.adapter import Adapter, MissingLibraryError, library
from lcomp.evaluation.codecs.video import HEADER, VideoCodec
from lcomp.evaluation.ffmpeg import program_with


def opened(name: str) -> Adapter:
    try:
        return registry.open_adapter(name, registry.QUALITIES, "cpu")
    except MissingLibraryError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("name", registry.BASELINES)
def test_every_codec_gives_the_picture_back_and_its_settings_grow(name: str) -> None:
    adapter = opened(name if name != "vvc" else "vvc@faster")
    image = noise_image(167, 145, noise=3)
    sizes, qualities = [], []
    for setting in (adapter.settings[0], adapter.settings[len(adapter.settings) // 2], adapter.settings[-1]):
        data = adapter.encode(image, setting)
        decoded = adapter.decode(data)
        assert decoded.size == image.size
        sizes.append(len(data))
        qualities.append(psnr(np.asarray(decoded.convert("RGB")), np.asarray(image)))
    assert sizes[0] < sizes[1] < sizes[2]
    assert qualities[0] < qualities[1] < qualities[2]
    assert qualities[2] > 30
    assert len(adapter.settings) >= 6
    assert any(character.isdigit() for character in adapter.version)
    assert adapter.family
    assert adapter.scale
    assert not adapter.learned


@pytest.mark.parametrize("name", [name for name in registry.IN_LOSSLESS if name != registry.LCOMP_LOSSLESS])
def test_every_lossless_codec_gives_every_pixel_back(name: str) -> None:
    adapter = opened(name)
    image = noise_image(67, 45)
    assert np.array_equal(np.asarray(adapter.decode(adapter.encode(image, 0)).convert("RGB")), np.asarray(image))
    assert adapter.lossless
    assert adapter.settings == (0,)


@pytest.mark.parametrize("name", [*registry.BASELINES, *registry.IN_LOSSLESS])
def test_names_lead_back_to_the_codec(name: str) -> None:
    adapter = opened(name)
    assert adapter.name == name
    assert registry.open_adapter(adapter.name, registry.QUALITIES, "cpu") is adapter


def test_levels_are_named_and_change_the_file() -> None:
    slow, fast = opened("webp"), opened("webp@0")
    assert "method 6" in slow.title
    assert "method 0" in fast.title
    image = noise_image(167, 145)
    assert len(slow.encode(image, 50)) < len(fast.encode(image, 50))
    for name in ("webp@7", "jpeg@1", "gif"):
        with pytest.raises(LcompError, match="unknown codec"):
            registry.expanded([name])
    assert registry.expanded(["usual", "vvc@slow", "jpeg"])[-1] == "vvc@slow"
    assert set(registry.expanded(["all"])) == set(registry.BASELINES)


@pytest.mark.parametrize(("name", "least"), [("hevc", 50), ("vvc", 40)])
def test_colours_survive_the_conversions_of_video_codecs(name: str, least: float) -> None:
    adapter = opened(name)
    assert isinstance(adapter, VideoCodec)
    with Image.open(DATA / "kodim23.png") as file:
        image = file.convert("RGB").crop((200, 100, 431, 299))
    assert psnr(np.asarray(adapter.without_coding(image)), np.asarray(image)) >= least


@pytest.mark.parametrize("name", ["hevc", "vvc@faster"])
def test_video_streams_say_what_their_colours_are(name: str) -> None:
    adapter = opened(name)
    assert isinstance(adapter, VideoCodec)
    data = adapter.encode(noise_image(64, 64), adapter.settings[0])
    assert HEADER.size == 32
    assert HEADER.unpack(data[:32]) == (64, 64)
    program = program_with("encoders", adapter.arguments[1])
    assert program is not None
    command = [program, "-hide_banner", "-f", adapter.muxer, "-i", "-"]
    told = subprocess.run(command, input=data[32:], capture_output=True, check=False).stderr.decode()
    assert "pc, bt709" in told
    # no encoder writes its settings into the stream
    assert len(data) < 1500


def test_a_missing_library_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MissingLibraryError, match=r"no-such is not installed: pip install 'lcomp\[eval\]'"):
        library("no_such_module", "no-such")
    monkeypatch.setattr("lcomp.evaluation.ffmpeg.candidates", list)
    program_with.cache_clear()
    with pytest.raises(MissingLibraryError, match="no ffmpeg with libvvenc"):
        VideoCodec.vvc("medium")
    program_with.cache_clear()
    monkeypatch.setattr("lcomp.evaluation.codecs.adapter.features.check", lambda _: False)
    with pytest.raises(MissingLibraryError, match="this build of Pillow has no libavif"):
        avif.Avif.open("iq", 4)
