"""The recipe of the shipped encoders, and the variants that it is compared with."""

from __future__ import annotations

import inspect

import pytest
from support.scripts import BENCHMARKS, imported

WINDOWS = "path,tier\n" + "a.flac,permissive\n" * 96 + "b.flac,copyleft\n" * 160


@pytest.fixture(scope="module")
def scripts():
    """`train` and `ablations`, imported as they are run."""
    with imported("train", "ablations", folder=BENCHMARKS / "weights") as found:
        yield found


@pytest.fixture
def windows(tmp_path):
    (tmp_path / "windows.csv").write_text(WINDOWS)
    return tmp_path / "windows.csv"


def recipe(scripts, windows, **changes):
    given = {"size": "small", "windows": windows, "mn04": "mn04.safetensors", "out": "run"}
    return scripts[0].Train(**{**given, **changes})


def test_steps_follow_from_passes_views_and_windows(scripts, windows):
    config = scripts[0].configuration(recipe(scripts, windows, passes=3))
    assert config.training.steps == 3 * 2 * 256 / 128
    assert config.encoder.name == "dense" and config.encoder.width == 1.35
    assert config.pretext.paths() == ["mn04.safetensors", None, None]
    assert config.pretext.speech_teacher == ("resemblyzer_embedding",)


def test_variant_with_both_tiers_takes_other_windows(scripts, windows, monkeypatch):
    ablations, trained = scripts[1], []
    monkeypatch.setattr(ablations.train, "main", trained.append)
    monkeypatch.setattr(ablations, "_scored", lambda run, tasks: iter(()))
    monkeypatch.setattr(ablations, "read_suite", lambda suite, data: [])
    both = windows.with_name("both.csv")
    names = ("as shipped", ablations.BOTH_TIERS)
    places = {"data": windows.parent, "windows": windows, "both_tiers": both, "mn04": windows}
    table = windows.parent / "ablations.csv"
    ablations.main(ablations.Ablations(**places, variants=names, seeds=(0,), csv=table))
    assert [run.windows for run in trained] == [windows, both]


def test_variants_change_settings_that_there_are(scripts, windows):
    train, ablations = scripts
    known = inspect.signature(train.Train).parameters
    for name, changes in ablations.VARIANTS.items():
        assert set(changes) <= set(known), name
        train.configuration(recipe(scripts, windows, **changes))
