"""SSIMULACRA2."""

from lcomp.encoding import ssimulacra2
from lcomp.evaluation.metrics.metric import Metric, Pair


class Ssimulacra2(Metric):
    """SSIMULACRA2 (Sneyers 2022); BD-rates are over scores from low quality to visually lossless."""

    name, title, decimals, axis = "ssimulacra2", "SSIMULACRA2", 2, "SSIMULACRA2"
    by_default = True
    smallest_side = ssimulacra2.SMALLEST_SIDE
    within = (30.0, 90.0)

    def measure(self, pair: Pair) -> float:
        """A score of at most 100."""
        return ssimulacra2.ssimulacra2(pair.after, pair.before)
