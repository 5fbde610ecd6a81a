"""The page `reference/commands.md`: every command and option, from the commands' own `--help`."""

from __future__ import annotations

import contextlib
import io
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from unittest import mock

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from tiny_audio_ssl import cli
from tiny_audio_ssl.commands.registry import COMMANDS
from tiny_audio_ssl.pretext.registry import TASKS

PAGE = "reference/commands.md"
SUBCOMMANDS = {
    "federate": ("simulate", "loopback", "device-folder", "enroll"),
    "models": ("push",),
}
INTRODUCTION = """# Commands

`tiny-audio-ssl COMMAND --help` prints what this page says about a command. Commands with `--json`
print the result in a format for other programs. Results go to standard output, and progress,
warnings and errors to standard error. With the environment variable `NO_COLOR`, nothing is colored.
In a pipe, each row of a table is one line.

Exit codes: 0: success; 1: finished, but a check failed (parity, verify); 2: wrong arguments or
files, which the message explains; 130: interrupted, with a checkpoint to resume from.
"""


@dataclass
class Section:
    """A box of a help text: its title, and options with their help."""

    title: str
    text: list[str] = field(default_factory=list)
    options: dict[str, str] = field(default_factory=dict)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    files.append(File.generated(config, PAGE, content="\n".join(page())))
    return files


def page() -> Iterator[str]:
    yield INTRODUCTION
    for name in COMMANDS:
        yield from described(2, name)
        for action in SUBCOMMANDS.get(name, ()):
            yield from described(3, name, action)
        if name == "pretrain":
            yield from described_tasks()


def described(level: int, *command: str) -> Iterator[str]:
    """Yield the usage, the introduction and the options of a command."""
    usage, introduction, sections = parsed(help_text(*command))
    yield f"{'#' * level} {' '.join(command)}\n"
    yield f"```text\n{usage}\n```\n\n{introduction}\n"
    for section in sections:
        if section.title.startswith(("pretext", "subcommands")):
            continue
        if section.title not in ("options", "positional arguments"):
            yield f"**{section.title[:1].upper()}{section.title[1:]}.** {' '.join(section.text)}\n"
        yield from listed(section.options)


def described_tasks() -> Iterator[str]:
    """Yield the options that each pretext task adds to `pretrain`."""
    yield "### pretrain: options of each task\n"
    for task in TASKS:
        for section in parsed(help_text("pretrain", "--task", task))[2]:
            if section.title.startswith("pretext"):
                yield f"**`--task {task}`**: {' '.join(section.text)}\n"
                yield from listed(section.options)


def listed(options: dict[str, str]) -> Iterator[str]:
    """Yield a definition list; an option that may be left out needs no `None`."""
    for option, text in options.items():
        if "--help" not in option:
            text = text.removesuffix("(default: None)").rstrip()
            yield f"`{option.replace('{None}|', '')}`\n:   {text}\n"


def help_text(*argv: str) -> str:
    """Return what the program prints for `--help`, 80 columns wide."""
    shown = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")  # tyro draws boxes for this encoding
    with (
        mock.patch.dict(os.environ, {"COLUMNS": "80", "NO_COLOR": "1"}),
        contextlib.redirect_stdout(shown),
        contextlib.suppress(SystemExit),
    ):
        cli.parse([*argv, "--help"])
    shown.seek(0)
    return shown.read()


def parsed(text: str) -> tuple[str, str, list[Section]]:
    """Take a help text apart: usage, introduction in Markdown, and sections."""
    head, *boxes = re.split(r"^╭─ (.*?) ─*╮$", text, flags=re.MULTILINE)
    usage, _, introduction = head.strip().partition("\n\n")
    if not boxes:
        raise ValueError(f"a help text without boxes: {text}")
    titles, bodies = boxes[::2], boxes[1::2]
    sections = [section(title, body) for title, body in zip(titles, bodies, strict=True)]
    return usage.removeprefix("usage: "), introduction.strip(), sections


def section(title: str, body: str) -> Section:
    """Read the lines of a box: an option begins at its left edge, its help is indented."""
    lines = [line[2:-1].rstrip() for line in body.splitlines() if line.startswith("│")]
    found = Section(title)
    if any(set(line) == {"─"} for line in lines):  # a description stands above a rule
        rule = next(i for i, line in enumerate(lines) if set(line) == {"─"})
        found.text, lines = lines[:rule], lines[rule + 1 :]
    entries: list[list[str]] = []  # name and help
    for line in lines:
        if not line[:1].strip():
            entries[-1][1] += f" {line.strip()}"
        elif entries and entries[-1][0].count("{") > entries[-1][0].count("}"):
            entries[-1][0] += f" {line}"  # choices that take several lines
        else:
            name, _, text = line.partition("  ")
            entries.append([name, text.strip()])
    found.options = {name: text.strip() for name, text in entries}
    return found
