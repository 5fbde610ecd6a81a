"""Tables in a narrow terminal: no word is broken, and no value is lost."""

from __future__ import annotations

import io
from types import ModuleType

import pytest
from support.trials import trial

from tiny_audio_ssl import cli
from tiny_audio_ssl.commands import datasets, inspect, models
from tiny_audio_ssl.evaluation.datasets import DATASETS
from tiny_audio_ssl.evaluation.search.summary import trial_table
from tiny_audio_ssl.models import names
from tiny_audio_ssl.utils.console import PlainConsole


@pytest.fixture
def printed(monkeypatch):
    """Run a command of a module in a terminal of 60 characters; return what it prints."""

    def run(module: ModuleType, *argv: str) -> str:
        file = io.StringIO()
        monkeypatch.setattr(module, "out", PlainConsole(file=file, width=60, soft_wrap=True))
        assert cli.run(list(argv)) == 0
        return file.getvalue()

    return run


def test_datasets_are_lines(printed):
    shown = printed(datasets, "datasets")
    for dataset in DATASETS.values():
        facts = datasets.about(dataset)
        assert f"{dataset.name}: {facts['classes']} classes, {facts['size']}\n" in shown
        assert f"  {facts['splitting']}; {facts['license']}\n" in shown


def test_models_fit(printed):
    shown = printed(models, "models")
    assert max(map(len, shown.splitlines())) <= 60
    for name in names.shipped():
        facts = names.facts_of(name)
        (line,) = [line for line in shown.splitlines() if f" {name} " in line]
        assert f"{facts['embedding_dim']:,}" in line and facts["license"] in line


def test_trials_fit():
    trials = [trial(0, {"cola": 1.0}, 0.4), trial(1, {"cola": 1.0, "triplet": 0.25}, 0.5)]
    file = io.StringIO()
    PlainConsole(file=file, width=60).print(trial_table(trials, ("cola", "triplet"), narrow=True))
    assert max(map(len, file.getvalue().splitlines())) <= 60
    assert {"trial", "cola", "triplet", "validation", "test"} <= {*file.getvalue().split()}


def test_a_description_has_no_brackets_and_no_noise(printed):
    shown = printed(inspect, "inspect", names.shipped()[0])
    assert "│ encoder: readout" in shown and "last, middle" in shown
    assert "│ encoder: projection_dim    │ none " in shown
    assert "[" not in shown and "(" not in shown
    outputs = [{"name": "embedding", "shape": ["batch", 768], "exact": True}, {"name": "scores"}]
    ((_, text),) = inspect._flat({"outputs": outputs})
    assert text == "name embedding, shape batch, 768, exact yes; name scores"
