import contextlib
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from lcomp.errors import FormatError
from lcomp.pictures.alpha import read_alpha, write_alpha

PLANE = np.random.default_rng(0).integers(0, 4, (40, 30), dtype=np.uint8) * 85


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=40)))
def test_planes_come_back_bit_for_bit(plane: np.ndarray) -> None:
    assert np.array_equal(read_alpha(write_alpha(plane), plane.shape[1], plane.shape[0]), plane)


@pytest.mark.parametrize("shape", [(1, 16383), (1, 16384), (20000, 2), (4096, 8200)])
def test_long_planes(shape: tuple[int, int]) -> None:
    plane = np.arange(shape[0] * shape[1], dtype=np.uint64).reshape(shape).astype(np.uint8)
    payload = write_alpha(plane)
    webp = max(shape) <= 16383 and plane.size <= 2**25
    assert payload.startswith(b"RIFF" if webp else b"\x89PNG")
    assert np.array_equal(read_alpha(payload, shape[1], shape[0]), plane)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def test_anything_else_is_refused() -> None:
    image = Image.fromarray(PLANE)
    good = write_alpha(PLANE)
    for bad in (
        b"",
        good[:25],
        good[:-20],
        saved(image, "PNG")[:-30],
        saved(image, "GIF"),
        saved(image, "TIFF"),
        saved(image, "WEBP"),  # lossy
        saved(Image.merge("LA", (image, image)), "WEBP", lossless=True),
        saved(image, "WEBP", lossless=True, save_all=True, append_images=[image.rotate(180)]),
        saved(image.convert("RGB"), "PNG"),
        saved(image.convert("1"), "PNG"),
        saved(image.resize((31, 40)), "WEBP", lossless=True),
        saved(image.resize((30, 41)), "PNG"),
    ):
        with pytest.raises(FormatError, match="alpha"):
            read_alpha(bad, 30, 40)
    assert np.array_equal(read_alpha(saved(image, "PNG"), 30, 40), PLANE)


@given(st.integers(0, len(write_alpha(PLANE)) * 8 - 1))
def test_damage_is_our_error_or_a_plane(bit: int) -> None:
    payload = bytearray(write_alpha(PLANE))
    payload[bit // 8] ^= 1 << bit % 8
    with contextlib.suppress(FormatError):
        assert read_alpha(bytes(payload), 30, 40).shape == (40, 30)
