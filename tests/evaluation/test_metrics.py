"""PSNR, MS-SSIM, detail and distances of features."""

import math

import numpy as np
import pytest
from PIL import Image, ImageFilter

from helpers.paths import DATA
from helpers.pictures import noise_image
from lcomp.encoding.distortion import psnr
from lcomp.errors import LcompError
from lcomp.evaluation.features import (
    IMAGENET,
    MOST,
    OWN,
    SIDE,
    FeatureSet,
    features,
    frechet_distance,
    packed,
    patches,
    unpacked,
)
from lcomp.evaluation.ffmpeg import program_with
from lcomp.evaluation.metrics.libvmaf import EXACT, scores
from lcomp.evaluation.metrics.metric import Metric, Pair, decibels
from lcomp.evaluation.metrics.registry import METRICS, chosen_metrics, metric_by_name
from lcomp.types import Pixels


def value(name: str, ours: Pixels, original: Pixels) -> float | None:
    return metric_by_name(name).measure(Pair(ours, original))


@pytest.fixture
def photograph() -> Pixels:
    with Image.open(DATA / "kodim23.png") as image:
        return np.asarray(image.convert("RGB").crop((200, 100, 456, 292)))


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_every_metric_tells_good_from_bad(metric: Metric, photograph: Pixels) -> None:
    if not metric.available():
        pytest.skip(f"there is no {metric.needs}")
    noise = np.random.default_rng(0).normal(0, 1, photograph.shape)
    found = []
    for sigma in (0, 3, 15):
        noisy = np.clip(photograph + sigma * noise, 0, 255).round().astype(np.uint8)
        score = metric.measure(Pair(noisy, photograph))
        assert score is not None
        found.append(metric.quality(score))
    assert found == sorted(found, reverse=True) or not metric.in_rates
    assert len(set(found)) == 3
    # the smallest picture that it is defined for
    least = photograph[: metric.smallest_side, : metric.smallest_side]
    assert metric.measure(Pair(least.copy(), least)) is not None or metric.name == "detail"
    assert metric.title
    assert metric.axis
    assert metric.needs or metric.by_default or metric.name in ("detail", "ws_psnr")
    assert metric_by_name(metric.name.replace("_", "-")) is metric


def test_metrics_are_chosen_by_name_and_group() -> None:
    assert {metric.name for metric in chosen_metrics([], False)} == {"psnr", "yuv_psnr", "ms_ssim", "ssimulacra2"}
    assert {metric.name for metric in chosen_metrics(["ws-psnr"], True)} == {metric.name for metric in METRICS}
    with pytest.raises(LcompError, match="unknown metric 'sharpness'"):
        chosen_metrics(["sharpness"], False)


def test_yuv_psnr_weighs_luma_six_times(photograph: Pixels) -> None:
    grey = photograph // 2
    chroma = 10 * math.log10(255**2 * grey[..., 0].size)  # no error, which counts as one sample wrong by one
    assert value("yuv-psnr", grey + 4, grey) == pytest.approx((6 * 20 * math.log10(255 / 4) + 2 * chroma) / 8)
    # by definition, from BT.709's matrix written out
    noisy = np.clip(photograph + np.random.default_rng(1).normal(0, 9, photograph.shape), 0, 255).astype(np.uint8)
    matrix = np.array([[0.2126, 0.7152, 0.0722], [-0.114572, -0.385428, 0.5], [0.5, -0.454153, -0.045847]])
    squares = np.square((noisy.astype(float) - photograph) @ matrix.T).mean((0, 1))
    expected = (np.array([6, 1, 1]) * 10 * np.log10(255**2 / squares)).sum() / 8
    assert value("yuv-psnr", noisy, photograph) == pytest.approx(expected, abs=1e-4)


def test_ws_psnr_counts_the_equator_most(photograph: Pixels) -> None:
    pole, equator = photograph.copy(), photograph.copy()
    middle = len(photograph) // 2
    for pixels, rows in ((pole, slice(0, 8)), (equator, slice(middle, middle + 8))):
        pixels[rows] ^= 16
    assert (value("ws-psnr", pole, photograph) or 0) > (value("ws-psnr", equator, photograph) or 0) + 6
    same = np.where(photograph < 250, photograph + 5, photograph - 5).astype(np.uint8)
    assert value("ws-psnr", same, photograph) == pytest.approx(20 * math.log10(255 / 5))


def test_psnr_is_that_of_all_samples() -> None:
    original = np.asarray(noise_image(30, 20))
    shifted = np.where(original < 250, original + 5, original - 5).astype(np.uint8)
    assert psnr(shifted, original) == pytest.approx(20 * math.log10(255 / 5))
    assert psnr(original, original) == pytest.approx(10 * math.log10(255**2 * 1800))
    assert psnr(255 - original * 0, original * 0) == pytest.approx(0)


def test_psnr_counts_pixels_as_much_as_they_are_opaque() -> None:
    original, alpha = np.full((4, 6, 3), 100, np.uint8), np.zeros((4, 6), np.uint8)
    alpha[:, :2], alpha[:, 2] = 255, 51
    ours = original.copy()
    ours[alpha == 0] = 0
    assert psnr(ours, original, alpha) > 60
    ours[:, :3] += 5
    assert psnr(ours, original, alpha) == pytest.approx(20 * math.log10(255 / 5))
    ours[:, :2] = 100
    assert psnr(ours, original, alpha) == pytest.approx(10 * math.log10(255**2 / (25 * 0.2 / 2.2)))
    assert psnr(ours, original, 0 * alpha) == psnr(original, original)
    assert psnr(original, original, alpha | 255) == pytest.approx(psnr(original, original))


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
    assert value("ms-ssim", noisy, original) == pytest.approx(reference_ms_ssim(noisy, original), abs=2e-5)


def test_detail_is_the_share_of_the_finest_band() -> None:
    original = np.asarray(noise_image(99, 70))
    blurred = np.asarray(Image.fromarray(original).filter(ImageFilter.GaussianBlur(2)))
    assert value("detail", original, original) == 1
    assert 0 < (value("detail", blurred, original) or 0) < 0.3
    grey = np.full((50, 50, 3), 128, np.uint8)
    assert value("detail", grey, grey) is None


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


@pytest.mark.slow
@pytest.mark.parametrize("of", [OWN, IMAGENET], ids=lambda each: each.name)
def test_features_see_that_detail_is_missing(of: FeatureSet) -> None:
    pictures = [noise_image(512, 400, seed) for seed in range(3)]

    def all_features(radius: float) -> np.ndarray:
        blurred = [np.asarray(picture.filter(ImageFilter.GaussianBlur(radius))) for picture in pictures]
        return np.concatenate([unpacked(packed(features(pixels, of), of), of) for pixels in blurred])

    sharp, soft, softer = all_features(0), all_features(1), all_features(2)
    assert len(sharp) == 3 * 3
    assert np.isfinite(sharp).all()
    assert frechet_distance(sharp, sharp) < 1e-6 < frechet_distance(soft, sharp) < frechet_distance(softer, sharp)
    assert len(unpacked(packed(features(np.asarray(noise_image(200, 300)), of), of), of)) == 0


def test_ms_ssim_is_in_decibels_on_axes() -> None:
    large = np.asarray(noise_image(200, metric_by_name("ms-ssim").smallest_side))
    assert value("ms-ssim", large, large) == pytest.approx(1)
    assert decibels(0.99) == pytest.approx(20)
    assert decibels(1.0) == math.inf


@pytest.mark.skipif(not metric_by_name("vmaf").available(), reason="there is no ffmpeg with libvmaf")
def test_an_exact_copy_has_a_finite_psnr_hvs(photograph: Pixels) -> None:
    pair = Pair(photograph, photograph)
    assert scores(pair).psnr_hvs == EXACT
    assert scores(pair) is scores(pair)


def test_without_ffmpeg_there_is_no_vmaf(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lcomp.evaluation.ffmpeg.candidates", list)
    program_with.cache_clear()
    assert not metric_by_name("vmaf").available()
    program_with.cache_clear()
