"""Manual pages, made from the commands themselves."""

import re
from collections.abc import Iterator

import typer
from typer.core import TyperCommand, TyperGroup

from lcomp import __version__

SECTION = 1
"""Section of the manual: programs."""


def escaped(text: str) -> str:
    """Text as roff has it: hyphens that can be copied, backslashes, and no line that would be taken for a request."""
    text = re.sub(r"\s*\n\s*", " ", text.strip())
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text.startswith((".", "'")) else text


def paragraphs(text: str) -> Iterator[str]:
    """The paragraphs of a help text; those of several indented lines, as examples are, stay as they are."""
    for paragraph in re.split(r"\n\s*\n", text.replace("\b\n", "").strip()):
        if all(line.startswith("  ") for line in paragraph.splitlines()):
            yield "\n".join([".PP", ".nf", *map(escaped, paragraph.splitlines()), ".fi"])
        else:
            yield f".PP\n{escaped(paragraph)}"


def page(context: typer.Context, name: str, others: list[str]) -> str:
    """The page of a command called `name`, which points to others."""
    command = context.command
    summary = command.get_short_help_str(limit=200).rstrip(".")
    title = name.replace(" ", "-")
    lines = [f'.TH "{title.upper()}" {SECTION} "" "lcomp {__version__}" "lcomp"', ".SH NAME"]
    lines += [f"{escaped(title)} \\- {escaped(summary)}", ".SH SYNOPSIS", f".B {escaped(name)}"]
    lines += [escaped(" ".join(command.collect_usage_pieces(context))), ".SH DESCRIPTION"]
    lines += paragraphs(command.help or "")
    lines.append(".SH OPTIONS")
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            left, right = parameter.metavar or parameter.name or "", getattr(parameter, "help", None) or ""
        else:
            left, right = parameter.get_help_record(context) or ("", "")
        if left:
            lines += [".TP", f".B {escaped(left)}", escaped(right)]
    if isinstance(command, TyperGroup):
        lines.append(".SH COMMANDS")
        for called, inner in command.commands.items():
            lines += [".TP", f".B {escaped(called)}", escaped(inner.get_short_help_str(limit=200))]
    if command.epilog:
        lines += [".SH EXIT STATUS", escaped(command.epilog.removeprefix("Exit codes: "))]
    lines += [".SH SEE ALSO", ", ".join(f"{escaped(other)}({SECTION})" for other in others if other != title)]
    return "\n".join(lines) + "\n"


def manual(context: typer.Context) -> dict[str, str]:
    """All pages by the names of their files, in the context of any command."""
    group = context.find_root().command
    assert isinstance(group, TyperGroup)
    root = typer.Context(group, info_name="lcomp")
    names = ["lcomp", *(f"lcomp-{name}" for name in group.commands)]
    pages = {f"lcomp.{SECTION}": page(root, "lcomp", names)}
    for name, command in group.commands.items():
        assert isinstance(command, TyperCommand)
        inner = typer.Context(command, info_name=name, parent=root)
        pages[f"lcomp-{name}.{SECTION}"] = page(inner, f"lcomp {name}", names)
    return pages
