"""The inputs of a command, and the names of its outputs."""

import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import NamedTuple

import typer

from lcomp.cli.files import STREAM, printable, shown
from lcomp.errors import LcompError
from lcomp.format.container import MAGIC
from lcomp.pictures.opening import picture_suffixes
from lcomp.places.finding import place

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
    below: PurePath | None = None  # its place in the folder it was found in
    problem: str = ""  # why it cannot be worked on
    is_output: bool = False  # the problem: it is the output of an earlier run


class Found(NamedTuple):
    """What the inputs named lead to."""

    files: list[InputFile]
    others: list[str]  # files in folders that are no inputs, by their suffix


class Planned(NamedTuple):
    """What a command has to do."""

    jobs: list[Job]
    left_out: int = 0  # files in the folders given that are neither inputs nor outputs, by their suffix


def suffix_of(name: str) -> str:
    """The suffix of a file's name, in lower case."""
    return Path(place(name).base).suffix.lower()


def is_folder(name: str) -> bool:
    """Whether a name is known to be that of a folder; False where that cannot be found out."""
    return place(name).is_folder()


def refuse_picture_name(output: str | None, inputs: list[str]) -> None:
    """Refuse an output that is called like a picture: what is written is none.

    An output that is an input itself is left to fail as such.
    """
    if output is None or output == STREAM or output.endswith(("/", os.sep)) or is_folder(output):
        return
    suffix, given = suffix_of(output), place(output)
    if suffix in ("", LIC) or given.is_special() or given.real in [place(name).real for name in inputs]:
        return
    if suffix in picture_suffixes():
        raise typer.BadParameter(printable(f"{output} is the name of a picture: the output is a {LIC} file"))


def find_below(folder: str, suffixes: frozenset[str], apart: bool) -> Found:
    """The files below a folder with one of the suffixes, and the folders that cannot be read, by name.

    Their places are below the name of the folder where it is to be kept `apart` from others.
    """
    given = place(folder)
    tree = given.walk(suffixes)
    top = Path(given.title if apart else "")
    files = [InputFile(name, top / below) for name, below in tree.files]
    locked = [InputFile(name, problem=reason) for name, reason in tree.unreadable]
    return Found(sorted(files + locked, key=lambda found: Path(found.name)), tree.others)


def find(inputs: list[str], suffixes: frozenset[str], recursive: bool) -> Found:
    """The files named, and with `recursive` those with one of the suffixes in the folders named, in order."""
    named = {name for name in inputs if name != STREAM and is_folder(name)}
    folders = {place(name).real for name in named}
    files: list[InputFile] = []
    others: list[str] = []
    for name in inputs:
        if name not in named:
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
    return source != STREAM and not suffix_of(output) and not place(output).is_taken()


def is_to_be_a_file(output: str, suffix: str) -> bool:
    """Whether an output is a file, or is called like one."""
    slash = output.endswith(("/", os.sep))
    given = place(output)
    return not (slash or given.is_folder()) and (given.is_file() or suffix_of(output) == suffix)


def output_name(found: InputFile, output: str | None, suffix: str, several: bool, full: bool = False) -> str:
    """Name of the output of one input: beside it, in the folder `output`, or `output` itself.

    The suffix takes the place of the input's, or with `full` follows it.
    """

    def named(path: PurePath) -> PurePath:
        return path.with_name(path.name + suffix) if full else path.with_suffix(suffix)

    if output == STREAM or (output is None and found.name == STREAM):
        return STREAM
    if output is None:
        given = place(found.name)
        return given.beside(named(Path(given.base)).name)
    if found.below is not None:
        return place(output).inside(named(found.below))
    if several or is_to_be_a_folder(output, found.name):
        name = "stdin" if found.name == STREAM else place(found.name).base
        return place(output).inside(named(Path(name)))
    return output


def without_repetitions(
    found: list[InputFile], outputs: list[str], suffixes: frozenset[str]
) -> Iterator[tuple[InputFile, str]]:
    """Pairs of inputs and outputs without duplicates; an input that is its own output is a problem.

    That is no problem of a file that cannot be decoded, which fails for that reason.
    """
    seen = set()
    for one, output in zip(found, outputs, strict=True):
        names = place(one.name).real, place(output).real
        if names in seen:
            continue
        seen.add(names)
        own = not one.problem and STREAM not in (one.name, output) and names[0] == names[1]
        if own and place(one.name).is_file() and (LIC not in suffixes or is_lic(one.name)):
            yield one._replace(problem=f"output {output} is the input itself"), output
        else:
            yield one, output


def told_apart(names: list[str], full: list[str]) -> list[str]:
    """Names of outputs; those that collide give way to their full names, where these differ."""
    sharing: defaultdict[str, list[int]] = defaultdict(list)
    for number, name in enumerate(names):
        sharing[place(name).landing].append(number)
    result = list(names)
    for numbers in sharing.values():
        if len({place(full[number]).landing for number in numbers}) == len(numbers) > 1:
            for number in numbers:
                result[number] = full[number]
    return result


def is_lic(name: str) -> bool:
    """Whether a file begins with the magic number of .lic files."""
    return place(name).begins_with(MAGIC)


def without_outputs(found: list[InputFile], suffix: str, suffixes: frozenset[str]) -> list[InputFile]:
    """Mark inputs that are outputs of earlier runs as problems: a shell's `*` finds them in the same folder."""

    def is_output(one: InputFile) -> bool:
        named = suffix not in suffixes and suffix_of(one.name) == suffix
        return named and place(one.name).is_file() and is_lic(one.name) == (suffix == LIC)

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
    last = inputs[-1]
    if len(inputs) < 2 or is_folder(last):
        return
    missing, suffix = not place(last).is_taken(), suffix_of(last)
    if len(inputs) > 2:
        output = missing and suffix in results
    elif missing:
        output = last == STREAM or suffix not in suffixes
    else:
        first, second = place(inputs[0]), place(last)
        beside = first.beside("") == second.beside("") and Path(first.base).stem == Path(second.base).stem
        output = suffix in results and not beside and is_lic(last) == (LIC in results)
    if output:
        raise typer.BadParameter(printable(f"{last} looks like an output: name that with -o"))


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
    if not all(name == STREAM or place(name).base or is_folder(name) for name in inputs):
        raise typer.BadParameter("an input is not the name of a file")
    if output is None:
        refuse_two_names(inputs, suffixes, results)
    found, others = find(inputs, suffixes, recursive)
    left_out = sum(suffix_of(name) not in results for name in set(others))
    if not found:
        passed = f" ({counted(left_out)} left out)" if left_out else ""
        raise LcompError(f"nothing to work on in {', '.join(map(shown, inputs))}{passed}")
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
            first = taken.setdefault(place(name).landing, one)
            if first is not one and not (one.below or first.below):
                raise typer.BadParameter(printable(f"several inputs would be written to {name}"))
            if first is not one:
                problem = f"would be written to {name}, as {first.name} is"
        jobs.append(Job(one.name, one.name if one.is_output else name, problem, one.is_output))
    return Planned(jobs, left_out)
