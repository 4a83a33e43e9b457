"""Strips of a pass on all threads that torch may use: its own loops over them would be too short to share."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import torch

from lcomp.families.lossless.parameters import MapStrips


@contextmanager
def strip_threads(device: torch.device) -> Iterator[MapStrips]:
    """A `map` that spreads its work over as many threads as torch may use, each of which computes alone."""
    count = torch.get_num_threads()
    if count == 1 or device.type != "cpu":
        yield map
        return

    def map_strips(work: Callable[[Any], Any], strips: Sequence[Any]) -> Iterable[Any]:
        if len(strips) == 1:
            return map(work, strips)

        def in_thread(strip: Any) -> Any:
            with torch.inference_mode():  # which is a thread's own
                return work(strip)

        return pool.map(in_thread, strips)

    with ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        try:
            yield map_strips
        finally:
            torch.set_num_threads(count)  # that of a thread is also what threads started later take
