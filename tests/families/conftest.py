"""Fixtures of `FamilyChecks`."""

import pytest
from PIL import Image

import lcomp
from helpers.pictures import noise_image
from lcomp.format.container import LicFile


@pytest.fixture(scope="class")
def codec(request: pytest.FixtureRequest) -> lcomp.Codec:
    return lcomp.Codec(request.cls.model, "cpu")


@pytest.fixture(scope="class")
def wide() -> Image.Image:
    """A picture of two tiles."""
    return noise_image(1100, 20, noise=4)


@pytest.fixture(scope="class")
def file(request: pytest.FixtureRequest, codec: lcomp.Codec, wide: Image.Image) -> LicFile:
    return request.cls.coded(codec, wide)
