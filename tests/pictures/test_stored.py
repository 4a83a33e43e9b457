import contextlib
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from lcomp.errors import FormatError
from lcomp.pictures.stored import read_alpha, read_picture, stored_format, write_stored

PLANE = np.random.default_rng(0).integers(0, 4, (40, 30), dtype=np.uint8) * 85


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=40)))
def test_planes_come_back_bit_for_bit(plane: np.ndarray) -> None:
    assert np.array_equal(read_alpha(write_stored(plane), plane.shape[1], plane.shape[0]), plane)


@pytest.mark.parametrize("shape", [(1, 16383), (1, 16384), (20000, 2), (4096, 8200)])
def test_long_planes(shape: tuple[int, int]) -> None:
    plane = np.arange(shape[0] * shape[1], dtype=np.uint64).reshape(shape).astype(np.uint8)
    payload = write_stored(plane)
    webp = max(shape) <= 16383 and plane.size <= 2**25
    assert payload.startswith(b"RIFF" if webp else b"\x89PNG")
    assert np.array_equal(read_alpha(payload, shape[1], shape[0]), plane)


@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(3))))
def test_pictures_come_back_bit_for_bit(pixels: np.ndarray) -> None:
    height, width = pixels.shape[:2]
    assert np.array_equal(read_picture(write_stored(pixels), width, height, grey=False), pixels)
    grey = np.ascontiguousarray(pixels[..., 0])
    assert np.array_equal(read_picture(write_stored(grey), width, height, grey=True), grey)


def test_long_pictures_are_png() -> None:
    pixels = np.arange(3 * 16384, dtype=np.uint16).astype(np.uint8).reshape(1, 16384, 3)
    payload = write_stored(pixels)
    assert stored_format(payload) == "PNG"
    assert np.array_equal(read_picture(payload, 16384, 1, grey=False), pixels)
    with pytest.raises(FormatError, match="stored picture is not an image of the picture's size"):
        read_picture(payload, 16384, 1, grey=True)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def test_anything_else_is_refused() -> None:
    image = Image.fromarray(PLANE)
    good = write_stored(PLANE)
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


def test_a_stored_picture_of_another_kind_is_refused() -> None:
    rgb = Image.merge("RGB", [Image.fromarray(PLANE)] * 3)
    for bad in (
        b"",
        saved(rgb, "JPEG"),
        saved(rgb.convert("P"), "PNG"),
        saved(rgb.convert("L"), "PNG"),
        saved(rgb.convert("RGBA"), "PNG"),
        saved(rgb, "WEBP"),
        saved(rgb.resize((40, 30)), "PNG"),
        saved(rgb, "PNG")[:-30],
    ):
        with pytest.raises(FormatError, match="stored picture"):
            read_picture(bad, 30, 40, grey=False)
    assert np.array_equal(read_picture(saved(rgb, "PNG"), 30, 40, grey=False), np.asarray(rgb))


@given(st.integers(0, len(write_stored(PLANE)) * 8 - 1))
def test_damage_is_our_error_or_a_plane(bit: int) -> None:
    payload = bytearray(write_stored(PLANE))
    payload[bit // 8] ^= 1 << bit % 8
    with contextlib.suppress(FormatError):
        assert read_alpha(bytes(payload), 30, 40).shape == (40, 30)
