"""The hyperprior family, by what every family has to pass."""

from families.common import FamilyChecks


class TestHyperprior(FamilyChecks):
    model = "hyperprior"
    error = 8.0
    shows_prefixes = True
    seam = 1  # windows of a crop are rounded otherwise
