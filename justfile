# Tasks: https://just.systems

# list the tasks
default:
    @just --list

# the fast tests
test *arguments:
    python -m pytest -m "not slow" {{arguments}}

# all tests
test-all *arguments:
    python -m pytest {{arguments}}

# ruff, formatting, mypy
lint:
    ruff check .
    ruff format --check .
    mypy

# the documentation, strictly, into build/site
docs:
    mkdocs build --strict

# the source distribution and the wheel, into dist (needs `pip install build twine`)
packages:
    PIP_CONSTRAINT={{justfile_directory()}}/.ci/build.txt python -m build --outdir dist .
    twine check --strict dist/*

# lcomp-weights-NAME, the wheel of a model that lcomp does not bring, into dist
weights toml:
    python tools/weights_package.py {{toml}}
