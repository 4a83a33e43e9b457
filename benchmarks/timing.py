"""Timing shared by the benchmarks."""

import statistics
import time
from collections.abc import Callable


def median_seconds(work: Callable[[], object], runs: int = 5) -> float:
    """Median wall-clock seconds of `work` after one run to warm up."""
    work()
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)
