"""Lines of text, found by the detector of PP-OCR (differentiable binarization, Liao and others 2020)."""

import math

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from lcomp.detection.copies import Copy, alone, copy_of
from lcomp.detection.weights import TEXT, network_file
from lcomp.format.tiles import Rectangle
from lcomp.types import Pixels, Plane

AREA, STEP = 2**20, 32
"""Pixels of the copy at most, and what its sides are multiples of."""

LEAST, LEAST_MEAN = 0.3, 0.6
"""Probability of text that makes a pixel one of a line, and the mean of a line that is kept."""

LOWEST, HIGHEST = 3, 1 / 6
"""Pixels of a line's shorter side, in the copy, and its share of a side of a square that is as large as the copy.

What seems to be larger letters is nearly always something else, and letters of that size survive low qualities.
"""

WIDENING = 1.6
"""How far a line is widened, in areas per perimeter: the network marks the inner part of each."""


def probabilities(copy: Copy, threads: int) -> NDArray[np.float32]:
    """How likely each pixel of a copy is to be text [H, W]; raises UnsupportedError where the extra is missing."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.enable_cpu_mem_arena = False
    # not kept: its threads would be missing in processes that are forked later
    network = onnxruntime.InferenceSession(str(network_file(*TEXT)), options, ["CPUExecutionProvider"])
    scaled = (copy.pixels.astype(np.float32) / 127.5 - 1).transpose(2, 0, 1)[None]
    [[[likely]]] = network.run(None, {network.get_inputs()[0].name: scaled})
    return likely


def line_at(contour: NDArray[np.int32], likely: NDArray[np.float32]) -> tuple[float, float, float, float] | None:
    """Left, top, right and bottom of the line of text around a contour, of whatever slope; None where it is none."""
    centre, (width, height), angle = cv2.minAreaRect(contour)
    if not LOWEST <= min(width, height) <= HIGHEST * math.sqrt(likely.size):
        return None
    x, y, columns, rows = cv2.boundingRect(contour)
    inner = np.zeros((rows, columns), np.uint8)
    cv2.fillConvexPoly(inner, np.int32(cv2.boxPoints((centre, (width, height), angle)) - (x, y)), 1)
    if cv2.mean(likely[y : y + rows, x : x + columns], inner)[0] < LEAST_MEAN:
        return None
    margin = WIDENING * width * height / (width + height)
    corners = cv2.boxPoints((centre, (width + margin, height + margin), angle))
    (left, top), (right, bottom) = corners.min(0), corners.max(0)
    return float(left), float(top), float(right), float(bottom)


def find_text(pixels: Pixels, alpha: Plane | None, threads: int) -> list[Rectangle]:
    """Where the lines of text of a picture [H, W, 3] are; raises UnsupportedError where the extra is missing."""
    with alone():
        copy = copy_of(pixels, alpha, AREA, STEP)
        if copy is None:
            return []
        likely = probabilities(copy, threads)
        contours, _ = cv2.findContours((likely > LEAST).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        lines = [line for contour in contours if (line := line_at(contour, likely))]
    return [place for line in lines if (place := copy.in_picture(*line))]
