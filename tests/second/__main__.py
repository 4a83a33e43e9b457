"""`PYTHONPATH=tests python -m second picture.lic picture.png`: decode a file; of 16 bits the high ones."""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from second.decoder import decode


def main(source: str, target: str) -> None:
    """Decode a file and write its picture."""
    picture = decode(Path(source).read_bytes())
    samples = picture.samples if picture.alpha is None else np.dstack([picture.samples, picture.alpha])
    if samples.dtype == np.uint16:
        samples = samples >> 8
    samples = samples.astype(np.uint8)
    Image.fromarray(samples[..., 0] if samples.shape[2] == 1 else samples).save(target)


if __name__ == "__main__":
    main(*sys.argv[1:])
