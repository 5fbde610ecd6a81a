"""Output of each command in a terminal, with `NO_COLOR`, in a narrow window and in a pipe."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable
from typing import NamedTuple

import pytest
from rich.table import Table

from tiny_audio_ssl import cli
from tiny_audio_ssl.commands.registry import COMMANDS
from tiny_audio_ssl.utils.console import PlainConsole
from tiny_audio_ssl.utils.progress import ProgressBar

BOX = re.compile("[╭╮╰╯│─]")


class Stream(io.StringIO):
    """A terminal, or a pipe."""

    encoding = "utf-8"

    def __init__(self, *, is_terminal: bool) -> None:
        super().__init__()
        self.is_terminal = is_terminal

    def isatty(self) -> bool:
        return self.is_terminal


class Written(NamedTuple):
    """The exit code of a command, and what it wrote."""

    code: int
    out: str
    err: str


@pytest.fixture
def run(monkeypatch) -> Callable[..., Written]:
    """Run a command with its output in a terminal of some columns, or in a pipe."""

    def started(*argv: str, columns: int = 60, is_terminal: bool = True) -> Written:
        streams = [Stream(is_terminal=is_terminal) for _ in range(2)]
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", streams[0])
            patch.setattr(sys, "stderr", streams[1])
            patch.setenv("COLUMNS", str(columns))
            patch.setenv("TERM", "xterm")
            try:
                code = cli.run(list(argv))
            except SystemExit as ended:
                code = int(ended.code or 0)
        return Written(code, *(stream.getvalue() for stream in streams))

    return started


def words(text: str) -> list[str]:
    """Return the words, each choice of a list for itself, without the boxes around them."""
    return sorted(re.split(r"[\s,]+", BOX.sub(" ", text)))


@pytest.mark.parametrize("command", [*COMMANDS, "federate simulate", "federate enroll"])
def test_help(run, monkeypatch, command):
    monkeypatch.setenv("NO_COLOR", "1")
    narrow, wide = (run(*command.split(), "--help", columns=columns) for columns in (60, 160))
    assert (narrow.code, narrow.err) == (0, "") and "\x1b" not in narrow.out
    assert max(map(len, narrow.out.splitlines())) <= 60
    assert words(narrow.out) == words(wide.out)  # none is cut
    assert not re.search(r"\(default:[\s│]*\)", narrow.out + wide.out)


@pytest.mark.parametrize("command", COMMANDS)
def test_an_error_is_on_stderr(run, command):
    found = run(command, "--nothing", is_terminal=False)
    assert (found.code, found.out) == (2, "") and "\x1b" not in found.err
    assert re.search("--nothing|error:|(Missing|Required|required) ", found.err)


def test_a_terminal_has_styles_unless_no_color_is_set(run, monkeypatch):
    assert "\x1b" in run("embed", "--help").out and "\x1b" in run("nothing").err
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in run("nothing").err


@pytest.mark.parametrize("no_color", ["", "1"])
def test_a_terminal_is_as_wide_as_it_is(monkeypatch, no_color):
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setenv("COLUMNS", "57")
    assert PlainConsole(file=Stream(is_terminal=True)).width == 57
    assert PlainConsole(file=Stream(is_terminal=True), width=40).width == 40


@pytest.mark.parametrize("no_color", ["", "1"])
def test_a_pipe_gets_whole_lines_and_no_bar(monkeypatch, no_color):
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.delenv("COLUMNS", raising=False)
    pipe = Stream(is_terminal=False)
    console = PlainConsole(file=pipe)
    with ProgressBar("steps", 2, console=console) as bar:
        bar.advance(2)
    assert pipe.getvalue() == ""
    table = Table(show_header=False)
    table.add_row("sha256", "0123456789" * 20)
    console.print(table)
    assert "0123456789" * 20 in pipe.getvalue()


def test_without_codes_progress_is_a_line_for_each_tenth(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    terminal = Stream(is_terminal=True)
    console = PlainConsole(file=terminal, width=60)
    with console.status("starting"), ProgressBar("steps", 40, completed=20, console=console) as bar:
        for step in range(21, 41):
            bar.update(step, "loss 0.2")
    lines = terminal.getvalue().splitlines()
    assert lines == [f"steps: {step} of 40 loss 0.2" for step in (24, 28, 32, 36, 40)]
