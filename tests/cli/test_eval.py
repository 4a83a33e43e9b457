"""`lcomp eval` as a user runs it: documents, resuming, wrong usage, errors, interrupts."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from helpers.command import PROGRAM, lcomp, one_line
from helpers.pictures import noise_image
from lcomp.cli.app import app
from lcomp.evaluation.journal import Journal


@pytest.mark.slow
def test_the_command_writes_documents_and_goes_on(mixed_folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    arguments = (mixed_folder, "--models", "", "--codecs", "jpeg")
    first = lcomp("eval", *arguments, "--json", "-o", output)
    assert first.returncode == 3
    assert "corrupt.png" in one_line(first)
    document = json.loads(first.stdout)
    assert {row["codec"] for row in document["rows"]} == {"jpeg", ""}
    assert json.loads((output / "results.json").read_text()) == document
    files = ["report.html", "results.csv", "results.json", "rows.jsonl"]
    assert sorted(path.name for path in output.iterdir()) == files
    before = (output / "rows.jsonl").read_bytes()

    second = lcomp("eval", *arguments, "-o", output)
    assert (output / "rows.jsonl").read_bytes() == before
    assert "means over 3 of 4 pictures" in second.stdout.decode()
    assert "JPEG 4:2:0" in second.stdout.decode()
    assert f"lcomp eval {mixed_folder}" in document["command"]
    count = len(document["rows"]) - 1  # without the error
    assert f"going on from {count} rows in {output}" in second.stderr.decode()
    assert "going on" not in one_line(first)

    # several processes measure the same, but for the times
    third = lcomp("eval", *arguments, "--jobs", "2", "--csv")
    with (output / "results.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    for ours, theirs in zip(rows, csv.DictReader(io.StringIO(third.stdout.decode())), strict=True):
        assert bool(ours["encode_seconds"]) == (not ours["error"])
        assert not theirs["encode_seconds"]
        for name in set(ours) - {"encode_seconds", "decode_seconds"}:
            assert ours[name] == theirs[name]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--codecs", "gif"], "unknown codec"),
        (["--models", "", "--codecs", ""], "neither a model nor a codec"),
        (["-q", "-1,4"], "from 0 to 8"),
        (["-q", "high"], "not a list of numbers"),
        (["-q", ""], "from 0 to 8"),
        (["--json", "--csv"], "exclude each other"),
        (["--codecs", "jxl@11"], "jxl@ takes 7, 1, 2"),
        (["--metric", "sharpness"], "unknown metric"),
        (["--models", "lossless"], "with --lossless"),
        (["--max-side", "2"], "--max-side"),
        (["--jobs", "0"], "--jobs"),
        (["pictures"], "a folder and --dataset exclude each other"),
    ],
)
def test_wrong_usage_is_2(mixed_folder: Path, arguments: list[str], text: str) -> None:
    result = CliRunner().invoke(app, ["eval", "--dataset", str(mixed_folder), *arguments])
    assert result.exit_code == 2
    assert text in " ".join(result.stderr.replace("│", " ").split())


def test_errors_are_one_line(mixed_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    for arguments, code, text in (
        (["--dataset", "nowhere"], 1, "neither a folder"),
        (["--models", "nothing"], 4, "unknown model"),
        (["--models", "", "-o", tmp_path], 1, "use -f"),
    ):
        result = lcomp("eval", "--dataset", mixed_folder, *arguments)
        assert (result.returncode, result.stdout) == (code, b"")
        assert text in one_line(result)


@pytest.mark.parametrize("arguments", [["--dataset", ""], [""]])
def test_a_data_set_without_a_name_is_not_kodak(arguments: list[str], tmp_path: Path) -> None:
    result = lcomp("eval", *arguments, "--data", tmp_path, "--models", "", "--codecs", "jpeg")
    assert result.returncode == 2
    assert b"the name of the data set is empty" in result.stderr


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for one process here")
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_an_interrupt_keeps_what_is_finished(tmp_path: Path, jobs: str) -> None:
    pictures, output = tmp_path / "pictures", tmp_path / "out"
    pictures.mkdir()
    noise = np.asarray(noise_image(640, 480))
    for number in range(40):
        Image.fromarray(np.roll(noise, number, 1)).save(pictures / f"{number:02}.png", compress_level=1)
    command = [*PROGRAM, "eval", "--dataset", str(pictures), "--models", "", "--codecs", "webp"]
    command += ["-o", str(output), "--jobs", jobs]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    journal = output / "rows.jsonl"
    deadline = time.monotonic() + 120
    try:
        while not (journal.exists() and journal.read_bytes().count(b"\n") > 3) and time.monotonic() < deadline:
            time.sleep(0.1)
        os.killpg(process.pid, signal.SIGINT)
        stdout, stderr = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == -signal.SIGINT, stderr
    assert b"Traceback" not in stderr
    assert stderr.count(b"lcomp: interrupted; the same command goes on") == 1
    assert stderr.count(b"interrupted") == 1
    assert not stdout
    assert 3 < len(Journal(output).rows) < 360
    assert [path.name for path in output.iterdir()] == ["rows.jsonl"]
