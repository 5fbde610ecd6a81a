"""The programs in `examples/`: each runs, is short, and imports only what docs/api.md names."""

from __future__ import annotations

import ast
import re
import runpy
import sys
from pathlib import Path

import pytest
from support.paths import ROOT

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
ACCURACY = r": accuracy [01]\.\d\d \[[01]\.\d\d, [01]\.\d\d\]"
PRINTED = {  # each line, or each kind of line, that a program has to print
    "compare_models.py": [r"band energies: 0\.\d\d, by ", "small: 0", "log-mel statistics: 0"],
    "export_and_run.py": [
        "agrees with the model: True; intact: True",
        r"encoder\.waveform\.int8\.onnx: an embedding of \d{3} numbers",
    ],
    "find_moments.py": [r"best match at 8\.\d\d s, cosine 0\.\d\d"],  # the third of four, 6 to 9 s
    "find_similar.py": [r"clicks-003\.wav: clicks-00[012]\.wav, cosine 0\.\d\d"],
    "pretext_task.py": ["BandLevels keeps the contract"],
    "train.py": ["100 steps;", f"runs/example{ACCURACY}", f"random weights{ACCURACY}"],
}


def test_every_program_is_listed():
    names = [path.name for path in EXAMPLES]
    readme = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    assert names == sorted(PRINTED)
    assert [name for name in names if f"({name})" not in readme] == []


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_runs(path: Path, tmp_path: Path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(path)])
    runpy.run_path(str(path), run_name="__main__")
    shown = capsys.readouterr().out
    assert [line for line in PRINTED[path.name] if not re.search(line, shown)] == [], shown


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_is_short_and_uses_documented_modules(path: Path):
    source = path.read_text(encoding="utf-8")
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    imports = [n.module or "" for n in ast.walk(ast.parse(source)) if isinstance(n, ast.ImportFrom)]
    ours = [name for name in imports if name.startswith("tiny_audio_ssl.")]
    assert len(source.splitlines()) <= 40
    assert [name for name in ours if name not in page] == []
