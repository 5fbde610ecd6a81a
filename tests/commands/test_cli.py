"""The main job through the command line, and how it answers what is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile

from tiny_audio_ssl import cli

FAST = ["--encoder.width", "0.25", "--steps", "6", "--batch-size", "8", "--accelerator", "cpu"]


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli") / "run"
    assert cli.run(["pretrain", "builtin:4", "--out", str(folder), *FAST]) == 0
    return folder


def answer(capsys, *arguments: str) -> tuple[int, object]:
    """Exit code, and what `--json` printed."""
    capsys.readouterr()
    code = cli.run([*arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_pretrain_prints_the_next_commands(run_folder, capsys, tmp_path):
    assert cli.run(["pretrain", "builtin:4", "--out", str(tmp_path / "run"), *FAST]) == 0
    printed = capsys.readouterr().out
    assert f"tiny-audio-ssl export {tmp_path / 'run'}" in printed


def test_pretrain_with_another_task(capsys, tmp_path):
    options = ["--task", "audio2vec-cbow", "--pretext.slice-ms", "95", "--pretext.gap-ms", "20"]
    folder = tmp_path / "run"
    code, outcome = answer(capsys, "pretrain", "builtin:4", "--out", str(folder), *options, *FAST)
    assert code == 0 and outcome["step"] == 6
    config = json.loads((folder / "last" / "config.json").read_text())["run"]
    assert config["task"] == "audio2vec-cbow"
    assert config["pretext"] == {"slice_ms": 95.0, "gap_ms": 20.0, "context": 2}


def test_embed_files_and_a_folder(run_folder, capsys, tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / "folder").mkdir()
    for name in ("one.wav", "folder/two.flac", "folder/three.ogg"):
        soundfile.write(tmp_path / name, 0.1 * rng.standard_normal(20_000), 16_000)
    (tmp_path / "folder" / "broken.wav").write_bytes(b"nothing")
    target = tmp_path / "x.parquet"
    sources = [str(tmp_path / "one.wav"), str(tmp_path / "folder")]
    code, said = answer(capsys, "embed", str(run_folder), *sources, "--out", str(target))
    assert code == 0 and said["rows"] == 3
    assert [Path(s["path"]).name for s in said["skipped"]] == ["broken.wav"]
    table = pq.read_table(target)
    assert {Path(p).name for p in table["path"].to_pylist()} == {"one.wav", "two.flac", "three.ogg"}


def test_embed_with_strict(run_folder, capsys, tmp_path):
    (tmp_path / "broken.wav").write_bytes(b"nothing")
    soundfile.write(tmp_path / "good.wav", np.full(9_000, 0.1), 16_000)
    arguments = ["embed", str(run_folder), str(tmp_path), "--out", str(tmp_path / "x.npy")]
    assert cli.run([*arguments, "--strict"]) == 2
    assert "broken.wav" in capsys.readouterr().err
    assert not (tmp_path / "x.npy").exists()


def test_probe_with_baselines(run_folder, capsys):
    arguments = ["probe", str(run_folder), "--data", "builtin:4", "--group", "group"]
    code, results = answer(capsys, *arguments, "--folds", "2")
    assert code == 0
    names = [r["model"] for r in results]
    assert names == [str(run_folder), "random weights", "log-mel statistics"]
    assert all(0 <= r["accuracy"] <= 1 and len(r["folds"]) == 2 for r in results)
    assert results[2]["accuracy"] > 2 / 8  # made-up sounds differ in their spectrum


@pytest.fixture(scope="module")
def export_folder(run_folder):
    options = ["--precision", "fp32", "--parity-clips", "12"]
    assert cli.run(["export", str(run_folder), *options]) == 0
    return run_folder / "export"


def test_export_then_bench(export_folder, capsys, tmp_path):
    table = tmp_path / "x.csv"
    code, rows = answer(capsys, "bench", str(export_folder), "--runs", "3", "--csv", str(table))
    assert code == 0 and len(rows) == 6  # four forms, and eager for each input
    assert all(row["p50_ms"] > 0 and row["device"] and row["version"] for row in rows)
    assert len(table.read_text().splitlines()) == 7


def test_export_that_disagrees_exits_with_1(run_folder, capsys, tmp_path):
    options = ["--format", "onnx", "--input", "mel", "--precision", "int8", "--parity-clips", "12"]
    arguments = ["export", str(run_folder), "--out", str(tmp_path / "x"), *options]
    code, result = answer(capsys, *arguments, "--min-snr-db", "150")
    assert code == 1 and not result["ok"]
    assert (tmp_path / "x" / "encoder.mel.int8.onnx").exists()


def test_inspect_a_run_an_export_and_a_corpus(run_folder, export_folder, capsys):
    _, run = answer(capsys, "inspect", str(run_folder))
    assert run["parameters"] > 0 and run["task"]["name"] == "temporal-gap"
    assert run["multiply-adds of 0.975 s"]["encoder"] > 0
    _, export = answer(capsys, "inspect", str(export_folder))
    assert "encoder.waveform.fp32.pte" in export
    _, corpus = answer(capsys, "inspect", "builtin:4")
    assert corpus["recordings"] == 32 and corpus["columns"]["label"].startswith("8 values")
    assert cli.run(["inspect", str(run_folder)]) == 0
    assert "temporal-gap" in capsys.readouterr().out


def test_help_names_every_command_and_option(capsys):
    for arguments in (["--help"], ["pretrain", "--task", "audio2vec-cbow", "--help"]):
        with pytest.raises(SystemExit) as end:
            cli.run(arguments)
        assert end.value.code == 0
    printed = capsys.readouterr().out
    for word in ("pretrain", "embed", "probe", "export", "bench", "inspect", "--pretext.gap-ms"):
        assert word in printed


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["pretain", "x"], "choose from pretrain, resume"),
        (["pretrain", "x", "--task", "rotnet"], "choose from temporal-gap"),
        (["pretrain", "builtin:2", "--encoder.name", "vgg"], "choose from mobile, separable"),
        (["pretrain", "/nowhere"], "not found"),
        (["embed", "/nowhere", "builtin:2"], "pretrain FOLDER --out RUN"),
        (["probe", "--data", "builtin:2"], "no run given"),
        (["export", "/nowhere"], "no checkpoint there"),
        (["bench", "/nowhere"], "manifest.json"),
        (["resume", "/nowhere"], "no checkpoint there"),
    ],
)
def test_user_errors_are_one_sentence(arguments, said, capsys):
    try:
        code = cli.run(arguments)
    except SystemExit as end:
        code = end.code
    printed = capsys.readouterr()
    assert code == 2
    # Wrapped as the terminal is wide.
    assert said in " ".join(printed.err.split()) and "Traceback" not in printed.err


def test_empty_folder_lists_the_suffixes(capsys, tmp_path):
    (tmp_path / "notes.txt").write_text("no sound")
    assert cli.run(["pretrain", str(tmp_path), "--out", str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err
    assert ".wav" in said and ".txt" in said
    assert not (tmp_path / "run").exists()


def test_python_m_tiny_audio_ssl(tmp_path):
    command = [sys.executable, "-m", "tiny_audio_ssl", "pretain"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 2 and "choose from" in done.stderr
