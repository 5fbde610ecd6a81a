"""The phone's trainer takes eager's steps, and gives back checkpoints; bad input is told."""

from __future__ import annotations

import functools
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from support.training_exports import (
    BATCH,
    GAP,
    WHOLE,
    Kind,
    exported_training,
    generator,
    make_run,
    sounds,
)
from torch import nn

from tiny_audio_ssl import UserError
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.training.config import PretrainConfig

pytest.importorskip("executorch")

from tiny_audio_ssl.export import manifest, reference
from tiny_audio_ssl.export.training.on_device_trainer import OnDeviceTrainer
from tiny_audio_ssl.export.training.to_training import (
    VERIFIED,
    LossModule,
    export_training,
    load_task,
)
from tiny_audio_ssl.export.verify import verify


def eager(run: Path, names: tuple[str, ...]) -> LossModule:
    """The same step in PyTorch, batch norm frozen by `eval`."""
    loaded = checkpoint.load(run)
    pretext, _ = load_task(loaded, PretrainConfig.from_dict(loaded.run))
    return LossModule(loaded.model.encoder, pretext, names).eval()


Exported = Callable[[Kind], tuple[Path, Path]]


@pytest.fixture(scope="module")
def export_once(tmp_path_factory) -> Exported:
    """Run and artifact of a task, encoder, norm and pooling; exporting takes many seconds."""
    return functools.partial(exported_training, tmp_path_factory)


@pytest.fixture(params=WHOLE, ids=" ".join)
def exported(request, export_once) -> tuple[Path, Path]:
    return export_once(request.param)


@pytest.fixture
def gap(export_once) -> tuple[Path, Path]:
    return export_once(GAP)


def test_steps_equal_eager(exported):
    run, folder = exported
    trainer = OnDeviceTrainer(folder, learning_rate=0.01, momentum=0.9)
    inputs = trainer.draw(sounds(BATCH, 60_000), generator())
    step = eager(run, tuple(inputs))
    _, gradients = trainer.gradients(inputs)
    optimizer = torch.optim.SGD(step.parameters(), lr=0.01, momentum=0.9)
    for number in range(5):
        loss, _ = step(*inputs.values())
        optimizer.zero_grad()
        loss.backward()
        if number == 0:
            largest = max(float(p.grad.abs().max()) for p in step.parameters())
            for name, parameter in step.named_parameters():
                torch.testing.assert_close(
                    gradients[name], parameter.grad, rtol=1e-3, atol=1e-5 * largest, msg=name
                )
            first = float(loss)
        optimizer.step()
        assert trainer.step(inputs) == pytest.approx(float(loss), rel=1e-4)
    assert float(loss) < first
    for name, value in step.named_parameters():
        torch.testing.assert_close(trainer.weights()[name], value.detach(), rtol=1e-3, atol=1e-5)


def test_weights_are_the_checkpoints_and_go_back(gap, tmp_path):
    run, folder = gap
    trainer = OnDeviceTrainer(folder)
    began = trainer.weights()
    state = checkpoint.load(run).model.state_dict() | checkpoint.load_training(run)
    assert began.keys() <= state.keys()
    for name, value in began.items():
        assert torch.equal(value, state[name])
    inputs = trainer.draw(sounds(BATCH, 20_000), generator())
    losses = [trainer.step(inputs) for _ in range(3)]
    trainer.set_weights(began)
    assert [trainer.step(inputs) for _ in range(3)] == losses  # momentum began anew, too
    trainer.save(tmp_path / "back")
    again = checkpoint.load(tmp_path / "back")
    after = trainer.weights()
    for name, value in again.model.encoder.named_parameters():
        assert torch.equal(value, after[f"encoder.{name}"])
    assert again.progress["on_device_steps"] == 6 and again.progress["step"] == 5
    heads = checkpoint.load_training(tmp_path / "back")
    assert torch.equal(heads["pretext.head.0.weight"], after["pretext.head.0.weight"])


def test_what_comes_back_embeds_and_exports_and_has_its_heads(gap, tmp_path):
    import tiny_audio_ssl
    from tiny_audio_ssl.export.exporter import export

    _, folder = gap
    trainer = OnDeviceTrainer(folder, learning_rate=0.1)
    inputs = trainer.draw(sounds(BATCH, 20_000), generator())
    for _ in range(3):
        trainer.step(inputs)
    back = trainer.save(tmp_path / "back")
    wave = sounds(1, 15_600)[0].numpy()
    before = tiny_audio_ssl.load(folder / "start").embed(wave)
    assert abs(tiny_audio_ssl.load(back).embed(wave) - before).max() > 1e-4
    result = export(
        back, tmp_path / "export", format="onnx", precision="fp32", input="mel", parity=False
    )
    assert result.artifacts[0].path.is_file()
    loaded = checkpoint.load(back)
    pretext, _ = load_task(loaded, PretrainConfig.from_dict(loaded.run))  # as `resume` does
    for name, value in LossModule(loaded.model.encoder, pretext, ()).named_parameters():
        assert torch.equal(value, trainer.weights()[name])


def test_wrong_weights_change_nothing(gap):
    trainer = OnDeviceTrainer(gap[1])
    weights = trainer.weights()
    name = "encoder.body.0.0.weight"
    broken = weights[name].clone()
    broken[0] = torch.nan
    for changed, said in (
        ({**weights, name: weights[name][:1]}, "expected \\[8, 1, 5, 5\\]"),
        ({**weights, "encoder.other": weights[name]}, "unknown encoder.other"),
        ({k: v for k, v in weights.items() if k != name}, f"missing {name}"),
        ({**weights, name: broken}, "NaN"),
    ):
        with pytest.raises(UserError, match=said):
            trainer.set_weights(changed)
    for name, value in trainer.weights().items():
        assert torch.equal(value, weights[name])


def test_wrong_inputs_are_told(gap):
    trainer = OnDeviceTrainer(gap[1])
    with pytest.raises(UserError, match=r"expected \[3, 14000\]"):
        trainer.draw(torch.zeros(BATCH, 100), generator())
    inputs = trainer.draw(sounds(BATCH, 20_000), generator())
    with pytest.raises(UserError, match="missing gap"):
        trainer.step({k: v for k, v in inputs.items() if k != "gap"})
    with pytest.raises(UserError, match=r"float32 \[2, 1, 64, 32\]"):
        trainer.step({**inputs, "first": inputs["first"][:2]})
    with pytest.raises(UserError, match="float64"):
        trainer.step({**inputs, "gap": inputs["gap"].double()})
    before = trainer.weights()
    with pytest.raises(UserError, match="not finite"):
        trainer.step({**inputs, "first": inputs["first"] * torch.nan})
    assert all(torch.equal(v, before[k]) for k, v in trainer.weights().items())
    with pytest.raises(UserError, match="learning_rate"):
        OnDeviceTrainer(gap[1], learning_rate=0)


def test_manifest_says_what_an_app_needs(gap):
    _, folder = gap
    (entry,) = manifest.read(folder)["artifacts"]
    assert entry["format"] == "executorch-training" and entry["task"] == "temporal-gap"
    assert entry["batch_size"] == BATCH and entry["outputs"][0] == "loss"
    assert {i["name"]: i["shape"] for i in entry["inputs"]} == {
        "first": [BATCH, 1, 64, 32], "second": [BATCH, 1, 64, 32], "gap": [BATCH],
    }  # fmt: skip
    shapes = {p["name"]: p["shape"] for p in entry["parameters"]}
    assert shapes["encoder.body.0.0.weight"] == [8, 1, 5, 5]
    assert set(entry["operators"]) <= VERIFIED


def test_a_damaged_artifact_is_refused(gap, tmp_path):
    folder = Path(shutil.copytree(gap[1], tmp_path / "copy"))
    path = folder / "training.pte"
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(UserError, match="truncated"):
        OnDeviceTrainer(folder)
    content = json.loads((folder / "manifest.json").read_text())
    content["artifacts"] = []
    (folder / "manifest.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match="no training artifact"):
        OnDeviceTrainer(folder)


def test_verify_takes_the_same_step(gap, tmp_path, inline):
    assert verify(gap[1]).ok
    folder = Path(shutil.copytree(gap[1], tmp_path / "copy"))
    recorded = json.loads((folder / reference.REFERENCE).read_text())
    recorded["artifacts"]["training.pte"]["outputs"]["gradient norms"][0][0] += 1
    (folder / reference.REFERENCE).write_text(json.dumps(recorded))
    content = manifest.read(folder)
    content["reference"] = reference.described(folder / reference.REFERENCE)
    manifest.write(folder, {k: v for k, v in content.items() if k != manifest.SEAL})
    (problem,) = verify(folder).problems
    assert "gives other gradient norms" in problem


def test_tasks_that_cannot_are_refused(tmp_path):
    small = EncoderConfig(width=0.25, norm="group")
    run = make_run(tmp_path / "byol", "byol-a", small)
    with pytest.raises(UserError, match="byol-a: ByolA changes weights after each step"):
        export_training(run, tmp_path / "out")
    run = make_run(tmp_path / "gap", "temporal-gap", replace(small, norm="batch"))
    loaded = checkpoint.load(run)
    heads = checkpoint.load_training(run)
    for module in loaded.model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
    checkpoint.save(tmp_path / "fresh", loaded.model, loaded.run, {}, heads)
    with pytest.raises(UserError, match="norm group"):
        export_training(tmp_path / "fresh", tmp_path / "out")
    checkpoint.save(tmp_path / "bare", loaded.model, loaded.run, {}, {})
    with pytest.raises(UserError, match="heads are not temporal-gap"):
        export_training(tmp_path / "bare", tmp_path / "out")
    with pytest.raises(UserError, match="--batch-size 1"):
        export_training(run, tmp_path / "out", batch_size=1)
    assert not (tmp_path / "out").exists()
