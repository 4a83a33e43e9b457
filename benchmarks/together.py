"""Two commands at once, and Python beside a busy process: with threads that give way and as they are otherwise.

python benchmarks/together.py
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PHOTOS = sorted((Path(__file__).parent.parent / "tests" / "data").glob("*.png"))
SPINS = {"as lcomp sets it": {}, "the default of libgomp": {"GOMP_SPINCOUNT": "300000"}}


BUSY = "while True: pass"
API = """
import sys, time
from PIL import Image
import lcomp
image = Image.open(sys.argv[1])
codec = lcomp.Codec(device="cpu")
codec.encode(image)
start = time.perf_counter()
codec.encode(image)
print(time.perf_counter() - start)
"""


def api_seconds(environment: dict[str, str]) -> float:
    """How long an encode through Python takes beside a process that keeps one processor busy; models are loaded."""
    with subprocess.Popen([sys.executable, "-c", BUSY]) as busy:
        command = [sys.executable, "-c", API, str(PHOTOS[0])]
        try:
            done = subprocess.run(command, env=os.environ | environment, check=True, capture_output=True, text=True)
        finally:
            busy.kill()
    return float(done.stdout)


def seconds(count: int, folder: str, environment: dict[str, str]) -> float:
    """How long `count` commands take that are started together."""
    command = [sys.executable, "-m", "lcomp", "encode", *map(str, PHOTOS), "--quiet", "--device", "cpu", "-f"]
    start = time.perf_counter()
    processes = [
        subprocess.Popen([*command, "-o", f"{folder}/{number}/"], env=os.environ | environment)
        for number in range(count)
    ]
    codes = [process.wait() for process in processes]
    if any(codes):
        raise SystemExit("lcomp failed")
    return time.perf_counter() - start


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, environment in SPINS.items():
            one, two = (seconds(count, folder, environment) for count in (1, 2))
            print(f"{name}: one {one:.1f} s, two at once {two:.1f} s, {two / one:.1f}x", flush=True)
            print(f"{name}: an encode in Python, one processor busy, {api_seconds(environment):.1f} s", flush=True)


if __name__ == "__main__":
    main()
