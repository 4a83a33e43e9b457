"""Frequency tables fitted to what was coded."""

import numpy as np

from lcomp.entropy.tables import MAX_RADIUS, SCALES, expected_bits, gaussian_tables, pack_tables, unpack_tables
from lcomp.training.tables import fitted_table


def test_fitted_tables_code_what_was_seen_in_fewer_bits() -> None:
    gaussian = gaussian_tables()
    random = np.random.default_rng(0)
    tables = [gaussian[0]]
    for scale in range(1, SCALES):
        # Laplacian: more zeros and longer tails than the Gaussian of the same scale
        symbols = np.round(random.laplace(0, 0.11 * 2 ** (scale / 6) / 1.5, 20_000)).astype(int)
        counts = np.bincount(symbols.clip(-MAX_RADIUS, MAX_RADIUS) + MAX_RADIUS, minlength=2 * MAX_RADIUS + 1)
        tables.append(fitted_table(counts, scale))
        masses = counts / counts.sum()
        assert expected_bits(tables[-1], masses) < expected_bits(gaussian[scale], masses) + 1e-3
        if scale == 20:
            assert expected_bits(tables[-1], masses) < 0.98 * expected_bits(gaussian[scale], masses)
    again = unpack_tables(pack_tables((*tables, *tables)))
    assert all((a.frequencies == b.frequencies).all() for a, b in zip((*tables, *tables), again, strict=True))
    # nothing seen: nothing learned
    nothing = fitted_table(np.zeros(2 * MAX_RADIUS + 1, np.int64), 20)
    assert nothing.radius == gaussian[20].radius
    assert abs(nothing.frequencies - gaussian[20].frequencies).max() <= 1
