"""MS-SSIM."""

import torch
from pytorch_msssim import ms_ssim as library_ms_ssim

from lcomp.encoding.objective import MS_SSIM_SIDE
from lcomp.evaluation.metrics.metric import Metric, Pair, decibels


class MultiScaleSsim(Metric):
    """Multi-scale structural similarity (Wang 2003), mean of the RGB channels."""

    name, title, decimals, axis = "ms_ssim", "MS-SSIM", 5, "MS-SSIM, dB: -10 log10(1 - MS-SSIM)"
    by_default = True
    smallest_side = MS_SSIM_SIDE

    @torch.inference_mode()
    def measure(self, pair: Pair) -> float:
        """In [0, 1]."""
        # channels-last memory format: four times as fast
        x, y = (torch.from_numpy(each.copy())[None].permute(0, 3, 1, 2).float() for each in (pair.after, pair.before))
        return library_ms_ssim(x, y, data_range=255).item()

    def quality(self, value: float) -> float:
        """In dB."""
        return decibels(value)
