"""z and what it says of y: A.4 and A.5 of docs/FORMAT.md."""

from dataclasses import dataclass

import numpy as np

from second.arithmetic import (
    ACTIVATION,
    LOG_SCALE_MIN,
    MEAN,
    OUTPUT,
    Integers,
    at_quality,
    clamp,
    index,
    leaky,
    of_positions,
    parts,
    pow2,
    rs,
    shuffle,
)
from second.entropy import Coder, decode_group
from second.weights import Model

LAYERS = ["path", "expand", "enter", "middle", "mix", "leave"]
"""The layers of h_s in the order of their shifts."""


@dataclass(frozen=True)
class Prediction:
    """What h_s says of y, all [channels, rows, columns] of y."""

    mean: Integers
    log_scale: Integers
    hidden: Integers
    energies: Integers


def normalised(model: Model, z_hat: Integers, quality: Integers) -> Integers:
    """norm(z_hat)."""
    inverse = pow2(model.integers("exp2"), -at_quality(model.integers("z_log_gain"), quality), 12)
    return clamp(rs(z_hat * inverse, 10), ACTIVATION)


def decode_z(model: Model, coder: Coder, quality: Integers) -> tuple[Integers, Integers]:
    """The symbols of z, and z_hat, at qualities [R, S]."""
    log_scale = at_quality(model.integers("z_log_scale"), quality)
    deviation = pow2(model.integers("exp2"), log_scale, 8)
    expected = rs(log_scale - LOG_SCALE_MIN, 4)
    shifts = model.integers("h_c.shifts")
    symbols, z_hat = np.zeros_like(log_scale), np.zeros_like(log_scale)
    for P, part in enumerate(parts(quality, 4)):
        if not part.any():
            continue
        mean, scale = np.zeros_like(log_scale), index(expected)
        if P > 0:
            enter = model.layer(f"h_c.enter.{P - 1}", shifts[P - 1])
            leave = model.layer(f"h_c.leave.{P - 1}", shifts[3 + P - 1])
            offset = at_quality(model.integers("h_c.quality"), quality)
            h = leaky(clamp(enter(normalised(model, z_hat, quality)) + offset, ACTIVATION))
            shift, change = np.split(leave.output(h), 2)
            mean = clamp(rs(shift * deviation, 14), MEAN)
            scale = index(change + expected)
        symbols[:, part], _ = decode_group(coder, model.tables[64:], scale[:, part])
        z_hat[:, part] = 64 * symbols[:, part] + mean[:, part]
    return symbols, z_hat


def predict_y(model: Model, z_hat: Integers, quality: Integers, rows: int, columns: int) -> Prediction:
    """h_s, for y of so many rows and columns."""
    shifts = dict(zip(LAYERS, model.integers("h_s.shifts"), strict=True))
    path, expand, enter, middle, mix, leave = (model.layer(f"h_s.{name}", shifts[name]) for name in LAYERS)
    v = normalised(model, z_hat, quality)
    h = leaky(shuffle(enter(v), 2))
    h = leaky(shuffle(middle(h), 2))
    h = leaky(mix(h))
    e = shuffle(path.output(v), 4)
    o = leave.output(h) + expand(e, 12, 12, OUTPUT)
    quality = of_positions(quality, 4 * len(v[0]), 4 * len(v[0, 0]))
    lower = np.maximum(1000 - quality, 0) * 2**17 // 1000
    deviation = at_quality(model.integers("log_deviation"), quality) - lower
    shift, change = np.split(o, 2)
    mean = clamp(rs(shift * pow2(model.integers("exp2"), deviation, 8), 14), MEAN)
    log_scale = change + rs(deviation - LOG_SCALE_MIN, 4)
    return Prediction(*(array[:, :rows, :columns] for array in (mean, log_scale, h, e)))
