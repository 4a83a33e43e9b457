"""The inputs of a command, and the names of its outputs."""

import os
import sys
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import typer

from lcomp.cli.files import STREAM, printable
from lcomp.errors import LcompError
from lcomp.files import walk
from lcomp.format.container import MAGIC

LIC = ".lic"


class Job(NamedTuple):
    """One input and where its output goes."""

    source: str
    output: str
    problem: str = ""  # why it cannot be done
    is_output: bool = False  # the problem: it is the output of an earlier run


class InputFile(NamedTuple):
    """An input file."""

    name: str
    below: Path | None = None  # its place in the folder it was found in
    problem: str = ""  # why it cannot be worked on
    is_output: bool = False  # the problem: it is the output of an earlier run


class Found(NamedTuple):
    """What the inputs named lead to."""

    files: list[InputFile]
    others: list[Path]  # files in folders that are no inputs, by their suffix


class Planned(NamedTuple):
    """What a command has to do."""

    jobs: list[Job]
    left_out: int = 0  # files in the folders given that are neither inputs nor outputs, by their suffix


def is_file(path: Path) -> bool:
    """Whether a path is known to be a file; False where a folder above it cannot be searched."""
    try:
        return path.is_file()
    except OSError:
        return False


def is_folder(name: str) -> bool:
    """Whether a name is known to be that of a folder; False where that cannot be found out."""
    try:
        return Path(name).is_dir()
    except OSError:
        return False


def find_below(folder: str, suffixes: frozenset[str], apart: bool) -> Found:
    """The files below a folder with one of the suffixes, and the folders that cannot be read, by name.

    Their places are below the name of the folder where it is to be kept `apart` from others.
    """
    found = walk(Path(folder), suffixes)
    top = Path(Path(folder).resolve().name if apart else "")
    files = [InputFile(str(path), top / path.relative_to(folder)) for path in found.files]
    locked = [InputFile(str(error.filename), problem=str(error.strerror)) for error in found.errors]
    return Found(sorted(files + locked, key=lambda found: Path(found.name)), found.others)


def find(inputs: list[str], suffixes: frozenset[str], recursive: bool) -> Found:
    """The files named, and with `recursive` those with one of the suffixes in the folders named, in order."""
    folders = {real(name) for name in inputs if name != STREAM and is_folder(name)}
    files: list[InputFile] = []
    others: list[Path] = []
    for name in inputs:
        if name == STREAM or not is_folder(name):
            files.append(InputFile(name))
        elif not recursive and len(inputs) == 1:
            raise typer.BadParameter(printable(f"{name} is a directory: use --recursive"))
        elif not recursive:
            files.append(InputFile(name, problem="is a directory: use --recursive"))
        else:
            below = find_below(name, suffixes, apart=len(folders) > 1)
            files += below.files
            others += below.others
    return Found(files, others)


def is_to_be_a_folder(output: str, source: str) -> bool:
    """Whether the output of an input is a folder, or is called like one: no suffix, or a slash behind its name.

    Of stdin, a name without a suffix is that of a file.
    """
    if is_folder(output) or output.endswith(("/", os.sep)):
        return True
    return source != STREAM and not Path(output).suffix and not os.path.lexists(output)


def is_to_be_a_file(output: str, suffix: str) -> bool:
    """Whether an output is a file, or is called like one."""
    slash = output.endswith(("/", os.sep))
    return not (slash or is_folder(output)) and (is_file(Path(output)) or Path(output).suffix.lower() == suffix)


def output_name(found: InputFile, output: str | None, suffix: str, several: bool, full: bool = False) -> str:
    """Name of the output of one input: beside it, in the folder `output`, or `output` itself.

    The suffix takes the place of the input's, or with `full` follows it.
    """

    def named(path: Path) -> Path:
        return path.with_name(path.name + suffix) if full else path.with_suffix(suffix)

    if output == STREAM or (output is None and found.name == STREAM):
        return STREAM
    if output is None:
        return str(named(Path(found.name)))
    if found.below is not None:
        return str(Path(output) / named(found.below))
    if several or is_to_be_a_folder(output, found.name):
        name = "stdin" if found.name == STREAM else Path(found.name).name
        return str(Path(output) / named(Path(name)))
    return output


def real(name: str) -> str:
    """The canonical name of a file, with symbolic links resolved."""
    return os.path.normcase(os.path.realpath(name))


def landing(name: str) -> str:
    """The canonical name of an output; file systems of macOS usually ignore case and Unicode composition."""
    name = real(name)
    return unicodedata.normalize("NFC", name).casefold() if sys.platform == "darwin" else name


def without_repetitions(
    found: list[InputFile], outputs: list[str], suffixes: frozenset[str]
) -> Iterator[tuple[InputFile, str]]:
    """Pairs of inputs and outputs without duplicates; an input that is its own output is a problem.

    That is no problem of a file that cannot be decoded, which fails for that reason.
    """
    seen = set()
    for one, output in zip(found, outputs, strict=True):
        place = real(one.name), real(output)
        if place in seen:
            continue
        seen.add(place)
        own = not one.problem and STREAM not in (one.name, output) and place[0] == place[1]
        if own and is_file(Path(one.name)) and (LIC not in suffixes or is_lic(Path(one.name))):
            yield one._replace(problem=f"output {output} is the input itself"), output
        else:
            yield one, output


def told_apart(names: list[str], full: list[str]) -> list[str]:
    """Names of outputs; those that collide give way to their full names, where these differ."""
    sharing: defaultdict[str, list[int]] = defaultdict(list)
    for number, name in enumerate(names):
        sharing[landing(name)].append(number)
    result = list(names)
    for numbers in sharing.values():
        if len({landing(full[number]) for number in numbers}) == len(numbers) > 1:
            for number in numbers:
                result[number] = full[number]
    return result


def is_lic(path: Path) -> bool:
    """Whether a file begins with the magic number of .lic files."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def without_outputs(found: list[InputFile], suffix: str, suffixes: frozenset[str]) -> list[InputFile]:
    """Mark inputs that are outputs of earlier runs as problems: a shell's `*` finds them in the same folder."""

    def is_output(one: InputFile) -> bool:
        path = Path(one.name)
        named = suffix not in suffixes and path.suffix.lower() == suffix
        return named and is_file(path) and is_lic(path) == (suffix == LIC)

    problem = f"is a {suffix} file already"
    return [one._replace(problem=problem, is_output=True) if is_output(one) else one for one in found]


def counted(others: int) -> str:
    """How many files are no inputs, for people."""
    return f"{others} other file{'' if others == 1 else 's'}"


def check_names(names: list[str]) -> None:
    """Raise a usage error for empty names, and where stdin is given twice."""
    if "" in names:
        raise typer.BadParameter("a name is empty")
    if names.count(STREAM) > 1:
        raise typer.BadParameter("stdin (-) can be given only once")


def refuse_two_names(inputs: list[str], suffixes: frozenset[str], results: frozenset[str]) -> None:
    """Refuse `IN OUT`, as the tools of other codecs have it: OUT would be taken for an input, another file written.

    An existing OUT is accepted where it is what IN becomes: a shell's `*` may have found both.
    """
    first, last = Path(inputs[0]), Path(inputs[-1])
    if len(inputs) < 2 or is_folder(inputs[-1]):
        return
    missing, suffix = not os.path.lexists(last), last.suffix.lower()
    if len(inputs) > 2:
        output = missing and suffix in results
    elif missing:
        output = inputs[-1] == STREAM or suffix not in suffixes
    else:
        beside = (first.parent, first.stem) == (last.parent, last.stem)
        output = suffix in results and not beside and is_lic(last) == (LIC in results)
    if output:
        raise typer.BadParameter(printable(f"{inputs[-1]} looks like an output: name that with -o"))


def plan(
    inputs: list[str],
    output: str | None,
    suffix: str,
    suffixes: frozenset[str],
    recursive: bool = False,
    results: frozenset[str] = frozenset({LIC}),
) -> Planned:
    """Plan all jobs; raises a usage error for inputs and outputs that do not fit, LcompError where there is no input.

    `suffixes` are those of inputs, `results` those that outputs may have, `suffix` the one that they get. The outputs
    of inputs that differ only in their suffix keep it. Where a file found in a folder still shares its output with
    another, that is no usage error: the second is a job with a problem.
    """
    check_names(inputs)
    if output == "":
        raise typer.BadParameter("the name of the output is empty")
    try:
        Path.cwd()
    except FileNotFoundError as error:
        raise LcompError("the current folder is gone") from error
    if not all(name == STREAM or Path(name).name or is_folder(name) for name in inputs):
        raise typer.BadParameter("an input is not the name of a file")
    if output is None:
        refuse_two_names(inputs, suffixes, results)
    found, others = find(inputs, suffixes, recursive)
    left_out = sum(path.suffix.lower() not in results for path in set(others))
    if not found:
        passed = f" ({counted(left_out)} left out)" if left_out else ""
        raise LcompError(f"nothing to work on in {', '.join(inputs)}{passed}")
    several = len(inputs) > 1 or any(one.below or one.problem for one in found)
    if output == STREAM and several:
        raise typer.BadParameter("several inputs cannot share stdout")
    if output is not None and several and is_to_be_a_file(output, suffix):
        raise typer.BadParameter(printable(f"{output} is the name of a file: several inputs need a directory"))
    if several:
        found = without_outputs(found, suffix, suffixes)
    plain = ["" if one.problem else output_name(one, output, suffix, several) for one in found]
    pairs = list(without_repetitions(found, plain, suffixes))
    sound = [one for one, _ in pairs if not one.problem]
    full = [output_name(one, output, suffix, several, full=True) for one in sound]
    names = iter(told_apart([name for one, name in pairs if not one.problem], full))
    taken: dict[str, InputFile] = {}
    jobs = []
    for one, usual in pairs:
        name, problem = usual, one.problem
        if not problem:
            name = next(names)
            first = taken.setdefault(landing(name), one)
            if first is not one and not (one.below or first.below):
                raise typer.BadParameter(printable(f"several inputs would be written to {name}"))
            if first is not one:
                problem = f"would be written to {name}, as {first.name} is"
        jobs.append(Job(one.name, one.name if one.is_output else name, problem, one.is_output))
    return Planned(jobs, left_out)
