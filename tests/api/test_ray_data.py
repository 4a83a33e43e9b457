"""`lcomp.ray`: batches of bytes, in whatever form Ray Data hands them over."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

import lcomp
from helpers.pictures import noise_image
from lcomp.ray import Decode, Encode


def png(number: int) -> bytes:
    buffer = BytesIO()
    noise_image(40, 24, number).save(buffer, "PNG")
    return buffer.getvalue()


ROWS = [png(0), None, b"none\0", png(1)]
"""The cells of a column: pictures, nothing, and what is no picture."""

MODEL = "hyperprior"


def objects(values: list[bytes | None]) -> np.ndarray:
    array = np.empty(len(values), object)
    array[:] = values
    return array


def check(out: list[bytes | None], why: list[str | None]) -> None:
    """Every picture has become the file that it becomes alone, and the rest a message."""
    codec = lcomp.Codec(MODEL, "cpu")
    assert out == [codec.encode(ROWS[0]), None, None, codec.encode(ROWS[3])]
    assert [bool(message) for message in why] == [False, False, True, False]


def test_arrays() -> None:
    batch = {"picture": objects(ROWS), "name": np.array(list("abcd"))}
    done = Encode(column="picture", output="lic", errors="why", model=MODEL, device="cpu")(batch)
    check(list(done["lic"]), list(done["why"]))
    assert set(batch) == {"picture", "name"}
    assert list(done["name"]) == list("abcd")


def test_tables() -> None:
    arrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    table = arrow.table({"name": list("abcd"), "bytes": arrow.array(ROWS, arrow.binary())})
    done = Encode(errors="why", model=MODEL, device="cpu")(table)
    assert done.schema.names == ["name", "bytes", "why"]
    check(done["bytes"].to_pylist(), done["why"].to_pylist())
    nothing = Encode(errors="why", model=MODEL, device="cpu")(table.slice(1, 1))
    assert nothing.schema == done.schema


def test_frames() -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    frame = pandas.DataFrame({"bytes": objects(ROWS), "schema": 1})  # called as an attribute of pyarrow's tables
    done = Encode(errors="why", model=MODEL, device="cpu")(frame)
    check(list(done["bytes"]), [None if message != message else message for message in done["why"]])
    assert list(frame.columns) == ["bytes", "schema"]


def test_there_and_back() -> None:
    batch = {"bytes": objects([ROWS[0], ROWS[3]])}
    lossless = Encode(lcomp.EncodeOptions(lossless=True), device="cpu")(batch)
    for format, kind in (("png", "PNG"), ("webp", "WEBP")):
        for data, number in zip(Decode(format=format, device="cpu")(lossless)["bytes"], (0, 1), strict=True):
            image = Image.open(BytesIO(data))
            assert image.format == kind
            assert np.array_equal(np.asarray(image.convert("RGB")), np.asarray(noise_image(40, 24, number)))


def test_errors_end_the_pipeline_unless_they_are_kept() -> None:
    with pytest.raises(lcomp.LcompError):
        Encode(model=MODEL, device="cpu")({"bytes": objects(ROWS)})
    with pytest.raises(KeyError):
        Encode(model=MODEL, device="cpu")({"picture": objects(ROWS)})
    with pytest.raises(lcomp.LcompError, match="unknown format"):
        Decode(format="gif")
