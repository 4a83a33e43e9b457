"""The codecs that models are compared with."""

import numpy as np
import pytest

from helpers.pictures import noise_image
from lcomp.encoding.distortion import psnr
from lcomp.evaluation import codecs


@pytest.mark.parametrize("name", codecs.BASELINES)
def test_every_codec_gives_the_picture_back_and_its_settings_grow(name: str) -> None:
    try:
        adapter = codecs.open_adapter(name, codecs.QUALITIES, "cpu")
    except codecs.MissingLibraryError as error:
        pytest.skip(str(error))
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
    assert any(character.isdigit() for character in adapter.version)


def test_a_missing_library_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(codecs.MissingLibraryError, match=r"no-such is not installed: pip install 'lcomp\[eval\]'"):
        codecs.library("no_such_module", "no-such")
    monkeypatch.setattr(codecs.features, "check", lambda _: False)
    with pytest.raises(codecs.MissingLibraryError, match="this build of Pillow has no libavif"):
        codecs.avif()
