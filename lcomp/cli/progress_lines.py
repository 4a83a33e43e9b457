"""Lines on stderr that say how far long work is, where there is no terminal to show a bar on."""

import sys
import time

from lcomp.cli.files import say

EVERY = 60.0
"""Seconds between lines."""


class ProgressLines:
    """Says every EVERY seconds how much is done, and about how long the rest takes; nothing on terminals."""

    def __init__(self, total: int, known: int, quiet: bool) -> None:
        """`known` of the `total` are done before it starts."""
        self.total, self.known, self.silent = total, known, quiet or sys.stderr.isatty()
        self.start = self.last = time.monotonic()

    def tell(self, done: int) -> None:
        """Say that so many are done, if it is time for that."""
        now = time.monotonic()
        if self.silent or now - self.last < EVERY or done <= self.known:
            return
        self.last = now
        left = (now - self.start) / (done - self.known) * (self.total - done)
        say(f"lcomp: {done} of {self.total} measured, about {max(1, round(left / 60))} minutes left")
