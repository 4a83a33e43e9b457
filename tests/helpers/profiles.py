"""ICC profiles for tests."""

from PIL import ImageCms

from lcomp.format.container import Mode
from lcomp.pictures.colours import BT709
from lcomp.pictures.profiles import ToneCurve, made

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
GREY = made("grey", Mode.L, BT709, ToneCurve(2.2))
