"""`lcomp models`."""

import json
from dataclasses import asdict, dataclass

import lcomp
from lcomp.cli.files import show
from lcomp.cli.options import Json
from lcomp.options import DEFAULT_MODEL


@dataclass(frozen=True)
class ModelRow:
    """What `lcomp models` shows of a model."""

    name: str
    number: int
    default: bool
    installed: bool  # its weights are there, and those of the models that it adds to
    obstacle: str | None  # what to install, where they are not
    fingerprint: str
    summary: str


def models(as_json: Json = False) -> None:
    """List the installed models."""
    rows = [
        ModelRow(
            name=model.name,
            number=model.number,
            default=model.name == DEFAULT_MODEL,
            installed=model.obstacle is None,
            obstacle=model.obstacle,
            fingerprint=f"{model.fingerprint:08x}",
            summary=model.summary,
        )
        for model in lcomp.models()
    ]
    if as_json:
        show(json.dumps([asdict(row) for row in rows], indent=2))
        return
    for row in rows:
        remarks = [*(["default"] if row.default else []), *([row.obstacle] if row.obstacle else [])]
        note = f" ({', '.join(remarks)})" if remarks else ""
        show(f"{row.name:18} {row.number:3}  {row.fingerprint}  {row.summary}{note}")
