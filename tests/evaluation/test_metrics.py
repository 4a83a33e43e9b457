"""PSNR, MS-SSIM, detail and distances of features."""

import math

import numpy as np
import pytest
from PIL import Image, ImageFilter

from helpers.paths import DATA
from helpers.pictures import noise_image
from lcomp.encoding.distortion import psnr
from lcomp.evaluation import ffmpeg
from lcomp.evaluation.features import MOST, SIDE, features, frechet_distance, packed, patches, unpacked
from lcomp.evaluation.metrics import decibels, detail, ms_ssim
from lcomp.evaluation.plots import AXES
from lcomp.evaluation.results import Metric, Rate, curve_of
from lcomp.evaluation.summary import IN_RATES


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


@pytest.mark.slow
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


@pytest.mark.skipif(ffmpeg.ffmpeg() is None, reason="there is no ffmpeg with libvmaf")
def test_vmaf_and_psnr_hvs_tell_good_from_bad() -> None:
    original = np.asarray(Image.open(DATA / "kodim23.png").convert("RGB").crop((200, 100, 456, 292)))
    noise = np.random.default_rng(0).normal(0, 1, original.shape)
    exact = ffmpeg.scores(original, original)
    good, bad = (
        ffmpeg.scores(np.clip(original + sigma * noise, 0, 255).astype(np.uint8), original) for sigma in (3, 15)
    )
    assert exact
    assert good
    assert bad
    assert exact.vmaf > good.vmaf > bad.vmaf
    assert exact.psnr_hvs == ffmpeg.EXACT > good.psnr_hvs > bad.psnr_hvs
    assert ffmpeg.scores(original[:15], original[:15]) is None


def test_without_ffmpeg_there_is_no_vmaf(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lcomp.evaluation.ffmpeg.candidates", list)
    ffmpeg.ffmpeg.cache_clear()
    picture = np.zeros((32, 32, 3), np.uint8)
    assert ffmpeg.scores(picture, picture) is None
    ffmpeg.ffmpeg.cache_clear()


def test_every_metric_has_an_axis_a_curve_and_a_rate() -> None:
    rate = Rate("ours", "theirs", False, *range(len(Metric)))
    assert set(AXES) == set(Metric) == set(IN_RATES)
    assert {rate.at_equal(metric) for metric in Metric} == set(range(len(Metric)))
    assert all(curve_of([], metric).bpp == () for metric in Metric)
