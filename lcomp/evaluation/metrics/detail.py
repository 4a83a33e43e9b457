"""How much of the finest detail is there."""

import torch

from lcomp.encoding.distortion import finest_band
from lcomp.evaluation.metrics.metric import Metric, Pair


class Detail(Metric):
    """Energy of the finest band relative to the original's: neither more nor less than 1 is better."""

    name, title, decimals, axis = "detail", "detail", 3, "detail"
    smallest_side = 2
    perceptual = True
    in_rates = False

    @torch.inference_mode()
    def measure(self, pair: Pair) -> float | None:
        """A ratio; None where the original has no detail."""
        energies = []
        for pixels in (pair.after, pair.before):
            x = torch.from_numpy(pixels.copy())[None].permute(0, 3, 1, 2).float()
            energies.append(finest_band(x).square().sum(dtype=torch.float64).item())
        return energies[0] / energies[1] if energies[1] else None
