"""Training in ExecuTorch gives the gradients of eager, operator by operator and step by step."""

from __future__ import annotations

import functools
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from test_export import chord, settle
from torch import Tensor, nn
from torch.nn import functional as F

from tiny_audio_ssl import UserError, checkpoint
from tiny_audio_ssl.encoders import EncoderConfig, Residual, depthwise_separable
from tiny_audio_ssl.pretext import PRETEXTS
from tiny_audio_ssl.settings import PretrainConfig

pytest.importorskip("executorch")

from tiny_audio_ssl.export import joint_graph, manifest, to_training
from tiny_audio_ssl.export.to_training import VERIFIED, Task, export_training, frozen, load_task
from tiny_audio_ssl.export.trainer import OnDeviceTrainer, load_module

BATCH = 3


class Loss(nn.Module):
    """A loss that every value of the network's output moves differently, and the output."""

    def __init__(self, network: nn.Module, loss: Callable[[Tensor], Tensor] | None = None) -> None:
        super().__init__()
        self.network = network
        self.loss = loss or (lambda y: (y * y + y).mean())

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y = self.network(x)
        return self.loss(y), y.detach()


class Apply(nn.Module):
    """A layer with weights, so that there is a gradient, and then a function."""

    def __init__(self, function: Callable[[Tensor], Tensor], channels: int = 4) -> None:
        super().__init__()
        self.layer = nn.Conv2d(1, channels, 1)
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self.layer(x))


def flat(*layers: nn.Module) -> nn.Sequential:
    return nn.Sequential(*layers, nn.Flatten())


def learned_norm() -> nn.Module:
    block = nn.Sequential(nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU())
    block(torch.randn(64, 1, 9, 6) + 1)
    with torch.no_grad():
        block[1].weight.uniform_(0.5, 1.5)
        block[1].bias.uniform_(-1, 1)
    return nn.Sequential(block, nn.Flatten())


SMALL: dict[str, Callable[[], nn.Module]] = {
    "linear": lambda: nn.Sequential(nn.Flatten(), nn.Linear(54, 5), nn.ReLU(), nn.Linear(5, 2)),
    "convolution": lambda: flat(nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 3, (1, 3), bias=False)),
    "strided": lambda: flat(nn.Conv2d(1, 4, 5, 2, 2), nn.ReLU(), nn.Conv2d(4, 3, 3, 2, 1)),
    "depthwise": lambda: flat(
        nn.Conv2d(1, 8, 1), depthwise_separable("group", 8, 8, 5, 2),
        Residual(depthwise_separable("group", 8, 8, 3, 1)),
    ),
    "frozen batch norm": learned_norm,
    "max pooling": lambda: flat(nn.Conv2d(1, 4, 1), nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True)),
    "upsampling": lambda: Apply(lambda y: F.interpolate(y, size=(17, 12)).flatten(1)),
    "amax of equals": lambda: Apply(lambda y: F.relu(y).amax((2, 3))),
    "rows as channels": lambda: flat(
        nn.Conv2d(1, 4, 3), nn.Unflatten(1, (1, 4)), nn.Flatten(2, 3), nn.Conv2d(1, 2, 3)
    ),
    "mean": lambda: Apply(lambda y: torch.cat([y.mean(3), y.amax(3)], 1).flatten(1)),
}  # fmt: skip
TARGET = torch.randn(BATCH, 2, generator=torch.Generator().manual_seed(1))
LOSSES: dict[str, Callable[[Tensor], Tensor]] = {
    "squares": lambda y: F.mse_loss(y, TARGET),
    "binary": lambda y: F.binary_cross_entropy_with_logits(y[:, :1], TARGET[:, :1].sigmoid()),
    "classes": lambda y: F.cross_entropy(y @ y.T, torch.arange(len(y))),
    "similarity": lambda y: (F.normalize(y, dim=1) @ torch.tanh(F.layer_norm(y, (2,))).T).mean(),
    "parts": lambda y: F.mse_loss(y.split([1, 2])[1], y.split([1, 2])[0].abs()),
}


def in_executorch(
    step: nn.Module, inputs: list[Tensor], folder: Path
) -> tuple[Tensor, dict[str, Tensor], dict[str, int]]:
    operators = to_training.to_training(step, inputs, folder / "step.pte")
    module = load_module(folder / "step.pte")
    loss, _ = module.forward_backward("forward", inputs)
    return loss, module.named_gradients(), operators


def same_gradients(step: nn.Module, inputs: list[Tensor], folder: Path) -> dict[str, int]:
    """Compares with the step itself in eval mode; gives the operators compared."""
    loss, gradients, operators = in_executorch(step, inputs, folder)
    step.eval().zero_grad()
    expected, _ = step(*inputs)
    expected.backward()
    torch.testing.assert_close(loss, expected.detach(), rtol=1e-5, atol=1e-6)
    largest = max(float(p.grad.abs().max()) for p in step.parameters())  # some are zero
    for name, parameter in step.named_parameters():
        torch.testing.assert_close(
            gradients[name], parameter.grad, rtol=1e-4, atol=1e-5 * largest, msg=name
        )
    assert len(gradients) == len(list(step.parameters()))
    return operators


seen: set[str] = set()


@pytest.mark.parametrize("name", SMALL)
def test_gradients_by_operator(name, tmp_path):
    torch.manual_seed(0)
    x = torch.randn(BATCH, 1, 9, 6)
    seen.update(same_gradients(Loss(SMALL[name]()), [x], tmp_path))


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_by_loss(name, tmp_path):
    torch.manual_seed(0)
    step = Loss(nn.Linear(6, 2), LOSSES[name])
    seen.update(same_gradients(step, [torch.randn(BATCH, 6)], tmp_path))


def test_every_allowed_operator_was_compared():
    if len(seen) > 1:  # the whole file ran
        assert set(VERIFIED) <= seen


def make_run(folder: Path, task: str, encoder: EncoderConfig) -> Path:
    """A checkpoint with heads, whose statistics are those of some sounds."""
    config = PretrainConfig(task, PRETEXTS[task].Config(), encoder)
    torch.manual_seed(0)
    model = checkpoint.build_model(config.frontend, config.encoder)
    pretext = PRETEXTS[task](config.pretext, model.encoder, config.frontend)
    waves = sounds(16, config.crop_samples)
    settle(model, waves)
    with torch.no_grad():
        pretext.train()(model.encoder, **pretext.drawn(model.frontend, waves, generator()))
    heads = {f"pretext.{k}": v for k, v in pretext.state_dict().items()}
    progress = {"step": 5, "best": {"step": None, "loss": None}}
    checkpoint.save(folder, model, asdict(config), progress, heads)
    return folder


def sounds(count: int, samples: int) -> Tensor:
    waves = [torch.from_numpy(chord(i, samples / 16_000)[:samples]) for i in range(count)]
    return torch.stack(waves).float()


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def eager(run: Path, names: tuple[str, ...]) -> Task:
    """The same step in PyTorch, batch norm frozen by `eval`."""
    loaded = checkpoint.load(run)
    pretext, _ = load_task(loaded, PretrainConfig.from_dict(loaded.run))
    return Task(loaded.model.encoder, pretext, names).eval()


GAP = ("temporal-gap", "mobile", "group", "mean_max")
WHOLE = [GAP, ("audio2vec-cbow", "separable", "batch", "max")]
Exported = Callable[[tuple[str, str, str, str]], tuple[Path, Path]]


@pytest.fixture(scope="module")
def export_once(tmp_path_factory) -> Exported:
    """Run and artifact of a task, encoder, norm and pooling; exporting takes many seconds."""

    @functools.cache
    def exported(what: tuple[str, str, str, str]) -> tuple[Path, Path]:
        task, name, norm, pooling = what
        folder = tmp_path_factory.mktemp(task)
        encoder = EncoderConfig(name, width=0.25, norm=norm, pooling=pooling)
        run = make_run(folder / "last", task, encoder)
        return run, export_training(run, folder / "training", BATCH).folder

    return exported


@pytest.fixture(params=WHOLE, ids=" ".join)
def exported(request, export_once) -> tuple[Path, Path]:
    return export_once(request.param)


@pytest.fixture
def gap(export_once) -> tuple[Path, Path]:
    return export_once(GAP)


def test_steps_equal_eager(exported):
    run, folder = exported
    trainer = OnDeviceTrainer(folder, learning_rate=0.01, momentum=0.9)
    drawn = trainer.draw(sounds(BATCH, 60_000), generator())
    step = eager(run, tuple(drawn))
    _, gradients = trainer.gradients(drawn)
    optimiser = torch.optim.SGD(step.parameters(), lr=0.01, momentum=0.9)
    for number in range(5):
        loss, _ = step(*drawn.values())
        optimiser.zero_grad()
        loss.backward()
        if number == 0:
            largest = max(float(p.grad.abs().max()) for p in step.parameters())
            for name, parameter in step.named_parameters():
                torch.testing.assert_close(
                    gradients[name], parameter.grad, rtol=1e-3, atol=1e-5 * largest, msg=name
                )
            first = float(loss)
        optimiser.step()
        assert trainer.step(drawn) == pytest.approx(float(loss), rel=1e-4)
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
    drawn = trainer.draw(sounds(BATCH, 20_000), generator())
    losses = [trainer.step(drawn) for _ in range(3)]
    trainer.set_weights(began)
    assert [trainer.step(drawn) for _ in range(3)] == losses  # momentum began anew, too
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
    from tiny_audio_ssl.export import export_run

    _, folder = gap
    trainer = OnDeviceTrainer(folder, learning_rate=0.1)
    drawn = trainer.draw(sounds(BATCH, 20_000), generator())
    for _ in range(3):
        trainer.step(drawn)
    back = trainer.save(tmp_path / "back")
    wave = sounds(1, 15_600)[0].numpy()
    before = tiny_audio_ssl.load(folder / "start").embed(wave)
    assert abs(tiny_audio_ssl.load(back).embed(wave) - before).max() > 1e-4
    result = export_run(back, tmp_path / "export", ["executorch"], ["fp32"], ["mel"], parity=False)
    assert result.artifacts[0].path.is_file()
    loaded = checkpoint.load(back)
    pretext, _ = load_task(loaded, PretrainConfig.from_dict(loaded.run))  # as `resume` does
    for name, value in Task(loaded.model.encoder, pretext, ()).named_parameters():
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
    drawn = trainer.draw(sounds(BATCH, 20_000), generator())
    with pytest.raises(UserError, match="missing gap"):
        trainer.step({k: v for k, v in drawn.items() if k != "gap"})
    with pytest.raises(UserError, match=r"float32 \[2, 1, 64, 32\]"):
        trainer.step({**drawn, "first": drawn["first"][:2]})
    with pytest.raises(UserError, match="float64"):
        trainer.step({**drawn, "gap": drawn["gap"].double()})
    before = trainer.weights()
    with pytest.raises(UserError, match="not finite"):
        trainer.step({**drawn, "first": drawn["first"] * torch.nan})
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


class Unpool(nn.Module):
    """Max pooling in a form that is not written as products: windows that overlap."""

    def forward(self, x: Tensor) -> Tensor:
        return F.max_pool2d(x, 3, 1)


@pytest.mark.parametrize(
    ("network", "operator"),
    [
        (flat(nn.Conv2d(1, 2, 1), Unpool()), "max_pool2d_with_indices_backward"),
        (flat(nn.Conv2d(1, 2, 1), nn.AvgPool2d(2)), "avg_pool2d_backward"),
        (flat(nn.Conv2d(1, 2, 3, dilation=2)), "convolution_backward"),
        (flat(nn.Conv2d(1, 2, 1), nn.InstanceNorm2d(2)), "batch_norm"),
    ],
)
def test_operators_that_are_not_known_to_be_right_are_refused(network, operator, tmp_path):
    with pytest.raises(UserError, match=operator):
        to_training.to_training(Loss(network), [torch.randn(2, 1, 8, 6)], tmp_path / "x.pte")
    assert not (tmp_path / "x.pte").exists()


def test_max_pooling_of_executorch_is_never_used(tmp_path, monkeypatch):
    pools = [op for op in joint_graph.PRODUCTS if "max_pool2d" in str(op)]
    assert len(pools) == 2
    for op in pools:
        monkeypatch.delitem(joint_graph.PRODUCTS, op)
    with pytest.raises(UserError, match="max_pool2d_with_indices_backward"):
        step = Loss(SMALL["max pooling"]())
        to_training.to_training(step, [torch.randn(2, 1, 8, 6)], tmp_path / "x.pte")


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
        export_training(run, tmp_path / "out", 1)
    assert not (tmp_path / "out").exists()


def test_frozen_norm_equals_eval():
    torch.manual_seed(0)
    network = learned_norm()
    x = torch.randn(2, 1, 9, 6)
    copy = frozen(network)
    torch.testing.assert_close(copy(x), network.eval()(x), rtol=1e-5, atol=1e-6)
    assert [n for n, _ in copy.named_parameters()] == [n for n, _ in network.named_parameters()]
