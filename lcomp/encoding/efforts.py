"""What each effort does: RDOQ, and how long to search."""

from typing import NamedTuple


class Level(NamedTuple):
    """What an effort does."""

    optimised: bool  # whether the first symbols are chosen by RDOQ; otherwise they are the nearest
    rounds: int = 0  # of the search; one is a pass through the decoder and back, and through the entropy model


LEVELS = (
    Level(False),
    Level(True),
    Level(True, 1),
    Level(True, 2),
    Level(True, 4),
    Level(True, 8),
    Level(True, 16),
    Level(True, 32),
    Level(True, 64),
    Level(True, 128),
)
"""By effort, 0 .. 9."""
