"""Faces, found by YuNet (Wu and others 2023), which OpenCV runs."""

import cv2
import numpy as np

from lcomp.detection.copies import alone, copy_of
from lcomp.detection.weights import FACES, network_file
from lcomp.format.tiles import Rectangle
from lcomp.types import Pixels, Plane

AREAS = (2**20, 2**17)
"""Pixels of the copies: the network knows faces from about ten pixels to some hundred, and the second has the large."""

LEAST_SCORE = 0.7

MOST_SHARED = 0.3
"""Share of their area (IoU) that two faces may have in common; beyond it they are one, found twice."""

MOST = 5000


def find_faces(pixels: Pixels, alpha: Plane | None, threads: int) -> list[Rectangle]:
    """Where the faces of a picture [H, W, 3] are; raises UnsupportedError where the extra is missing."""
    file = str(network_file(*FACES))
    found: list[Rectangle] = []
    scores: list[float] = []
    with alone():
        for area in AREAS:
            copy = copy_of(pixels, alpha, area)
            if copy is None:
                continue
            rows, columns = copy.pixels.shape[:2]
            detector = cv2.FaceDetectorYN.create(file, "", (columns, rows), LEAST_SCORE, MOST_SHARED, MOST)
            _, faces = detector.detect(copy.pixels)
            for face in np.empty((0, 15)) if faces is None else faces:
                if not np.isfinite(face).all():  # of pictures that are very long
                    continue
                x, y, width, height = (float(value) for value in face[:4])
                if place := copy.in_picture(x, y, x + width, y + height):
                    found.append(place)
                    scores.append(float(face[14]))
        kept = cv2.dnn.NMSBoxes(found, scores, LEAST_SCORE, MOST_SHARED)
    return [found[number] for number in kept]
