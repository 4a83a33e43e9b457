"""Evaluation: data sets, metrics, BD-rates, published curves, codecs."""

import hashlib
import math
import urllib.error
from pathlib import Path

import numpy as np
import pytest
from conftest import noise_image
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFilter
from scipy.interpolate import PchipInterpolator

from lcomp.encoding.distortion import psnr
from lcomp.errors import LcompError
from lcomp.evaluation import codecs, datasets
from lcomp.evaluation.bdrate import Curve, bd_rate, efficient
from lcomp.evaluation.features import MOST, SIDE, features, frechet_distance, packed, patches, unpacked
from lcomp.evaluation.metrics import decibels, detail, ms_ssim
from lcomp.evaluation.published import IN_PLOTS, published_kodak


def no_progress(done: int, total: int) -> None:
    pass


# metrics


def test_psnr_is_that_of_all_samples() -> None:
    original = np.asarray(noise_image(30, 20))
    shifted = np.where(original < 250, original + 5, original - 5).astype(np.uint8)
    assert psnr(shifted, original) == pytest.approx(20 * math.log10(255 / 5))
    assert psnr(original, original) == pytest.approx(10 * math.log10(255**2 * 1800))
    assert psnr(255 - original * 0, original * 0) == pytest.approx(0)


def reference_ms_ssim(x: np.ndarray, y: np.ndarray) -> float:
    """MS-SSIM of Wang 2003 written out with separable convolutions in float64, mean of the channels."""
    taps = np.exp(-((np.arange(11) - 5.0) ** 2) / (2 * 1.5**2))
    taps /= taps.sum()

    def blur(plane: np.ndarray) -> np.ndarray:
        for axis in (0, 1):
            plane = np.apply_along_axis(np.convolve, axis, plane, taps, "valid")
        return plane

    def halve(plane: np.ndarray) -> np.ndarray:
        return (plane[::2, ::2] + plane[1::2, ::2] + plane[::2, 1::2] + plane[1::2, 1::2]) / 4

    values = []
    for channel in range(3):
        a, b = x[..., channel].astype(float), y[..., channel].astype(float)
        value = 1.0
        for scale, weight in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):
            mean_a, mean_b = blur(a), blur(b)
            contrast = (2 * (blur(a * b) - mean_a * mean_b) + 58.5225) / (
                blur(a * a) - mean_a**2 + blur(b * b) - mean_b**2 + 58.5225
            )
            luminance = (2 * mean_a * mean_b + 6.5025) / (mean_a**2 + mean_b**2 + 6.5025)
            value *= ((luminance * contrast) if scale == 4 else contrast).mean() ** weight
            if scale < 4:
                a, b = halve(a), halve(b)
        values.append(value)
    return float(np.mean(values))


def test_ms_ssim_agrees_with_an_independent_one() -> None:
    original = np.asarray(noise_image(192, 176))
    noisy = np.clip(original + np.random.default_rng(5).normal(0, 20, original.shape), 0, 255).astype(np.uint8)
    assert ms_ssim(noisy, original) == pytest.approx(reference_ms_ssim(noisy, original), abs=2e-5)


def test_detail_is_the_share_of_the_finest_band() -> None:
    original = np.asarray(noise_image(99, 70))
    blurred = np.asarray(Image.fromarray(original).filter(ImageFilter.GaussianBlur(2)))
    assert detail(original, original) == 1
    assert 0 < (detail(blurred, original) or 0) < 0.3
    grey = np.full((50, 50, 3), 128, np.uint8)
    assert detail(grey, grey) is None
    assert detail(original[:1], original[:1]) is None


def test_patches_cover_a_picture_twice() -> None:
    numbered = np.arange(600 * 800 * 3, dtype=np.uint32).reshape(600, 800, 3)
    corners = [tuple(np.argwhere(numbered[..., 0] == patch[0, 0, 0])[0]) for patch in patches(numbered)]
    assert corners == [(0, 0), (0, 256), (0, 512), (256, 0), (256, 256), (256, 512), (128, 128), (128, 384)]
    assert all(patch.shape == (SIDE, SIDE, 3) for patch in patches(numbered))
    assert patches(numbered[:255]) == []
    assert MOST / 2 < len(patches(np.zeros((5000, 4000, 3), np.uint8))) <= MOST


def test_frechet_distance_is_that_of_gaussians() -> None:
    random = np.random.default_rng(0)
    originals = random.normal(3, 2, (20000, 4))
    assert frechet_distance(originals, originals) == pytest.approx(0, abs=1e-6)
    # in each dimension: shift and difference of the deviations, in deviations of the originals
    assert frechet_distance(random.normal(5, 3, (20000, 4)), originals) == pytest.approx(4 * (1 + 0.25), rel=0.05)
    # the same deviations, two of them of one another
    tied = np.hstack([originals[:, :3], originals[:, :1]])
    assert frechet_distance(tied, originals) == pytest.approx(4 - 2 * 2**0.5, rel=0.05)


def test_features_see_that_detail_is_missing() -> None:
    pictures = [noise_image(512, 400, seed) for seed in range(3)]

    def all_features(radius: float) -> np.ndarray:
        blurred = [np.asarray(picture.filter(ImageFilter.GaussianBlur(radius))) for picture in pictures]
        return np.concatenate([unpacked(packed(features(pixels))) for pixels in blurred])

    sharp, soft, softer = all_features(0), all_features(1), all_features(2)
    assert len(sharp) == 3 * 3
    assert np.isfinite(sharp).all()
    assert frechet_distance(sharp, sharp) < 1e-6 < frechet_distance(soft, sharp) < frechet_distance(softer, sharp)
    assert len(unpacked(packed(features(np.asarray(noise_image(200, 300)))))) == 0


def test_ms_ssim_is_undefined_for_small_pictures() -> None:
    small, large = np.asarray(noise_image(200, 160)), np.asarray(noise_image(200, 161))
    assert ms_ssim(small, small) is None
    assert ms_ssim(large, large) == pytest.approx(1)
    assert decibels(0.99) == pytest.approx(20)
    assert decibels(1.0) == math.inf


# BD-rate


@given(st.floats(0.2, 5), st.integers(2, 9))
def test_a_curve_of_scaled_rates_differs_by_the_scale(scale: float, count: int) -> None:
    bpp, quality = np.geomspace(0.1, 3, count), np.linspace(26, 42, count)
    anchor = Curve(tuple(bpp), tuple(quality))
    rate = bd_rate(Curve(tuple(bpp * scale), tuple(quality)), anchor)
    assert rate == pytest.approx(100 * (scale - 1), abs=1e-6)


def test_bd_rate_agrees_with_an_independent_one() -> None:
    curves = {curve.name: curve.psnr_curve() for curve in published_kodak()}
    vtm = curves["vtm"]
    assert vtm is not None
    for name in ("bpg444", "compressai-mbt2018-mean_mse", "webp", "jpeg2000", "coolchic_v5.0"):
        curve = curves[name]
        assert curve is not None
        parts = []
        low = max(min(curve.quality), min(vtm.quality))
        high = min(max(curve.quality), max(vtm.quality))
        for bpp, quality in (curve, vtm):
            order = np.argsort(quality)
            parts.append(PchipInterpolator(np.array(quality)[order], np.log(bpp)[order]).integrate(low, high))
        expected = 100 * math.expm1((parts[0] - parts[1]) / (high - low))
        assert bd_rate(curve, vtm) == pytest.approx(expected, abs=0.01)


def test_published_curves_stand_where_the_literature_has_them() -> None:
    curves = {curve.name: curve for curve in published_kodak()}
    assert len(curves) == 41
    assert all(curve.source and curve.title for curve in curves.values())
    assert set(IN_PLOTS) < set(curves)
    vtm = curves["vtm"]
    ours, theirs = curves["compressai-mbt2018-mean_mse"], curves["bpg444"]
    for curve, rate in ((ours.psnr_curve(), 21.3), (theirs.psnr_curve(), 20.4)):
        assert curve is not None
        assert bd_rate(curve, vtm.psnr_curve() or curve) == pytest.approx(rate, abs=0.1)
    assert curves["ftic"].ms_ssim_curve() is None


def test_curves_that_hardly_overlap_have_no_bd_rate() -> None:
    low = Curve((0.1, 0.2, 0.4), (26, 28, 30))
    assert bd_rate(low, Curve((0.3, 0.6, 1.2), (31, 34, 37))) is None
    assert bd_rate(low, Curve((0.3, 0.6, 1.2), (29.9, 34, 37))) is None
    assert bd_rate(low, Curve((0.3,), (29,))) is None
    assert bd_rate(low, Curve((), ())) is None
    assert bd_rate(low, Curve((0.2, 0.4), (28, 30))) is not None


def test_points_that_a_cheaper_one_beats_are_left_out() -> None:
    curve = Curve((0.4, 0.1, 0.2, 0.3), (30, 26, 28, 27.5))
    assert efficient(curve) == Curve((0.1, 0.2, 0.4), (26, 28, 30))


# data sets


def test_any_folder_is_a_data_set(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("b.png", "sub/a.JPG", "notes.txt", "out/plot.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    found = datasets.find_dataset(str(tmp_path), None, tmp_path / "out", no_progress)
    assert [found.picture_name(file) for file in found.files] == ["b.png", "sub/a.JPG"]
    with pytest.raises(LcompError, match="holds no pictures"):
        datasets.find_dataset(str(tmp_path / "out"), None, tmp_path / "out", no_progress)
    with pytest.raises(LcompError, match="neither a folder"):
        datasets.find_dataset("nowhere", None, None, no_progress)


@pytest.fixture
def little_kodak(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, bytes]:
    """A Kodak of two pictures, with no folder of it anywhere."""
    pictures = {"kodim01.png": b"one", "kodim02.png": b"two"}
    digests = [(name, hashlib.sha256(data).hexdigest()) for name, data in pictures.items()]
    monkeypatch.setattr(datasets, "kodak_digests", lambda: digests)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("LCOMP_DATA", raising=False)
    return pictures


def test_kodak_is_looked_for_in_order_and_verified(
    little_kodak: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared, named = tmp_path / "shared" / "kodak", tmp_path / "named"
    for folder in (shared, named):
        folder.mkdir(parents=True)
        for name, data in little_kodak.items():
            (folder / name).write_bytes(data)
    monkeypatch.setenv("LCOMP_DATA", str(shared.parent))
    assert datasets.find_dataset("kodak", None, None, no_progress).folder == shared
    assert datasets.find_dataset("kodak", named, None, no_progress).folder == named
    (named / "kodim02.png").write_bytes(b"tow")
    with pytest.raises(LcompError, match=r"kodim02.png is not the original"):
        datasets.find_dataset("kodak", named, None, no_progress)
    (named / "kodim02.png").unlink()
    with pytest.raises(LcompError, match=r"kodim02.png: No such file"):
        datasets.find_dataset("kodak", named, None, no_progress)


def test_kodak_is_fetched_into_the_cache(
    little_kodak: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "server").mkdir()
    monkeypatch.setattr(datasets, "KODAK_URL", f"{(tmp_path / 'server').as_uri()}/")
    told: list[tuple[int, int]] = []
    for name, data in little_kodak.items():
        (tmp_path / "server" / name).write_bytes(data)
    found = datasets.find_dataset("kodak", None, None, lambda *count: told.append(count))
    assert found.folder == tmp_path / "cache" / "lcomp" / "kodak"
    assert {file.name: file.read_bytes() for file in found.files} == little_kodak
    assert told == [(0, 2), (1, 2), (2, 2)]
    # what is there is not fetched again; what the server has wrong is not kept
    (tmp_path / "server" / "kodim01.png").unlink()
    (tmp_path / "server" / "kodim02.png").write_bytes(b"wrong")
    assert datasets.find_dataset("kodak", None, None, no_progress) == found
    (found.folder / "kodim02.png").unlink()
    with pytest.raises(LcompError, match=r"kodim02.png is not the original"):
        datasets.find_dataset("kodak", None, None, no_progress)
    assert [file.name for file in found.folder.iterdir()] == ["kodim01.png"]


def test_offline_one_line_says_where_kodak_belongs(
    little_kodak: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(*_: object, **__: object) -> None:
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(datasets.urllib.request, "urlopen", offline)
    with pytest.raises(LcompError) as caught:
        datasets.find_dataset("kodak", None, None, no_progress)
    assert str(tmp_path / "cache" / "lcomp" / "kodak") in str(caught.value)
    assert "no network" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_shipped_digests_are_those_of_kodak() -> None:
    digests = datasets.kodak_digests()
    assert [name for name, _ in digests] == [f"kodim{number:02}.png" for number in range(1, 25)]
    for name in ("kodim05.png", "kodim23.png"):
        data = (Path(__file__).parent / "data" / name).read_bytes()
        assert (name, hashlib.sha256(data).hexdigest()) in digests


# codecs


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
