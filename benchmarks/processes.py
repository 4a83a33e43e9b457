"""Training steps of one process with two threads against two processes with one thread each, at the same batches.

python benchmarks/processes.py path/to/pictures
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
MODEL = "hyperprior"
MINUTES = 3.0
PICTURES = 34
"""Pictures to train on, of which every 33rd is held out."""

TORCHRUN = "-m", "torch.distributed.run", "--standalone", "--nproc-per-node"


def speed(processes: int, threads: int, pictures: Path, folder: Path) -> float:
    """Steps of a model per minute, in a run of MINUTES."""
    models, weights = folder / "models", folder / "weights"
    shutil.copytree(ROOT / "models", models)
    shutil.copytree(ROOT / "weights", weights)
    source = models / f"{MODEL}.toml"
    text = re.sub(r"(?m)^minutes = .*$", f"minutes = {MINUTES}", source.read_text(encoding="utf-8"))
    source.write_text(re.sub(r"(?m)^table_crops = .*$", "table_crops = 8", text), encoding="utf-8")
    launcher = (*TORCHRUN, str(processes)) if processes > 1 else ()
    command = [sys.executable, *launcher, "-m", "lcomp", *(["--"] if launcher else []), "train", str(source)]
    command += ["--data", str(pictures), "--run", str(folder / "run"), "--from", str(ROOT / "models" / f"{MODEL}.toml")]
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    subprocess.run([*command, "--no-compile", "--device", "cpu"], env=environment, check=True, capture_output=True)
    last = json.loads((folder / "run" / "metrics.jsonl").read_text().splitlines()[-1])
    return float(last["step"] / last["minutes"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path, help="folder of training pictures")
    files = sorted(path for path in parser.parse_args().pictures.rglob("*") if path.is_file())
    chosen = [path for path in files if path.suffix in (".avif", ".jpg", ".png", ".webp")][:PICTURES]
    with tempfile.TemporaryDirectory() as folder:
        pictures = Path(folder, "pictures")
        pictures.mkdir()
        for path in chosen:
            shutil.copy(path, pictures)
        for processes, threads in ((1, 2), (2, 1)):
            found = speed(processes, threads, pictures, Path(folder, str(processes)))
            print(f"{processes} processes, {threads} threads each: {found:.2f} steps a minute", flush=True)


if __name__ == "__main__":
    main()
