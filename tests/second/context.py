"""The context model of y: A.6 of docs/FORMAT.md."""

from collections.abc import Callable

import numpy as np

from second.arithmetic import ACTIVATION, MEAN, Integers, Layer, at_quality, clamp, index, leaky, parts, rs
from second.entropy import Coder, decode_group
from second.hyperprior import Prediction
from second.weights import Context, Model


def layers(model: Model, context: Context) -> Callable[[str], Layer]:
    """What gives a layer below `exact.context.` by its name, with its own shift."""
    passes, groups = sum(context.parts), len(context.groups)
    names = [
        "enter",
        *(f"parameters_of.{N}.enter" for N in range(passes)),
        *(f"parameters_of.{N}.leave" for N in range(passes)),
        *(f"across.{K}" for K in range(passes - groups)),
        *(f"onward.{G}" for G in range(groups - 1)),
        *(f"mixers.{G}.enter" for G in range(groups - 1)),
        *(f"mixers.{G}.leave" for G in range(groups - 1)),
    ]
    shifts = dict(zip(names, model.integers("context.shifts"), strict=True))
    return lambda name: model.layer(f"context.{name}", shifts[name])


def decode_y(
    model: Model, context: Context, coder: Coder, prediction: Prediction, quality: Integers
) -> tuple[Integers, Integers, Integers]:
    """Symbols, means and scale indexes of y, at qualities [rows, columns]."""
    layer = layers(model, context)
    sigma, energy, expected, sign_offset = (
        model.integers(f"context.{name}") for name in ("sigma", "energy", "expected", "sign_offset")
    )

    def surprise(symbols: Integers, scales: Integers) -> Integers:
        u = energy[np.minimum(abs(symbols), 1023)] - expected[scales]
        return np.concatenate([u, np.maximum(u + sign_offset, 0) * np.sign(symbols)])

    features = np.concatenate([prediction.hidden, rs(prediction.energies, 4)])
    state = layer("enter")(features) + at_quality(model.integers("context.quality"), quality)
    symbols, means, scales = (np.zeros_like(prediction.mean) for _ in range(3))
    N = K = start = 0
    for G, (size, count) in enumerate(zip(context.groups, context.parts, strict=True)):
        group = slice(start, start + size)
        start += size
        decoded = np.zeros(quality.shape, bool)
        for P, part in enumerate(parts(quality, count)):
            s = state
            if P > 0:
                s = state + layer(f"across.{K}")(surprise(symbols[group], scales[group]) * decoded)
                K += 1
            x = leaky(layer(f"parameters_of.{N}.enter")(leaky(clamp(s, ACTIVATION))))
            shift, change = np.split(layer(f"parameters_of.{N}.leave").output(x), 2)
            N += 1
            log_scale = prediction.log_scale[group]
            mean = clamp(rs(shift * sigma[index(log_scale)], 14) + prediction.mean[group], MEAN)
            scale = index(log_scale + change)
            means[group, part] = mean[:, part]
            symbols[group, part], known = decode_group(coder, model.tables[:64], scale[:, part])
            scales[group, part] = scale[:, part] * known
            decoded |= part
        if len(context.groups) - 1 > G:
            state = clamp(state + layer(f"onward.{G}")(surprise(symbols[group], scales[group])), ACTIVATION)
            m = leaky(layer(f"mixers.{G}.enter")(leaky(state)))
            state = clamp(state + layer(f"mixers.{G}.leave")(m), ACTIVATION)
    return symbols, means, scales
