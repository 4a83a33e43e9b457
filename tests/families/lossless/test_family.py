"""The lossless family, by what every family has to pass."""

from PIL import Image

import lcomp
from families.common import FamilyChecks
from helpers.lossless import coded_losslessly
from lcomp.format.container import LicFile


class TestLossless(FamilyChecks):
    model = "lossless"

    @staticmethod
    def coded(codec: lcomp.Codec, image: Image.Image) -> LicFile:
        """Coded even where storing it takes less."""
        return coded_losslessly(image)
