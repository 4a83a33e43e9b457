"""Timing of the stages of encoding and decoding, for the log."""

import logging
import time
from collections import defaultdict

import torch

from lcomp.log import log


class Stopwatch:
    """Adds up the seconds of each stage, for the log at debug level."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.last = time.perf_counter()

    def start(self) -> None:
        """Forget everything measured so far."""
        self.seconds.clear()
        self.last = time.perf_counter()

    def lap(self, stage: str) -> None:
        """Count the time since the last lap for a stage."""
        if log.isEnabledFor(logging.DEBUG):
            if self.device.type == "cuda":
                torch.cuda.synchronize(self.device)
            now = time.perf_counter()
            self.seconds[stage] += now - self.last
            self.last = now

    def report(self) -> None:
        """Log all stages."""
        for stage, seconds in tuple(self.seconds.items()):  # other threads may add to them
            log.debug("  %s %.3f s", stage, seconds)
