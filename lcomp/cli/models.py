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
    installed: bool  # its weights file is there
    fingerprint: str
    summary: str


def models(as_json: Json = False) -> None:
    """List the installed models."""
    rows = [
        ModelRow(
            name=model.name,
            number=model.number,
            default=model.name == DEFAULT_MODEL,
            installed=model.weights_path.is_file(),
            fingerprint=f"{model.fingerprint:08x}",
            summary=model.summary,
        )
        for model in lcomp.models()
    ]
    if as_json:
        show(json.dumps([asdict(row) for row in rows], indent=2))
        return
    for row in rows:
        remarks = [text for text, shown in (("default", row.default), ("weights missing", not row.installed)) if shown]
        note = f" ({', '.join(remarks)})" if remarks else ""
        show(f"{row.name:18} {row.fingerprint}  {row.summary}{note}")
