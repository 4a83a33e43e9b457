"""The samples of a tile from its stream."""

import torch
from torch import Tensor

from lcomp.entropy.grouping import Order
from lcomp.entropy.latents import LatentDecoder
from lcomp.errors import FormatError
from lcomp.families.lossless.colours import Colours
from lcomp.families.lossless.lattice import PyramidPass
from lcomp.families.lossless.mode import CodingMode
from lcomp.families.lossless.parameters import TABLES, Distributions
from lcomp.families.lossless.passes import MIDDLES
from lcomp.families.lossless.prediction import count_taps
from lcomp.families.lossless.surroundings import Surroundings
from lcomp.families.lossless.symbols import BASE_TABLE, COEFFICIENT_TABLE, MOST_OFFSET, NUMBER_TABLE, decoded, in_range


class TileReader:
    """Reads the samples of a tile of so many planes."""

    def __init__(self, decoder: LatentDecoder, planes: int, max_error: int, device: torch.device) -> None:
        """Read the head of the stream; raises FormatError where it is damaged."""
        self.decoder, self.planes, self.device = decoder, planes, device
        number = self.get_one()
        if number not in {colours.value for colours in Colours}:
            raise FormatError(f"unknown colour transform {number}")
        self.mode = CodingMode(Colours(number), max_error)

    def get(self, tables: Tensor) -> Tensor:
        """The next symbols (int16 [n]), which are coded together."""
        order = Order(tables, TABLES)
        symbols = torch.from_numpy(self.decoder.decode(order.counts.cpu().numpy())).to(self.device)
        return order.restore(symbols)

    def get_alike(self, count: int, table: int) -> Tensor:
        """The next symbols of one table."""
        return self.get(torch.full((count,), table, dtype=torch.int16, device=self.device))

    def base(self, height: int, width: int) -> Tensor:
        """The samples that nothing predicts."""
        symbols = self.get_alike(self.planes * height * width, BASE_TABLE).view(self.planes, height, width)
        return torch.stack([in_range(part.int() + MIDDLES[plane], plane) for plane, part in enumerate(symbols)])

    def get_one(self) -> int:
        """The next number that stands alone."""
        return int(self.get_alike(1, NUMBER_TABLE))

    def coefficients(self, step: PyramidPass, around: Surroundings) -> Tensor:
        """Coefficients of a pass."""
        return self.get_alike(count_taps(step.plane), COEFFICIENT_TABLE)

    def samples(self, step: PyramidPass, around: Surroundings, distributions: Distributions, adapted: bool) -> Tensor:
        """The samples of a pass."""
        offset = self.get_one() if adapted else 0
        if abs(offset) > MOST_OFFSET:
            raise FormatError("impossible scales")
        parameters = distributions.parameters(offset)
        return decoded(self.get(parameters.tables), parameters, step, self.mode)
