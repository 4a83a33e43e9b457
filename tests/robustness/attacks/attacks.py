"""Ways to make malicious files: what would crash a careless decoder, hang it, or fill the memory of its machine.

README.md lists them. Checksums are right unless a wrong one is the attempt, so that the code behind them is reached.
"""

from attacks.alphas import ALPHA
from attacks.deflated import DEFLATED
from attacks.headers import HEADER
from attacks.low import LOW
from attacks.metadata import METADATA
from attacks.projections import PROJECTIONS
from attacks.qualities import QUALITIES
from attacks.sections import SECTIONS
from attacks.stored import STORED
from attacks.streams import STREAMS

ATTACKS = [*HEADER, *SECTIONS, *METADATA, *DEFLATED, *ALPHA, *STORED, *LOW, *QUALITIES, *PROJECTIONS, *STREAMS]
