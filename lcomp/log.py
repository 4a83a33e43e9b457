"""The library's logger: stages at debug level, notes on a picture as warnings, losses as errors."""

import logging

log = logging.getLogger("lcomp")
