"""Which pictures a file decodes to: one for every decoder of its model, and several for one that has a realism."""

from typing import NamedTuple

from lcomp.errors import ModelError
from lcomp.families.registry import installed_models, model_of
from lcomp.format.container import Header
from lcomp.options import MSE, SR

REALISM_STEPS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Realisms that are decoded. Mixtures of two would differ from these: pixels are clipped and rounded to 8 bits."""


class Version(NamedTuple):
    """What a file is decoded with."""

    decoder: str | None = None  # None where there is no choice, as of a lossless file
    realism: float | None = None  # of a decoder that has one


def decoder_names(header: Header) -> list[str]:
    """The decoders of a file's model whose weights are there; none where it leaves no choice.

    Raises ModelError where the model is not installed, or with other weights.
    """
    if header.stored:
        return []
    model = model_of(header)
    if model.decoder_name == "none":
        return []
    added = [other for other in installed_models() if other.is_decoder and other.lineage[-1] == model.lineage[-1]]
    names = [MSE, *(other.decoder_name for other in added if other.obstacle is None)]
    return [*names, SR] if header.half and SR not in names else names


def usual_decoder(header: Header) -> str | None:
    """The decoder that a file was made for, None where there is no choice; raises as `decoder_names` does."""
    return model_of(header).decoder_for(header.half) if decoder_names(header) else None


def versions_of(header: Header, wanted: str | None = None) -> list[Version]:
    """What a file can be decoded with, or of that what the decoder `wanted` makes.

    Raises as `decoder_names` does, and ModelError for a decoder that is not for the file. A file that leaves no choice
    has one version, whatever is wanted.
    """
    names = decoder_names(header)
    if not names:
        return [Version()]
    if wanted is not None and wanted not in names:
        raise ModelError(f"decoder '{wanted}' is not for files of '{model_of(header).name}' ({', '.join(names)})")
    inventive = {model.name for model in installed_models() if model.inventive}
    return [
        Version(name, realism)
        for name in ([wanted] if wanted else names)
        for realism in (REALISM_STEPS if name in inventive else (None,))
    ]
