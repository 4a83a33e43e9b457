"""SSIMULACRA2 in torch: what the reference package says, and gradients that a network can learn from."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from ssimulacra2 import compute_ssimulacra2

from lcomp.encoding.objective import OBJECTIVES
from lcomp.encoding.ssimulacra2 import EXPONENT, ssimulacra2, ssimulacra2_distortion
from lcomp.types import Pixels

DATA = Path(__file__).parent.parent / "data"


def png(pixels: Pixels) -> io.BytesIO:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream


def jpeg(pixels: Pixels, quality: int) -> Pixels:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality)
    return np.asarray(Image.open(stream))


def as_signal(pixels: Pixels) -> torch.Tensor:
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None] / 127.5 - 1


@pytest.mark.parametrize("size", [(267, 261), (201, 133), (40, 9)])
def test_it_is_what_the_reference_package_says(size: tuple[int, int]) -> None:
    with Image.open(DATA / "kodim23.png") as image:
        original = np.asarray(image.convert("RGB").crop((300, 100, 300 + size[0], 100 + size[1])))
    for quality in (5, 30, 90):
        ours = jpeg(original, quality)
        expected = compute_ssimulacra2(png(original), png(ours))
        assert ssimulacra2(ours, original) == pytest.approx(expected, abs=0.06)
    noisy = np.random.default_rng(0).integers(0, 256, original.shape, np.uint8)
    assert ssimulacra2(noisy, original) == pytest.approx(compute_ssimulacra2(png(original), png(noisy)), rel=1e-3)


def test_crops_are_judged_about_as_they_are_in_their_place() -> None:
    with Image.open(DATA / "kodim23.png") as image:
        original = np.asarray(image.convert("RGB"))[:256, :256]
    ours = jpeg(original, 40)
    distortion = ssimulacra2_distortion(as_signal(ours), as_signal(original)).item()
    assert 100 - 10 * distortion**EXPONENT == pytest.approx(ssimulacra2(ours, original), abs=3)


def test_gradients_are_finite_and_lead_to_the_original() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(2, 3, 64, 64, generator=generator) * 2 - 1
    x[1] = 0.3  # flat: every variance is zero
    for start in (x, x + 0.2 * torch.randn(x.shape, generator=generator), torch.full_like(x, -1.5)):
        x_hat = start.clone().requires_grad_()
        distortion = OBJECTIVES["visual"].distortion(x_hat, x)
        (gradient,) = torch.autograd.grad(distortion.sum(), x_hat)
        assert gradient.isfinite().all()
    nearer = OBJECTIVES["visual"].distortion(start.lerp(x, 0.5), x)
    assert (nearer < OBJECTIVES["visual"].distortion(start, x)).all()
    assert OBJECTIVES["visual"].distortion(x, x).max() < 0.2


def test_pictures_of_a_batch_do_not_matter_to_each_other() -> None:
    generator = torch.Generator().manual_seed(1)
    x, y = torch.rand(2, 2, 3, 48, 80, generator=generator) * 2 - 1
    together = ssimulacra2_distortion(y, x)
    assert torch.allclose(together, torch.cat([ssimulacra2_distortion(y[i : i + 1], x[i : i + 1]) for i in range(2)]))


def test_strips_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    with Image.open(DATA / "kodim23.png") as image:
        original = np.asarray(image.convert("RGB"))[:300, :280]
    ours = jpeg(original, 30)
    expected = ssimulacra2(ours, original)
    for rows in (7, 64, 299, 1000):
        monkeypatch.setattr("lcomp.encoding.ssimulacra2.STRIP", rows)
        assert ssimulacra2(ours, original) == pytest.approx(expected, abs=1e-3)
