"""The rows of an evaluation on disk, one JSON line each, so that an interrupted one resumes where it stopped."""

import json
from pathlib import Path

from lcomp.errors import LcompError
from lcomp.evaluation.documents import row_document, row_of
from lcomp.evaluation.results import Key, Row

NAME = "rows.jsonl"


def claim(folder: Path, force: bool) -> None:
    """Create the folder of an evaluation; raises LcompError where it holds other files, unless `force` is given."""
    if folder.exists() and not folder.is_dir():
        raise LcompError(f"output {folder} is a file: an evaluation needs a folder")
    folder.mkdir(parents=True, exist_ok=True)
    if not force and not (folder / NAME).is_file() and any(folder.iterdir()):
        raise LcompError(f"output {folder} is not empty and holds no earlier evaluation: use -f to write into it")


class Journal:
    """Finished rows by key, in memory and, where a folder is given, in its `rows.jsonl`."""

    def __init__(self, folder: Path | None) -> None:
        self.rows: dict[Key, Row] = {}
        self.path = folder / NAME if folder else None
        if self.path and self.path.exists():
            text = self.path.read_text(encoding="utf-8", errors="replace")
            for line in text.splitlines():
                self.recall(line)
            if text and not text.endswith("\n"):
                # terminate a torn last line, so that the next row starts on its own
                with self.path.open("a", encoding="utf-8") as stream:
                    stream.write("\n")

    def recall(self, line: str) -> None:
        """Load a line of an earlier run; torn lines and errors are dropped, to be measured again."""
        try:
            row = row_of(json.loads(line))
            if row.codec and not row.error:
                self.rows[row.key] = row
        except (ValueError, TypeError, AttributeError, RecursionError):
            return

    def add(self, row: Row) -> Row:
        """Keep a row, unless it is an error; returns it."""
        if not row.error:
            self.rows[row.key] = row
            if self.path:
                with self.path.open("a", encoding="utf-8") as stream:
                    stream.write(json.dumps(row_document(row), allow_nan=False) + "\n")
        return row
