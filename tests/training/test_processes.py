import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from torch import distributed, multiprocessing, nn

from helpers.models import TINY_MODEL
from lcomp.errors import LcompError
from lcomp.training.processes import ALONE, LostProcessError, Processes, joined_processes
from lcomp.training.recipe import read_recipe
from lcomp.training.run import Setting, read_checkpoint
from lcomp.training.task import read_task, setting_of

CPU = torch.device("cpu")

LAYER = (5, 3)


def test_a_process_alone_agrees_with_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "1")
    with joined_processes() as processes:
        assert processes is ALONE
        assert not distributed.is_initialized()
    assert ALONE.leads
    assert ALONE.part("abc") == ["a", "b", "c"]
    assert ALONE.agree(2.5) == 2.5
    assert ALONE.device("auto") == "auto"
    layer = nn.Linear(*LAYER)
    layer(torch.ones(LAYER[0])).sum().backward()
    before = layer.weight.grad
    ALONE.average_gradients(layer.parameters())
    assert layer.weight.grad is before


def test_processes_share_pictures_and_batches(model_file: Path, pictures: Path, tmp_path: Path) -> None:
    parts = [Processes(rank, 3).part(range(10)) for rank in range(3)]
    assert sorted(item for part in parts for item in part) == list(range(10))
    recipe = read_recipe(model_file)
    assert [stage.batch for stage in recipe.divided(2).stages] == [1]
    with pytest.raises(LcompError, match="batches of 2 cannot be divided among 3 processes"):
        recipe.divided(3)
    setting = setting_of(read_task(model_file), pictures, tmp_path, "cpu", False, 10**6, Processes(1, 2))
    assert [stage.batch for stage in setting.recipe.stages] == [1]
    pools = setting.start()
    assert len(pools.train.sizes) == len(pools.validation.sizes) == 2
    with pytest.raises(LcompError, match="fewer training pictures than processes"):
        Setting(recipe, pictures, tmp_path, CPU, compiled=False, processes=Processes(4, 5)).start()


class Seen(NamedTuple):
    """What a process has found."""

    weight: torch.Tensor
    gradient: torch.Tensor
    agreed: float
    mean: float


def samples(count: int) -> torch.Tensor:
    return torch.linspace(-1, 2, count * LAYER[0]).view(count, LAYER[0]).sin()


def train_together(rank: int, folder: Path) -> None:
    """One of two processes, which starts from other weights than the other."""
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_RANK": str(rank)}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": (folder / "port").read_text()}
    torch.manual_seed(rank)
    layer = nn.Sequential(nn.Linear(*LAYER), nn.BatchNorm1d(LAYER[1])).eval()
    with joined_processes() as processes:
        assert processes.leads == (rank == 0)
        processes.agree_on_weights(layer)
        layer(samples(8)[rank::2]).square().mean().backward()
        processes.average_gradients(layer.parameters())
        agreed, mean = processes.agree(float(rank + 7)), processes.mean(torch.tensor(float(rank)))
        first = layer.get_submodule("0")
        assert isinstance(first, nn.Linear)
        assert first.weight.grad is not None
        torch.save(Seen(first.weight.detach(), first.weight.grad, agreed, mean.item())._asdict(), folder / str(rank))
        if rank == 0:
            distributed.barrier()
            with pytest.raises(LostProcessError, match="another process of this run has ended"):
                processes.agree(1.0) and processes.mean(torch.tensor(1.0))
        else:
            distributed.barrier()
            os._exit(0)


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.skipif(not distributed.is_available(), reason="this torch has no distributed package")
def test_gradients_are_those_of_the_whole_batch(tmp_path: Path) -> None:
    store = distributed.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    port = store.port
    del store
    (tmp_path / "port").write_text(str(port))
    multiprocessing.spawn(train_together, (tmp_path,), nprocs=2)
    first, second = (Seen(**torch.load(tmp_path / str(rank), weights_only=True)) for rank in range(2))
    assert torch.equal(first.weight, second.weight)
    assert torch.equal(first.gradient, second.gradient)
    assert first.agreed == second.agreed == 7
    assert first.mean == second.mean == 0.5
    torch.manual_seed(0)
    layer = nn.Sequential(nn.Linear(*LAYER), nn.BatchNorm1d(LAYER[1])).eval()
    layer(samples(8)).square().mean().backward()
    alone = layer.get_submodule("0")
    assert isinstance(alone, nn.Linear)
    torch.testing.assert_close(first.gradient, alone.weight.grad)


def torchrun(count: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `lcomp` in so many processes."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count)]
    command = [*launcher, "-m", "lcomp", "--", *arguments]  # else it takes --run for an abbreviation of its own
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=600, env=environment)


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.skipif(sys.platform == "win32", reason="torchrun's standalone mode needs libuv on Windows")
def test_two_processes_train_one_model(model_file: Path, pictures: Path, tmp_path: Path) -> None:
    model_file.write_text(TINY_MODEL.replace("minutes = 0.05", "minutes = 0.1"))
    run = tmp_path / "run"
    arguments = ["train", str(model_file), "--data", str(pictures), "--run", str(run), "--device", "cpu"]
    result = torchrun(2, *arguments, "--no-compile", "--every", "0.04")
    assert result.returncode == 0, result.stderr
    lines = (run / "log.txt").read_text().splitlines()
    assert len(re.findall("validation", result.stderr)) == len(lines) >= 2  # only one of them reports
    costs = [json.loads(line)["validation_cost"] for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert costs[-1] < costs[0]
    assert (model_file.parent.parent / "weights").is_dir()
    state = read_checkpoint(run, CPU)
    assert state["step"] > 0
    # what several have trained goes on in one
    model_file.write_text(model_file.read_text().replace("minutes = 0.1", "minutes = 0.12"))
    result = torchrun(1, *arguments, "--no-compile")
    assert result.returncode == 0, result.stderr
    assert "going on from" in result.stderr
    assert read_checkpoint(run, CPU)["step"] > state["step"]
