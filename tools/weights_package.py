"""Make `lcomp-weights-NAME`, a wheel with the TOML and the weights of one model: for those that lcomp does not bring.

    python tools/weights_package.py models/NAME.toml

What is in it lies in the namespace package `lcomp_weights`, where lcomp looks. Takes hatchling, and no network.
"""

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import lcomp
from lcomp.families.registry import told_family
from lcomp.zoo.description import PACKAGES, Description, data_folder, read_table

ROOT = Path(__file__).resolve().parents[1]
CREDITS = ROOT / "weights" / "README.md"

PROJECT = """
[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[project]
name = {name}
version = {version}
description = {summary}
license = "Apache-2.0"
license-files = ["LICENSE", "CREDITS.md"]
requires-python = ">=3.11"
dependencies = {dependencies}

[tool.hatch.build]
ignore-vcs = true

[tool.hatch.build.targets.wheel]
packages = ["{package}"]
"""


def package_name(model: Description) -> str:
    """What `pip install` calls the package of a model."""
    return f"lcomp-weights-{model.name}"


def dependencies(model: Description) -> list[str]:
    """This lcomp or a later one, and the packages of the models that it adds to where lcomp does not bring them."""
    own = data_folder() / "weights"
    others = [package_name(other) for other in model.lineage[1:] if not (own / other.weights).is_file()]
    return [f"lcomp>={lcomp.__version__}", *others]


def checked(path: Path) -> Description:
    """The model of a TOML; ends the program where its name or weights are not fit to be given out."""
    model = told_family(path, table := read_table(path)).read(path, table)
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", model.name):
        sys.exit(f"{path}: a name is of small letters and digits, with hyphens between")
    weights = model.export_path
    if not weights.is_file() or hashlib.sha256(weights.read_bytes()).hexdigest() != model.sha256:
        sys.exit(f"{weights} is not the file that {path} names")
    return model


def write_tree(model: Description, version: str, credits: Path, folder: Path) -> None:
    """Write what the wheel is built from."""
    for source, kind in ((model.source, "models"), (model.export_path, "weights")):
        (folder / PACKAGES / kind).mkdir(parents=True)
        shutil.copyfile(source, folder / PACKAGES / kind / source.name)
    shutil.copyfile(ROOT / "LICENSE", folder / "LICENSE")
    shutil.copyfile(credits, folder / "CREDITS.md")
    project = PROJECT.format(
        name=json.dumps(package_name(model)),
        version=json.dumps(version),
        summary=json.dumps(f"Weights of lcomp: {model.summary}"),
        dependencies=json.dumps(dependencies(model)),
        package=PACKAGES,
    )
    (folder / "pyproject.toml").write_text(project, encoding="utf-8")


def main() -> None:
    """Build the wheel."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("toml", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=Path("dist"), help="folder of the wheel")
    parser.add_argument(
        "--version", default="1.0.0", help="of the package; the weights never change, what is around may"
    )
    parser.add_argument("--credits", type=Path, default=CREDITS, help="whose pictures the weights were trained on")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write_tree(checked(arguments.toml), arguments.version, arguments.credits, Path(folder))
        command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
        subprocess.run([*command, "--directory", str(arguments.output.resolve())], cwd=folder, check=True)


if __name__ == "__main__":
    main()
