"""HaarPSI, GMSD and VIF by the package piq (extra `perceptual`)."""

import importlib
import importlib.util

import torch

from lcomp.evaluation.metrics.metric import Metric, Pair, decibels


class PiqMetric(Metric):
    """A metric of piq; no model is trained on it."""

    function: str
    smallest_side = 32
    perceptual = True
    needs = "piq"

    def available(self) -> bool:
        """Whether piq is installed."""
        return importlib.util.find_spec("piq") is not None

    @torch.inference_mode()
    def measure(self, pair: Pair) -> float:
        """By piq, of RGB in [0, 1]."""
        x, y = (torch.from_numpy(each.copy())[None].permute(0, 3, 1, 2) / 255 for each in (pair.after, pair.before))
        return float(getattr(importlib.import_module("piq"), self.function)(x, y, data_range=1.0))


class HaarPsi(PiqMetric):
    """HaarPSI in [0, 1] (Reisenhofer 2018)."""

    name, title, decimals, axis = "haarpsi", "HaarPSI", 4, "HaarPSI, dB: -10 log10(1 - HaarPSI)"
    function = "haarpsi"

    def quality(self, value: float) -> float:
        """In dB."""
        return decibels(value)


class Gmsd(PiqMetric):
    """GMSD, 0 for an exact copy (Xue 2014)."""

    name, title, decimals, axis = "gmsd", "GMSD", 4, "GMSD, negative"
    function = "gmsd"

    def quality(self, value: float) -> float:
        """Its negative."""
        return -value


class Vif(PiqMetric):
    """VIF in the pixel domain, 1 for an exact copy (Sheikh 2006)."""

    name, title, decimals, axis = "vif", "VIF", 4, "VIF"
    function = "vif_p"
    smallest_side = 41
