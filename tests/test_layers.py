"""The rules of the tree: who may import whom. docs/ARCHITECTURE.md says why."""

import ast
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

from helpers.paths import ROOT

PACKAGE = ROOT / "lcomp"

FLOORS = [
    {"errors", "types", "log", "workers"},
    {"options", "parsing", "files", "places"},
    {"format"},
    {"pictures"},
    {"detection"},
    {"entropy"},
    {"networks"},
    {"zoo"},
    {"model"},
    {"decoding"},
    {"encoding"},
    {"families"},
    # the last is lcomp/__init__.py
    {"about", "api", "cluster", "exchange", "functions", "many", "pillow_plugin", "ray", ""},
    {"training", "evaluation"},
    {"viewer"},
    {"cli"},
    {"__main__"},
]
"""The rooms from the ground up: one imports from its own floor and from those below."""

LIGHT = ["format", "pictures", "detection", "errors", "files", "log", "options", "parsing", "places", "types"]
"""What runs without torch."""

OPEN_TO_CLI = {
    "format",
    "pictures",
    "detection",
    "cluster",
    "pillow_plugin",
    "errors",
    "files",
    "log",
    "options",
    "parsing",
    "places",
    "types",
    "workers",
}
"""What the command line may use beside the public face."""


def module_name(path: Path) -> str:
    """Dotted name below lcomp; that of lcomp itself is empty."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def is_for_types(node: ast.AST) -> bool:
    """Whether this is `if TYPE_CHECKING:`."""
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


@cache
def parsed(name: str) -> ast.Module:
    return ast.parse(MODULES[name].read_text(encoding="utf-8"))


@cache
def imports(name: str) -> frozenset[str]:
    """All that a module imports, in functions too, but for types alone; modules of lcomp as `lcomp.NAME`."""
    found = set()
    nodes: list[ast.AST] = [parsed(name)]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"a relative import in {name}"
            assert node.module is not None
            for alias in node.names:
                inner = f"{node.module}.{alias.name}".removeprefix("lcomp.")
                found.add(f"lcomp.{inner}" if inner in MODULES else node.module)
        nodes += node.orelse if is_for_types(node) else ast.iter_child_nodes(node)  # type: ignore[attr-defined]
    return frozenset(found)


@cache
def inner_imports(name: str) -> frozenset[str]:
    """The modules of lcomp that a module imports, as they are called in MODULES."""
    ours = {imported for imported in imports(name) if imported.partition(".")[0] == "lcomp"}
    return frozenset(imported.removeprefix("lcomp").removeprefix(".") for imported in ours)


def room(name: str) -> str:
    """Package or module right below lcomp; a family's trainer stands with `training`, which finds it by its name."""
    parts = name.split(".")
    return "training" if parts[0] == "families" and parts[2:3] == ["training"] else parts[0]


def family(name: str) -> str | None:
    """The family that a module belongs to."""
    parts = name.split(".")
    inside = parts[0] == "families" and len(parts) > 1 and MODULES[".".join(parts[:2])].name == "__init__.py"
    return parts[1] if inside else None


def modules_of(*rooms: str) -> list[str]:
    return [name for name in MODULES if room(name) in rooms]


def reached(name: str) -> set[str]:
    """A module and all of lcomp that it imports, however indirectly."""
    seen, waiting = set(), [name]
    while waiting:
        if (current := waiting.pop()) not in seen:
            seen.add(current)
            waiting += inner_imports(current)
    return seen


def uses(names: list[str], library: str) -> list[str]:
    """Modules of lcomp that import from a library, of those reached from `names`."""
    within = sorted(set().union(*map(reached, names)))
    return [name for name in within if any(room(imported) == library for imported in imports(name))]


def forbidden(names: list[str], rooms: set[str]) -> list[str]:
    """What the modules import from rooms, or from single modules, that they should not know."""
    return [
        f"{name} imports {imported}"
        for name in names
        for imported in sorted(inner_imports(name))
        if room(imported) in rooms - {room(name)} or imported in rooms
    ]


def check(found: list[str]) -> None:
    """Fail with everything that was found, a line each."""
    assert not found, "\n" + "\n".join(found)


def test_every_room_has_its_floor() -> None:
    assert {room(name) for name in MODULES} == set().union(*FLOORS)


@pytest.mark.parametrize("number", range(len(FLOORS)), ids=lambda number: "+".join(sorted(FLOORS[number])))
def test_nothing_imports_upward(number: int) -> None:
    above = set().union(*FLOORS[number + 1 :])
    check(forbidden(modules_of(*FLOORS[number]), above))


@pytest.mark.parametrize("name", LIGHT)
def test_no_torch_where_no_network_runs(name: str) -> None:
    check(uses(modules_of(name), "torch"))


def test_the_format_knows_neither_pictures_nor_networks() -> None:
    check(uses(modules_of("format"), "PIL"))
    check(forbidden(modules_of("format"), {"pictures", "networks", "entropy", "zoo", "model"}))


def test_networks_are_modules_alone() -> None:
    check(forbidden(modules_of("networks"), {"encoding", "decoding", "zoo", "model", "format.container"}))


def test_a_loaded_model_knows_no_search() -> None:
    check(forbidden(modules_of("model"), {"encoding", "decoding"}))


def test_a_decoder_needs_no_encoder() -> None:
    check([name for name in modules_of("decoding") if any(room(other) == "encoding" for other in reached(name))])


def test_families_know_each_other_by_the_registry_alone() -> None:
    check(
        [
            f"{name} imports {imported}"
            for name in MODULES
            for imported in sorted(inner_imports(name))
            if family(imported) not in (None, family(name))
        ]
    )


def test_only_commands_train_and_evaluate() -> None:
    others = [name for name in MODULES if room(name) not in ("training", "evaluation", "viewer", "cli")]
    check(forbidden(others, {"training", "evaluation"}))
    check(forbidden(modules_of("training"), {"evaluation"}))
    check(forbidden(modules_of("evaluation"), {"training"}))
    check(forbidden(modules_of("viewer"), {"training", "evaluation.codecs"}))


def test_commands_speak_through_the_public_face() -> None:
    closed = {room(name) for name in MODULES} - OPEN_TO_CLI - {"", "cli"}
    own = {
        "cli.train": {"training"},
        "cli.eval": {"evaluation"},
        "cli.eval_work": {"evaluation"},
        "cli.view": {"viewer"},
    }
    check([found for name in modules_of("cli") for found in forbidden([name], closed - own.get(name, set()))])


def test_there_are_no_import_circles() -> None:
    circles = [
        f"{name} and {other}"
        for name in MODULES
        for other in sorted(inner_imports(name))
        if other != name and name in reached(other)
    ]
    check(circles)


def test_no_class_is_called_like_another() -> None:
    places = defaultdict(list)
    for name in MODULES:
        for node in ast.walk(parsed(name)):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(name)
    check([f"{called}: {', '.join(where)}" for called, where in places.items() if len(where) > 1])
