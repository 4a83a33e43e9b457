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

# the wheel, into dist
wheel:
    python -m pip wheel --no-deps --wheel-dir dist .
