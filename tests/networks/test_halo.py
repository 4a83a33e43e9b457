"""A halo is cropped to what layers still see, where it is one."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from lcomp.format.tiles import Rectangle
from lcomp.model.transforms import surroundings
from lcomp.networks.halo import NO_HALO, UNIT, Halo
from lcomp.types import STRIDE

SIDES = st.integers(1, 400)
REACHES = st.integers(0, 400)


@st.composite
def halos(draw: st.DrawFn) -> tuple[Rectangle, Rectangle, Rectangle]:
    """A picture, a window of it and its surroundings."""
    picture = Rectangle(0, 0, draw(SIDES), draw(SIDES))
    x, y = draw(st.integers(0, picture.width - 1)), draw(st.integers(0, picture.height - 1))
    width, height = draw(st.integers(1, picture.width - x)), draw(st.integers(1, picture.height - y))
    window = Rectangle(x, y, width, height)
    around = surroundings(window, picture, STRIDE * draw(st.integers(0, 20)), wraps=draw(st.booleans()))
    return picture, window, around


@given(halos(), REACHES, REACHES)
def test_what_is_seen_is_kept(places: tuple[Rectangle, Rectangle, Rectangle], far: int, near: int) -> None:
    _, window, around = places
    halo = Halo.of(window, around)
    assert halo.around(window) == around
    near, far = sorted((near, far))
    more, less = halo.seen(far), halo.seen(near)
    assert less == more.seen(near)
    assert NO_HALO.seen(near) == NO_HALO
    for full, kept, side in zip(halo, less, ("top", "bottom", "left", "right"), strict=True):
        assert min(full, near) <= kept < max(full, near) + UNIT, side
        assert (full - kept) % UNIT == 0
    whole = window.aligned(STRIDE).grown(near).shared(around)
    assert whole is not None
    assert whole.shared(less.around(window)) == whole


@given(halos(), REACHES, REACHES)
def test_tensors_of_all_resolutions_are_cropped_alike(
    places: tuple[Rectangle, Rectangle, Rectangle], far: int, near: int
) -> None:
    _, window, around = places
    halo = Halo.of(window, around)
    near, far = sorted((near, far))
    rows, columns = (-(-side // STRIDE) for side in (around.height, around.width))
    latents = torch.arange(rows * columns).view(1, 1, rows, columns)
    expected = halo.crop(latents, STRIDE, near)
    place = halo.seen(near).around(window).latents()
    assert torch.equal(expected, latents[(..., *place.within(around.latents()))])
    for stride in (8, 4, 1, 0.5):
        times = round(STRIDE / stride)
        x = latents.repeat_interleave(times, 2).repeat_interleave(times, 3)
        twice = halo.crop(halo.crop(x, stride, far), stride, near, far)
        assert torch.equal(twice[..., ::times, ::times], expected)
    w = torch.ones(1, 9)
    assert halo.crop(w, STRIDE, near) is w
