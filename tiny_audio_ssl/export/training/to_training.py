"""The training artifact: a run's own pretext task, forward and backward, in one .pte.

Drawing stays with whoever has the sound: the artifact takes what the task's `draw` gives, for a
fixed number of clips, and gives loss, embedding and the gradient of every weight.
"""

from __future__ import annotations

import copy
import operator
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.export import manifest, reference
from tiny_audio_ssl.export.forms import Form
from tiny_audio_ssl.export.model_card import Card
from tiny_audio_ssl.export.training.joint_graph import joint_graph
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.pretext import pretext_class
from tiny_audio_ssl.pretext.base import Inputs, Pretext
from tiny_audio_ssl.pretext.combined import Combined
from tiny_audio_ssl.training.config import PretrainConfig
from tiny_audio_ssl.utils.extras import require
from tiny_audio_ssl.utils.files import atomic_folder, sha256
from tiny_audio_ssl.utils.quiet import exporters_hushed

FORMAT = "executorch-training"
BATCH_SIZE = 8
FILE, START = "training.pte", "start"
LOSS, EMBEDDING = "loss", "embedding"

# What a program may consist of. `tests/test_to_training.py` compares each in ExecuTorch with
# eager; ExecuTorch has kernels that run and are wrong (the gradient of max pooling).
VERIFIED = frozenset(
    [
        "_log_softmax",
        "_to_copy",
        "abs",
        "add.Tensor",
        "amax",
        "arange.start_step",
        "bmm",
        "cat",
        "clamp",
        "clone",
        "div.Scalar",
        "div.Tensor",
        "eq.Scalar",
        "eq.Tensor",
        "exp",
        "expand_copy",
        "full",
        "full_like",
        "gather",
        "ge.Scalar",
        "index_select",
        "linear",
        "log1p",
        "mean",
        "mean.dim",
        "minimum",
        "mm",
        "mul.Tensor",
        "native_layer_norm",
        "ne.Scalar",
        "neg",
        "permute_copy",
        "pow.Tensor_Scalar",
        "relu",
        "rsqrt",
        "scalar_tensor",
        "scatter.value",
        "select_copy.int",
        "sigmoid",
        "sign",
        "slice_copy.Tensor",
        "slice_scatter",
        "split_with_sizes_copy",
        "sub.Tensor",
        "sum.dim_IntList",
        "tanh",
        "view_copy",
        "where.self",
    ]
)


@dataclass(frozen=True)
class TrainingArtifact:
    folder: Path
    path: Path
    bytes: int
    operators: dict[str, int]


class LossModule(nn.Module):
    """Encoder and task, with parameters named as in a checkpoint: what a step trains."""

    def __init__(self, encoder: Encoder, pretext: Pretext, names: Sequence[str]) -> None:
        super().__init__()
        self.encoder = encoder
        self.pretext = pretext
        self.names = tuple(names)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Loss, and the embedding [n, D] for the collapse meter."""
        out = self.pretext(self.encoder, **dict(zip(self.names, inputs, strict=True)))
        return out[LOSS], out[EMBEDDING].detach()


class FrozenNorm(nn.Sequential):
    """Convolution, batch norm and what follows, with the norm's statistics as they are.

    The norm is a factor and an offset of the convolution; its weight and bias still train.
    """

    def forward(self, x: Tensor) -> Tensor:
        layers: Any = list(self)
        conv, norm, *rest = layers
        scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
        weight = conv.weight * scale[:, None, None, None]
        bias = norm.bias - norm.running_mean * scale
        x = F.conv2d(x, weight, bias, conv.stride, conv.padding, conv.dilation, conv.groups)
        for layer in rest:
            x = layer(x)
        return x


def export_training(
    run: str | Path,
    out: str | Path | None = None,
    batch_size: int = BATCH_SIZE,
    licence: str = Card.licence,
) -> TrainingArtifact:
    """Write a run's training step, with the weights of its last checkpoint, for ExecuTorch.

    Args:
        run: a run's folder, or a checkpoint's.
        out: the folder to make; RUN/export-training if None. An earlier one there is replaced.
        batch_size: clips in a step; the artifact takes no other number.
        licence: of the weights, for the manifest.

    The folder holds `training.pte`, `manifest.json`, `reference.json` (what it gives for inputs
    that any device can make) and `start`, the checkpoint begun from, without its optimizer. Open it
    with `OnDeviceTrainer`.

    Raises `UserError`: no checkpoint or none with heads, a task or an operator that can't be
    trained there (by name), batch norm without statistics, a missing extra, a folder in the way.
    """
    if batch_size < 2:
        raise UserError(f"--batch-size {batch_size}: expected at least 2 clips in a step")
    with exporters_hushed():
        require("executorch.exir", "executorch")
    loaded = checkpoint.load(run)
    target = Path(out) if out is not None else Path(run) / "export-training"
    manifest.may_replace(target)
    config = PretrainConfig.from_dict(loaded.run)
    pretext, heads = load_task(loaded, config)
    inputs = example(loaded.model.frontend, config, pretext, batch_size)
    task = LossModule(loaded.model.encoder, pretext, tuple(inputs))
    with atomic_folder(target) as work:
        with exporters_hushed():
            operators = to_training(task, list(inputs.values()), work / FILE)
        checkpoint.save(work / START, loaded.model, loaded.run, loaded.progress, heads)
        form = Form("executorch", "fp32", "mel")
        content = manifest.describe(loaded, config.crop_samples, (), (), [form])
        entry = _entry(work / FILE, task, config, inputs) | {"operators": operators}
        content["artifacts"] = [entry]
        content["reference"] = reference.described(reference.record(work, [entry]))
        content["licence"] = licence
        manifest.write(work, content)
    return TrainingArtifact(target, target / FILE, entry["bytes"], operators)


def load_task(
    loaded: checkpoint.Checkpoint, config: PretrainConfig
) -> tuple[Pretext, dict[str, Tensor]]:
    """The run's task with its heads, and these by their names in the checkpoint."""
    pretext = pretext_class(config.task)(config.pretext, loaded.model.encoder, config.frontend)
    for part in pretext.modules():
        follows = isinstance(part, Pretext) and type(part).after_step is not Pretext.after_step
        if follows and not isinstance(part, Combined):
            raise UserError(
                f"{config.task}: {type(part).__name__} changes weights after each step (a moving "
                "average, say), which a training artifact does not do; tasks such as temporal-gap "
                "or audio2vec-cbow can be exported"
            )
    state = checkpoint.load_training(loaded.folder)
    heads = {name: value for name, value in state.items() if name.startswith("pretext.")}
    try:
        pretext.load_state_dict({k.removeprefix("pretext."): v for k, v in heads.items()})
    except RuntimeError as error:
        raise UserError(f"{loaded.folder}: its heads are not {config.task}'s: {error}") from error
    return pretext, heads


def example(frontend: LogMel, config: PretrainConfig, pretext: Pretext, batch_size: int) -> Inputs:
    """What the task draws from quiet noise: the names and shapes of a step's inputs."""
    rng = torch.Generator().manual_seed(0)
    clips = 0.01 * torch.randn(batch_size, config.crop_samples, generator=rng)
    with torch.no_grad():
        inputs = pretext.inputs(frontend, clips, rng)
    return {name: value.contiguous() for name, value in inputs.items()}


def to_training(step: nn.Module, inputs: Sequence[Tensor], target: Path) -> dict[str, int]:
    """Write loss and gradients of `step` as a .pte; gives its operators and how many of each.

    Args:
        step: gives the loss, then outputs that no gradient reaches.

    Raises `UserError`: an operator not in VERIFIED, batch norm that has seen nothing.
    """
    from executorch.exir import EdgeCompileConfig, to_edge

    program = joint_graph(frozen(step), inputs)
    edge = to_edge(
        program,
        compile_config=EdgeCompileConfig(
            _check_ir_validity=False,
            _skip_dim_order=True,
            preserve_ops=[torch.ops.aten.linear.default],
        ),
    )
    operators = Counter(
        node.target.name().rpartition("::")[2]
        for node in edge.exported_program().graph.nodes
        if node.op == "call_function" and node.target is not operator.getitem
    )
    unknown = sorted(set(operators) - VERIFIED)
    if unknown:
        raise UserError(
            f"can't be trained in ExecuTorch: {', '.join(unknown)}. The gradients of these "
            "operators are not known to be right there; choose another --task, or an encoder "
            "without them"
        )
    with target.open("wb") as file:
        edge.to_executorch().write_to_file(file)
    return dict(sorted(operators.items()))


def frozen(module: nn.Module) -> nn.Module:
    """A copy that trains with the statistics of its batch normalisations as they are.

    ExecuTorch can't train them, and a phone's few clips would make poor ones.
    """
    return _frozen(copy.deepcopy(module).train())


def _frozen(module: nn.Module) -> nn.Module:
    for name, child in module.named_children():
        setattr(module, name, _frozen(child))
    match list(module.children()):
        case [nn.Conv2d(), nn.BatchNorm2d() as norm, *_] if isinstance(module, nn.Sequential):
            _has_statistics(norm)
            return FrozenNorm(*module)
    return module


def _has_statistics(norm: nn.BatchNorm2d) -> None:
    if norm.num_batches_tracked is None or not int(norm.num_batches_tracked):
        raise UserError(
            "this checkpoint was never trained, so its batch norm has no statistics that a phone "
            "could train with; pretrain it first, or pretrain with --encoder.norm group"
        )


def _entry(file: Path, task: LossModule, config: PretrainConfig, inputs: Inputs) -> dict[str, Any]:
    """What an app needs to know of it."""
    return {
        "file": file.name,
        "sha256": sha256(file),
        "bytes": file.stat().st_size,
        "format": FORMAT,
        "precision": "fp32",
        "task": config.task,
        "pretext": asdict(config.pretext),
        "batch_size": len(next(iter(inputs.values()))),
        "norm": "frozen" if config.encoder.norm == "batch" else config.encoder.norm,
        "inputs": [
            {"name": name, "shape": list(value.shape), "dtype": str(value.dtype).partition(".")[2]}
            for name, value in inputs.items()
        ],
        "outputs": [LOSS, EMBEDDING],
        "parameters": [
            {"name": name, "shape": list(value.shape)} for name, value in task.named_parameters()
        ],
        "checkpoint": START,
    }
