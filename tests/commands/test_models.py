"""`models` lists every model that there is, with its facts."""

from __future__ import annotations

import json

import pytest

from tiny_audio_ssl import cli
from tiny_audio_ssl.models import checkpoint, names


def test_table_has_every_model(sample, capsys):
    assert cli.run(["models"]) == 0
    printed = capsys.readouterr().out
    for name in names.shipped():
        (line,) = [line for line in printed.splitlines() if f" {name} " in line]
        facts = names.facts_of(name)
        assert f"{facts['parameters']:,}" in line and facts["license"] in line


def test_json_has_the_facts(sample, sample_folder, capsys):
    assert cli.run(["models", "--json"]) == 0
    found = {model["name"]: model for model in json.loads(capsys.readouterr().out)}
    assert list(found) == list(names.shipped())
    facts = names.facts_of(sample)
    weights = sample_folder / sample / checkpoint.MODEL
    assert found[sample] == {
        "name": sample,
        "parameters": facts["parameters"],
        "multiply_adds": facts["multiply_adds"],
        "embedding_dim": facts["embedding_dim"],
        "kilobytes": round(weights.stat().st_size / 1000, 1),
        "probe_mean": None,
        "license": "apache-2.0",
        "folder": str(sample_folder / sample),
    }


def test_package_without_models_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(names, "FOLDERS", (tmp_path,))
    assert cli.run(["models"]) == 0
    assert "no model comes with this package" in capsys.readouterr().out


def test_the_usage_of_push_names_it(capsys):
    with pytest.raises(SystemExit):
        cli.run(["models", "push", "--help"])
    assert "usage: tiny-audio-ssl models push [-h] RUN OWNER/NAME" in capsys.readouterr().out
