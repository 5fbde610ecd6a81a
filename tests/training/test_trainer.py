"""Runs are killed, interrupted, split over processes and led astray; what is saved stays right."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from contract.task_settings import SETTINGS
from support.programs import start_program

from tiny_audio_ssl import UserError, cli
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.pretext import PRETEXTS
from tiny_audio_ssl.training import runs
from tiny_audio_ssl.training.config import PretrainConfig, TrainingConfig
from tiny_audio_ssl.training.metrics_log import spread
from tiny_audio_ssl.training.trainer import TrainingStoppedError

SMALL = EncoderConfig(width=0.25, norm="group")
SHORT = TrainingConfig(
    steps=24,
    batch_size=8,
    warmup_steps=4,
    log_every=1,
    validate_every=6,
    checkpoint_every=6,
    held_out=0.2,
    accelerator="cpu",
)
FLAGS = [
    *("--encoder.width", "0.25", "--encoder.norm", "group", "--batch-size", "8"),
    *("--warmup-steps", "4", "--log-every", "1", "--validate-every", "6"),
    *("--checkpoint-every", "6", "--held-out", "0.2", "--accelerator", "cpu"),
]
BUILTIN = "builtin:4"


def config(task: str = "temporal-gap", **changes) -> PretrainConfig:
    own = PRETEXTS[task].Config(**SETTINGS.get(task, {}))
    return PretrainConfig(task, own, SMALL, training=replace(SHORT, **changes))


def pretrain(folder: Path, settings: PretrainConfig, source: str = BUILTIN):
    return runs.pretrain(source, folder, settings, progress=False)


def records(run: Path) -> list[dict]:
    """metrics.jsonl without what depends on the clock."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if not k.startswith("speed/")} for line in lines]


def weights(run: Path) -> bytes:
    return (run / "last" / checkpoint.MODEL).read_bytes()


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def complete(*arguments: str) -> None:
    """Run the program to its end, in a process like those that are killed: libraries that other
    tests have loaded into this one may round otherwise."""
    process = start_program(*arguments)
    process.join()
    assert process.exitcode == 0


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing happened to."""
    folder = tmp_path_factory.mktemp("runs") / "straight"
    complete("pretrain", BUILTIN, "--out", str(folder), "--steps", "24", *FLAGS)
    return folder


def test_run_learns_and_keeps_the_newest_and_the_best(straight):
    losses = [r["train/loss"] for r in records(straight) if "train/loss" in r]
    assert len(losses) == SHORT.steps
    assert np.mean(losses[-6:]) < np.mean(losses[:6])
    kept = sorted(folder.name for folder in (straight / "checkpoints").iterdir())
    best = checkpoint.load(straight / "best").progress["step"]
    assert set(kept) == {"step-00000018", "step-00000024", f"step-{best:08d}"}
    assert (straight / "last").resolve().name == "step-00000024"
    assert list((straight / "tensorboard").iterdir())


def test_recordings_are_listed_with_their_side(straight):
    lines = (straight / "recordings.csv").read_text().splitlines()
    sides = [line.rsplit(",", 1)[1] for line in lines[1:]]
    assert len(sides) == 32 and 2 <= sides.count("held_out") <= 12


def test_same_seed_gives_the_same_run(straight, tmp_path):
    again = ("pretrain", BUILTIN, "--out", str(tmp_path / "again"), "--steps", "24", *FLAGS)
    complete(*again)
    assert records(tmp_path / "again") == records(straight)
    assert weights(tmp_path / "again") == weights(straight)


@pytest.mark.parametrize("moment", [7, 13])
def test_killed_run_resumes_to_the_bit(straight, tmp_path, moment):
    run = tmp_path / "killed"
    process = start_program("pretrain", BUILTIN, "--out", str(run), "--steps", "24", *FLAGS)
    wait_for(lambda: steps_logged(run) >= moment, process)
    process.kill()
    process.join()
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"step": 14, "train/lo')  # a line that was never finished
    complete("resume", str(run))
    assert records(run) == records(straight)
    assert weights(run) == weights(straight)


@pytest.mark.parametrize("moment", [("rename", 2), ("fsync", 9), ("replace", 6)])
def test_killed_in_the_middle_of_saving(straight, tmp_path, moment):
    run = tmp_path / "killed"
    flags = ["pretrain", BUILTIN, "--out", str(run), "--steps", "24", *FLAGS]
    process = start_program(*flags, dies_at=moment)
    process.join()
    assert process.exitcode == -signal.SIGKILL
    complete("resume", str(run))
    assert weights(run) == weights(straight)
    assert not list((run / "checkpoints").glob(".*"))


def test_ctrl_c_saves_and_says_how_to_resume(straight, tmp_path, capsys):
    run, printed = tmp_path / "interrupted", tmp_path / "stderr.txt"
    flags = ["pretrain", BUILTIN, "--out", str(run), "--steps", "24", *FLAGS]
    process = start_program(*flags, stderr=printed)
    wait_for(lambda: steps_logged(run) >= 3, process)
    os.kill(process.pid, signal.SIGINT)
    process.join()
    assert process.exitcode == 130
    assert f"tiny-audio-ssl resume {run}" in printed.read_text()
    assert 3 <= checkpoint.load(run).progress["step"] < 24
    complete("resume", str(run))
    capsys.readouterr()
    assert cli.run(["resume", str(run), "--json"]) == 0  # of a finished run, which stays as it is
    assert json.loads(capsys.readouterr().out)["step"] == 24
    assert weights(run) == weights(straight)


def steps_logged(run: Path) -> int:
    file = run / "metrics.jsonl"
    return len(file.read_text().splitlines()) if file.exists() else 0


def wait_for(condition: Callable[[], bool], process, limit_s: float = 120) -> None:
    end = time.monotonic() + limit_s
    while not condition():
        assert process.is_alive(), f"ended with {process.exitcode} before the moment came"
        assert time.monotonic() < end, "the moment never came"
        time.sleep(0.005)


def test_two_processes_do_what_one_does(tmp_path):
    """Data-parallel over two processes, against one with as many micro-batches."""
    one, two = tmp_path / "one", tmp_path / "two"
    pretrain(one, config(steps=8, micro_batches=2))
    torchrun = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        "-m",
        "tiny_audio_ssl.cli",
    ]
    flags = ["pretrain", BUILTIN, "--out", str(two), "--steps", "8", "--devices", "2", *FLAGS]
    subprocess.run([*torchrun, *flags], env=environment(), check=True, timeout=300)
    for ours, theirs in zip(records(one), records(two), strict=True):
        assert ours.keys() == theirs.keys()
        for name in ours:
            assert theirs[name] == pytest.approx(ours[name], rel=1e-4, abs=1e-6), name
    first, second = (checkpoint.load(run).model.state_dict() for run in (one, two))
    for name in first:
        torch.testing.assert_close(first[name], second[name], rtol=1e-3, atol=1e-5)


def test_every_task_runs_with_batch_norm_and_bf16(task_name, tmp_path):
    short = config(task_name, steps=4, precision="bf16")
    settings = replace(short, encoder=EncoderConfig(width=0.25))
    outcome = pretrain(tmp_path / "run", settings)
    assert outcome.step == 4 and np.isfinite(outcome.loss or np.nan)
    assert all(
        p.dtype == torch.float32 for p in checkpoint.load(tmp_path / "run").model.parameters()
    )


def test_compiled_steps_give_the_same_losses(tmp_path):
    kw = {"steps": 3, "held_out": 0.0}  # without validation, which is compiled apart
    encoder = EncoderConfig("dense", width=0.25)  # which has the fewest operators to compile
    eager = pretrain(tmp_path / "eager", replace(config(**kw), encoder=encoder))
    compiled = pretrain(tmp_path / "compiled", replace(config(**kw, compile=True), encoder=encoder))
    assert compiled.loss == pytest.approx(eager.loss, rel=1e-4)


def test_finished_run_is_not_overwritten(straight):
    with pytest.raises(UserError, match="tiny-audio-ssl resume"):
        pretrain(straight, config())


def test_resuming_a_finished_run_changes_nothing(straight):
    before = records(straight), weights(straight)
    outcome = runs.resume(straight, progress=False)
    assert outcome.step == SHORT.steps and outcome.loss is None
    assert (records(straight), weights(straight)) == before


def test_changed_recording_stops_a_resume(straight, tmp_path):
    run = tmp_path / "run"
    folder = tmp_path / "recordings"
    shutil.copytree(first_recording(straight).parent, folder)
    pretrain(run, config(steps=6), source=str(folder))
    changed = sorted(folder.rglob("*.wav"))[0]
    soundfile.write(changed, 0.1 * np.random.default_rng(0).standard_normal(20_000), 16_000)
    with pytest.raises(UserError, match="have changed") as error:
        runs.resume(run, progress=False)
    assert changed.name in str(error.value)


def first_recording(run: Path) -> Path:
    return Path((run / "recordings.csv").read_text().splitlines()[1].split(",")[0])


def test_nan_loss_stops_and_suggests_a_change(tmp_path):
    with pytest.raises(TrainingStoppedError, match="--learning-rate"):
        pretrain(tmp_path / "run", config(learning_rate=1e30, gradient_clip=1e30))
    saved = checkpoint.load(tmp_path / "run").model
    assert all(p.isfinite().all() for p in saved.parameters())


def write_tones(folder: Path) -> None:
    """Write 400 Hz, which repeats from frame to frame, so that all slices of all recordings are the
    same. Lengths differ, as copies of one recording would not be held out."""
    tone = 0.1 * np.sin(2 * np.pi * 400 * np.arange(24_000) / 16_000)
    for index in range(12):
        soundfile.write(folder / f"{index}.wav", tone[: 20_000 + 320 * index], 16_000)


def test_collapsed_codebook_stops(tmp_path):
    write_tones(tmp_path)
    with pytest.raises(TrainingStoppedError, match=r"at step 5: the codebook has collapsed.*--pre"):
        pretrain(tmp_path / "run", config("seqrq-ae", steps=12), source=str(tmp_path))


def test_collapsed_embedding_stops(tmp_path):
    write_tones(tmp_path)
    with pytest.raises(TrainingStoppedError, match="collapsed"):
        pretrain(tmp_path / "run", config(steps=12), source=str(tmp_path))


def test_recordings_too_short_for_the_task(tmp_path, task_name, caplog):
    needed_s = config(task_name).crop_samples / 16_000
    noise = 0.1 * np.random.default_rng(0).standard_normal(1_600)
    soundfile.write(tmp_path / "short.wav", noise, 16_000)
    with pytest.raises(UserError, match=rf"needs clips of {needed_s:.3f}.*--pretext\."):
        pretrain(tmp_path / "run", config(task_name), source=str(tmp_path))
    for times in range(12, 28, 2):
        soundfile.write(tmp_path / f"{times}-times.wav", np.tile(noise, times), 16_000)
    pretrain(tmp_path / "run", config(task_name, steps=2), source=str(tmp_path))
    assert f"1 are shorter than the {needed_s:.3f}" in caplog.text and "--pretext." in caplog.text
    assert "short.wav,0.100 s: shorter than" in (tmp_path / "run" / "skipped.csv").read_text()


def test_batch_that_does_not_divide_is_refused(tmp_path):
    with pytest.raises(UserError, match="does not divide"):
        pretrain(tmp_path / "run", config(micro_batches=3))


def test_spread():
    rng = torch.Generator().manual_seed(0)
    assert spread(torch.ones(10, 32)) == 0
    assert spread(torch.randn(4000, 32, generator=rng)) == pytest.approx(1, abs=0.05)
