"""Recipes are the options they stand for: typed, from a checkout, or installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.paths import ROOT

from tiny_audio_ssl import UserError, cli
from tiny_audio_ssl.commands.export import Export
from tiny_audio_ssl.commands.export_training import ExportTraining
from tiny_audio_ssl.export import recipe
from tiny_audio_ssl.export.config import ExportConfig

SAME = {
    "smallest": ["--input", "waveform", "--target-snr-db", "25"],
    "fastest": ["--precision", "int8", "--input", "waveform"],
    "live-microphone": [
        "--precision",
        "int8",
        "--input",
        "stream",
        "--packet-ms",
        "160",
        "--background",
    ],
    "heads": ["--precision", "int8", "--input", "waveform"],
    "web": [
        "--format",
        "onnx",
        "--precision",
        "int8",
        "fp32",
        "--input",
        "stream",
        "waveform",
        "--packet-ms",
        "160",
        "--background",
    ],
}


def config(*options: str) -> ExportConfig:
    command = cli.parse(["export", "RUN", *options])
    assert isinstance(command, Export)
    return command.config


def test_every_recipe_is_known():
    assert recipe.names() == sorted([*SAME, "training"])
    assert all(name in (Export.__doc__ or "") + Path(ROOT / "export" / "README.md").read_text()
               for name in recipe.names())  # fmt: skip


@pytest.mark.parametrize("name", sorted(SAME))
def test_a_recipe_is_the_options_that_it_stands_for(name):
    assert config("--recipe", name) == config(*SAME[name]) == recipe.read(name).config
    config("--recipe", name).check()
    assert config(f"--recipe={ROOT / 'export' / name}.toml") == config(*SAME[name])


def test_options_win_over_the_recipe():
    given = ["--precision", "fp32", "int8", "--packet-ms", "80"]
    before, after = (
        config(*given, "--recipe", "live-microphone"),
        config("--recipe", "live-microphone", *given),
    )
    assert before == after
    assert (before.precision, before.packet_ms) == (("fp32", "int8"), 80.0)
    assert before.input == ("stream",)


def test_the_training_recipe_is_for_the_other_command():
    for name in ("export", "export-training"):
        command = cli.parse([name, "RUN", "--recipe", "training"])
        assert isinstance(command, ExportTraining) and command.config.batch_size == 8
    with pytest.raises(UserError, match="tiny-audio-ssl export RUN --recipe smallest"):
        cli.parse(["export-training", "RUN", "--recipe", "smallest"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("licence = 'mit'", "licence is not a setting; expected format, precision"),
        ("window_ms = 'long'", "window_ms = 'long'; expected float, such as 975.0"),
        ("parity_clips = true", "parity_clips = True; expected int, such as 100"),
        ("input = 'mel'", "input = 'mel'; expected a list of strings"),
        ("command = 'bench'", "command 'bench'; expected export or export-training"),
        ("input = ", "not TOML"),
    ],
)
def test_a_faulty_recipe_is_refused(tmp_path, text, said):
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(UserError, match=said):
        recipe.read(file)


def test_unknown_recipes_name_the_known_ones(tmp_path):
    with pytest.raises(UserError, match="fastest, heads, live-microphone, smallest, training"):
        recipe.read("nonsense")
    with pytest.raises(UserError, match="can't be read"):
        recipe.read(tmp_path / "absent.toml")


def test_from_a_checkout_and_from_the_options_come_the_same_bytes(small_run, tmp_path):
    """`python export` from another folder, beside the command with the options spelled out."""
    few = ["--format", "onnx", "--calibration-clips", "8", "--parity-clips", "2"]
    few += ["--min-snr-db", "10"]  # of random weights
    command = [sys.executable, str(ROOT / "export"), str(small_run), "--recipe", "fastest", *few]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    subprocess.run(
        [*command, "--out", "recipe"], cwd=tmp_path, env=environment, check=True,
        capture_output=True,
    )  # fmt: skip
    options = [*SAME["fastest"], *few, "--out", str(tmp_path / "options")]
    assert cli.run(["export", str(small_run), *options]) == 0
    made = sorted(path.name for path in (tmp_path / "options").iterdir())
    assert made == sorted(path.name for path in (tmp_path / "recipe").iterdir())
    for name in made:
        first, second = (tmp_path / folder / name for folder in ("options", "recipe"))
        assert first.read_bytes() == second.read_bytes(), name
