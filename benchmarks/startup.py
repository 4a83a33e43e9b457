"""Start-up: `lcomp encode` and `decode` of one photograph, against `import torch` and the same within a process.

    python benchmarks/startup.py

What a command takes is given in relation to Python with torch plus a second picture in a process that is running.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from timing import median_seconds

import lcomp

PHOTO = Path(__file__).parent.parent / "tests" / "data" / "kodim05.png"


def python(*arguments: str) -> None:
    """Run Python."""
    subprocess.run([sys.executable, *arguments], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=9)
    runs = parser.parse_args().runs
    bare = median_seconds(lambda: python("-c", "import torch"), runs)
    print(f"import torch: {bare:.2f} s")
    with tempfile.TemporaryDirectory() as folder:
        coded, decoded = f"{folder}/photo.lic", f"{folder}/photo.png"
        codec = lcomp.Codec(device="cpu")

        def encode() -> None:
            with Image.open(PHOTO) as image:
                Path(coded).write_bytes(codec.encode(image))

        def decode() -> None:
            codec.decode(Path(coded).read_bytes()).save(decoded)

        commands = {"encode": (encode, str(PHOTO), coded), "decode": (decode, coded, decoded)}
        for name, (second, source, output) in commands.items():
            arguments = ["-m", "lcomp", name, source, "-o", output, "--device", "cpu", "--quiet", "-f"]
            warm, whole = median_seconds(second, runs), median_seconds(lambda: python(*arguments), runs)  # noqa: B023
            print(f"{name}: {whole:.2f} s, within a process {warm:.2f} s, {whole / (bare + warm):.2f}x", flush=True)


if __name__ == "__main__":
    main()
