"""lcomp in pipelines of Ray Data: `map_batches` from a column of bytes to a column of bytes.

    import ray.data
    import lcomp.ray

    pictures = ray.data.read_parquet("pictures.parquet")
    files = pictures.map_batches(lcomp.ray.Encode, batch_format="pyarrow", batch_size=16, concurrency=4, num_cpus=1)
    files.write_parquet("lic/")

Each actor keeps its models loaded. Importing this needs neither Ray nor pyarrow: whoever has batches has those.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from io import BytesIO
from typing import Any, TypeVar

import numpy as np

from lcomp.api import Codec
from lcomp.errors import LcompError
from lcomp.options import DecodeOptions, EncodeOptions
from lcomp.pictures.deep_writing import save_picture
from lcomp.pictures.writing import FORMATS

Batch = TypeVar("Batch")

COLUMN = "bytes"
"""Name of the column, as `ray.data.read_binary_files` has it."""


def cells(batch: Any, column: str) -> Iterable[bytes | None]:
    """What a column of a batch holds: a pyarrow table, a pandas frame, or a dictionary of arrays.

    Raises KeyError where there is no such column.
    """
    values = batch[column]
    return values.to_pylist() if hasattr(values, "to_pylist") else values.tolist()


def with_column(batch: Any, column: str, values: Sequence[bytes | str | None], text: bool = False) -> Any:
    """The batch with a column of bytes or text replaced or added, of the same kind."""
    if hasattr(type(batch), "schema"):  # a pandas frame may have a column of that name
        import pyarrow

        cells = pyarrow.array(values, pyarrow.string() if text else pyarrow.large_binary())
        place = batch.schema.get_field_index(column)
        return batch.append_column(column, cells) if place < 0 else batch.set_column(place, column, cells)
    copied = batch.copy()
    # an array of bytes would lose zeros at their ends
    objects = np.empty(len(values), object)
    objects[:] = values
    copied[column] = objects
    return copied


class BytesMap(ABC):
    """Maps the bytes of a column, cell by cell."""

    def __init__(self, column: str, output: str | None, errors: str | None) -> None:
        self.column, self.output, self.errors = column, output or column, errors

    @abstractmethod
    def one(self, data: bytes) -> bytes:
        """The result for one cell; raises LcompError."""

    def __call__(self, batch: Batch) -> Batch:
        """The batch with its results; None stays None. Raises LcompError unless `errors` are kept."""
        results: list[bytes | None] = []
        failures: list[str | None] = []
        for data in cells(batch, self.column):
            result, failure = None, None
            try:
                result = None if data is None else self.one(data)
            except LcompError as error:
                if self.errors is None:
                    raise
                failure = str(error)
            results.append(result)
            failures.append(failure)
        batch = with_column(batch, self.output, results)
        return batch if self.errors is None else with_column(batch, self.errors, failures, text=True)


class Encode(BytesMap):
    r"""Pictures to `.lic` files: a class for `map_batches`, of which each actor makes one.

    >>> import io
    >>> import numpy as np
    >>> from PIL import Image
    >>> Image.new("RGB", (24, 16)).save(png := io.BytesIO(), "PNG")
    >>> batch = {"bytes": np.array([png.getvalue()], object)}
    >>> Encode(model="hyperprior", device="cpu")(batch)["bytes"][0][:4]
    b'\xacL\r\n'
    """

    def __init__(
        self,
        options: EncodeOptions = EncodeOptions(),
        *,
        column: str = COLUMN,
        output: str | None = None,
        errors: str | None = None,
        model: str | None = None,
        device: str = "auto",
        threads: int | None = None,
    ) -> None:
        """Choose the columns and the codec; raises as `Codec` does.

        `column` holds picture files. Results go to `output`, or to where they came from. With `errors`, the name of a
        column of messages, a picture that cannot be encoded gives None instead of an error.
        """
        super().__init__(column, output, errors)
        self.codec, self.options = Codec(model, device, threads=threads), options

    def one(self, data: bytes) -> bytes:
        """The `.lic` file of a picture file; raises LcompError."""
        return self.codec.encode(data, self.options)


class Decode(BytesMap):
    r"""`.lic` files to picture files: a class for `map_batches`, of which each actor makes one.

    >>> import numpy as np
    >>> lic = Codec("hyperprior", "cpu").encode(np.zeros((16, 24, 3), np.uint8))
    >>> batch = {"bytes": np.array([lic, b"none"], object)}
    >>> decoded = Decode(device="cpu", errors="why")(batch)
    >>> decoded["bytes"][0][:4], decoded["bytes"][1], decoded["why"][1]
    (b'\x89PNG', None, 'not a .lic file')
    """

    def __init__(
        self,
        options: DecodeOptions = DecodeOptions(),
        *,
        format: str = "png",
        output_quality: int | None = None,
        column: str = COLUMN,
        output: str | None = None,
        errors: str | None = None,
        device: str = "auto",
        threads: int | None = None,
    ) -> None:
        """Choose the format, the columns and the codec; raises LcompError for an unknown format, and as `Codec` does.

        `format` and `output_quality` are those of `lcomp decode`, the rest is as in `Encode`.
        """
        super().__init__(column, output, errors)
        if format not in FORMATS:
            raise LcompError(f"unknown format '{format}': use {', '.join(FORMATS)}")
        self.codec, self.options = Codec(device=device, threads=threads), options
        self.kind, self.output_quality = FORMATS[format], output_quality

    def one(self, data: bytes) -> bytes:
        """The picture file of a `.lic` file; raises LcompError."""
        picture = self.codec.decode_picture(data, self.options)
        buffer = BytesIO()
        save_picture(picture, buffer, self.kind, self.output_quality)
        return buffer.getvalue()
