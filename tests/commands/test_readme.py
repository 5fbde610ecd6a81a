"""The console of the README: lines that its commands print today, with the measured numbers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from rich.console import Console
from support.paths import ROOT
from support.scores import score

from tiny_audio_ssl import cli
from tiny_audio_ssl.commands.export_tables import artifact_table
from tiny_audio_ssl.commands.pretrain import _report_run
from tiny_audio_ssl.evaluation.probing.tables import task_table
from tiny_audio_ssl.export.artifact_builder import ExportedArtifact
from tiny_audio_ssl.export.exporter import ExportResult
from tiny_audio_ssl.export.forms import Form
from tiny_audio_ssl.export.parity import Parity
from tiny_audio_ssl.training.trainer import TrainingResult
from tiny_audio_ssl.utils.files import read_rows


@pytest.fixture(scope="module")
def shown() -> dict[str, list[str]]:
    """The lines that follow each command, by the command."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (console,) = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    blocks = re.split(r"^\$ tiny-audio-ssl ", console, flags=re.MULTILINE)[1:]
    return {block.split()[0]: block.splitlines() for block in blocks}


def form(line: str) -> str:
    """Return a line without its numbers and the space between its columns."""
    return " ".join(re.sub(r"\d[\d.]*", "#", line).split())


def forms_of(table: object) -> list[str]:
    console = Console(width=200)
    with console.capture() as capture:
        console.print(table)
    return [form(line) for line in capture.get().splitlines()]


def test_commands_are_understood(shown):
    assert list(shown) == ["embed", "pretrain", "probe", "export"]
    for command, *_ in shown.values():
        cli.parse(command.split())


def test_numbers_are_those_that_were_printed(shown):
    rows = read_rows(ROOT / "benchmarks" / "results" / "first_minutes.csv")
    for typed, *lines in shown.values():
        printed = [row["line"] for row in rows if row["command"] == f"tiny-audio-ssl {typed}"]
        for line in lines:
            assert any(kept.startswith(" ".join(line.split())) for kept in printed), line


def test_pretrain(shown, capsys):
    _report_run(Path("runs/first"), TrainingResult(300, 0.2, 0.3, 300, 61.0, Path("x")), False)
    assert form(capsys.readouterr().out).startswith(form(shown["pretrain"][1]))  # then the speed


def test_probe(shown):
    names = ["runs/first", "random weights", "log-mel statistics"]
    found = forms_of(task_table([score(name, 8, "label in builtin") for name in names]))
    _, title, *rows = map(form, shown["probe"])
    begin = "label in builtin: # clips, # classes; accuracy [# %, "  # then where they are from
    assert title.startswith(begin) and " ".join(found).startswith(begin)
    assert set(rows) <= set(found)


def test_export(shown):
    parity = Parity(100, 0.1, 0.9996, 0.99, 24.1, 20.0, {})
    files = [line.split()[0] for line in shown["export"][2:]]
    artifacts = [
        ExportedArtifact(Form("onnx", "int8", "waveform"), Path(file), 139_000, parity, None)
        for file in files
    ]
    found = forms_of(artifact_table(ExportResult(Path("x"), Path("y"), tuple(artifacts), ())))
    for line in map(form, shown["export"][1:]):
        assert line.replace("# # # # yes", "# # # yes") in found  # only a .pte has operators
