"""Several tasks at once: the sum, the log, the weights, and a run that is cut off."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
import torch

from tiny_audio_ssl import UserError, cli
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext import PRETEXTS
from tiny_audio_ssl.pretext.configs.combined import combinable
from tiny_audio_ssl.pretext.tasks.combined import Combined
from tiny_audio_ssl.training import runs
from tiny_audio_ssl.training import trainer as training
from tiny_audio_ssl.training.config import PretrainConfig, TrainingConfig

FRONTEND = FrontendConfig()
WEIGHTS = {"audio2vec-cbow": 0.5, "triplet": 2.0, "temporal-gap": 1.0}
SMALL = EncoderConfig(width=0.25, norm="group")
SHORT = TrainingConfig(
    steps=6,
    batch_size=8,
    warmup_steps=2,
    log_every=1,
    checkpoint_every=2,
    held_out=0.2,
    accelerator="cpu",
)


def make(weights=WEIGHTS, **settings):
    torch.manual_seed(0)
    encoder = Encoder(SMALL, FRONTEND.bands).eval()
    return Combined(Combined.Config(weights, **settings), encoder, FRONTEND).eval(), encoder


def clips_for(task, count=6):
    frames = task.config.clip_frames(FRONTEND)
    rng = torch.Generator().manual_seed(1)
    return torch.randn(count, 1, FRONTEND.bands, frames, generator=rng)


def waves_for(task, count=6):
    samples = FRONTEND.samples(task.config.clip_frames(FRONTEND))
    return 0.1 * torch.randn(count, samples, generator=torch.Generator().manual_seed(1))


def test_collapse_of_one_task_is_told():
    task, _ = make({"wav2vec2": 1.0, "triplet": 1.0})
    assert task.collapse_reason({"loss/triplet": 0.1, "hard_perplexity/wav2vec2": 9.0}) is None
    found = task.collapse_reason({"loss/triplet": 0.1, "hard_perplexity/wav2vec2": 1.2})
    assert found is not None and found.startswith("wav2vec2: the codebook has collapsed")


def test_loss_is_the_weighted_sum_of_the_tasks_own(rng):
    """PASE, arXiv 1904.03416, section 2: all workers' losses at once; here with weights."""
    task, encoder = make()
    inputs = task.draw(clips_for(task), rng)
    out = task(encoder, **inputs)
    by_hand = 0.0
    for name, weight in WEIGHTS.items():
        alone = PRETEXTS[name](PRETEXTS[name].Config(), encoder, FRONTEND).eval()
        alone.load_state_dict(task.tasks[name].state_dict())
        own = {k.split("/")[1]: v for k, v in inputs.items() if k.split("/")[0] == name}
        loss = alone(encoder, **own)["loss"]
        torch.testing.assert_close(out[f"loss/{name}"], loss)
        by_hand += weight * loss.item()
    assert out["loss"].item() == pytest.approx(by_hand, rel=1e-5)
    assert {"gap_error/temporal-gap", "nearest/triplet"} <= set(out)


def test_every_task_gets_a_random_cut_of_its_own_length(rng):
    """The clip is as long as the longest task needs; the others look at any part of it."""
    task, _ = make({"audio2vec-cbow": 1.0, "autoencoder": 1.0})
    assert task.config.clip_frames(FRONTEND) == 5 * 16
    frames = torch.arange(80.0).expand(400, 1, FRONTEND.bands, 80)
    starts = task.draw(frames, rng)["autoencoder/slice"][:, 0, 0, 0]
    length = PRETEXTS["autoencoder"].Config().slice_frames(FRONTEND)
    assert set(starts.tolist()) == set(map(float, range(80 - length + 1)))


def test_one_length_for_the_slices_of_all(rng):
    task, encoder = make(slice_ms=175.0)
    seen = []
    encoder.register_forward_pre_hook(lambda module, args: seen.append(args[0].shape[3]))
    task(encoder, **task.draw(clips_for(task), rng))
    assert set(seen) == {16} == {task.config.slice_frames(FRONTEND)}


def test_encoder_takes_all_slices_in_pieces_of_the_shortest(rng):
    config = PretrainConfig("combined", Combined.Config(WEIGHTS), SMALL)
    assert config.encoder.slice_frames == 16
    encoder = Encoder(config.encoder, FRONTEND.bands).eval()
    task = Combined(config.pretext, encoder, FRONTEND).eval()
    seen = []
    encoder.body[0].register_forward_pre_hook(lambda module, args: seen.append(args[0].shape[3]))
    task(encoder, **task.draw(clips_for(task), rng))
    assert set(seen) == {16}


def test_fit_and_after_step_reach_every_task():
    task, encoder = make({"audio2vec-cbow": 1.0, "byol-a": 1.0})
    target = task.tasks["byol-a"].target
    before = [p.clone() for p in target.parameters()]
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.add_(1.0)
    task.after_step(encoder, 1, 10)
    moved = [not torch.equal(a, b) for a, b in zip(before, target.parameters(), strict=True)]
    assert any(moved)
    fitted = []
    for part in task.tasks.values():
        part.fit = lambda clips: fitted.append(clips.shape)
    task.fit_crops(LogMel(FRONTEND), [waves_for(task, 4), waves_for(task, 2)])
    assert fitted == [(6, 1, 64, 96)] * 2


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ({"rotnet": 1.0}, "'rotnet'; choose from temporal-gap, audio2vec-cbow"),
        ({"combined": 1.0, "temporal-gap": 1.0}, "'combined'; choose from temporal-gap"),
        ({"distillation": 1.0}, "'distillation'; choose from temporal-gap"),
        ({"temporal-gap": -1.0}, "temporal-gap is -1.0; expected more than 0"),
        ({"temporal-gap": 0.0, "audio2vec-cbow": 0.0}, "expected more than 0"),
        ({"temporal-gap": float("nan")}, "expected more than 0"),
        ({"temporal-gap": "much"}, "expected more than 0"),
        ({}, "a weight for each of some of temporal-gap"),
    ],
)
def test_bad_weights_list_the_known_tasks(weights, said):
    with pytest.raises(UserError, match="temporal-gap, audio2vec-cbow") as error:
        Combined.Config(weights)
    assert said in str(error.value)


def test_slice_length_that_no_clip_holds():
    with pytest.raises(UserError, match="shorter than its clip"):
        Combined.Config(slice_ms=2000.0)


def test_all_tasks_can_be_combined(rng):
    names = combinable()
    assert {"temporal-gap", "audio2vec-cbow", "cola", "lim"} <= set(names)
    assert not {"combined", "distillation"} & set(names)
    task, encoder = make(dict.fromkeys(names, 1.0))
    inputs = task.inputs(LogMel(FRONTEND), waves_for(task), rng)
    assert torch.isfinite(task(encoder, **inputs)["loss"])


def test_waveform_task_beside_a_log_mel_task(rng):
    weights = {"lim": 1.0, "audio2vec-cbow": 2.0}
    task, encoder = make(weights)
    assert task.takes == "wav" and make()[0].takes == "logmel"
    frontend, waves = LogMel(FRONTEND), waves_for(task)
    inputs = task.inputs(frontend, waves, rng)
    assert inputs["lim/logmel"].shape == (18, 1, 64, 18)
    assert inputs["audio2vec-cbow/middle"].shape[3] == 16
    out = task(encoder, **inputs)
    total = out["loss/lim"] + 2 * out["loss/audio2vec-cbow"]
    assert out["loss"].item() == pytest.approx(total.item(), rel=1e-6)
    sizes = []
    for part in task.tasks.values():
        part.fit = lambda clips: sizes.append(tuple(clips.shape))
    task.fit_crops(frontend, [waves])
    assert sizes == [tuple(waves.shape), tuple(frontend(waves).shape)]


def test_command_line_takes_pairs(tmp_path, capsys):
    weights = ["--pretext.weights", "temporal-gap", "1", "audio2vec-cbow", "0.5"]
    flags = ["--encoder.width", "0.25", "--steps", "2", "--batch-size", "4", "--log-every", "1"]
    command = ["pretrain", "builtin:2", "--task", "combined", "--out", str(tmp_path / "run")]
    assert cli.run([*command, *weights, *flags]) == 0
    saved = json.loads((tmp_path / "run" / "last" / "config.json").read_text())["run"]
    assert saved["pretext"]["weights"] == {"temporal-gap": 1.0, "audio2vec-cbow": 0.5}
    first = json.loads((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()[0])
    parts = first["train/loss/temporal-gap"] + 0.5 * first["train/loss/audio2vec-cbow"]
    assert first["train/loss"] == pytest.approx(parts, rel=1e-5)

    for words in (["temporal-gap"], ["temporal-gap", "much"], ["1", "temporal-gap"]):
        with pytest.raises((SystemExit, UserError)) as error:
            raise SystemExit(cli.run([*command, "--pretext.weights", *words]))
        said = " ".join((capsys.readouterr().err + str(error.value)).split())
        assert "Traceback" not in said and "pairs of a task and a number" in said


def test_settings_survive_json():
    config = PretrainConfig("combined", Combined.Config(WEIGHTS), SMALL)
    assert PretrainConfig.from_dict(json.loads(json.dumps(asdict(config)))) == config


def test_interrupted_run_resumes_to_the_bit(tmp_path, monkeypatch):
    config = PretrainConfig("combined", Combined.Config(WEIGHTS), SMALL, training=SHORT)
    runs.pretrain("builtin:2", tmp_path / "straight", config, progress=False)

    step, taken = training.Trainer._train_step, []

    def fail_at_the_fifth(self, clips):
        taken.append(1)
        if len(taken) == 5:
            raise KeyboardInterrupt
        return step(self, clips)

    monkeypatch.setattr(training.Trainer, "_train_step", fail_at_the_fifth)
    with pytest.raises(KeyboardInterrupt):
        runs.pretrain("builtin:2", tmp_path / "cut", config, progress=False)
    monkeypatch.undo()
    assert checkpoint.load(tmp_path / "cut").progress["step"] == 4
    runs.resume(tmp_path / "cut", progress=False)
    for name in (checkpoint.MODEL, checkpoint.TRAINING):
        straight, cut = (tmp_path / run / "last" / name for run in ("straight", "cut"))
        assert straight.read_bytes() == cut.read_bytes()
