"""Fixtures of evaluations."""

from dataclasses import replace

import pytest

from helpers.evaluations import PLAN
from lcomp.evaluation.codecs.adapter import Adapter
from lcomp.evaluation.codecs.registry import open_adapter


@pytest.fixture
def jpeg() -> Adapter:
    """JPEG at few settings."""
    return replace(open_adapter("jpeg", PLAN.qualities, "cpu"), settings=(10, 50, 90))
