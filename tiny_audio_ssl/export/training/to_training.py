"""The training artifact: a run's own pretext task, forward and backward, in one .pte.

Random draws stay outside: the artifact takes the inputs that the task draws from a fixed number of
clips, and gives loss, embedding and the gradient of every weight.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.export import manifest, manifest_content, reference
from tiny_audio_ssl.export.config import TrainingExportConfig
from tiny_audio_ssl.export.forms import Form
from tiny_audio_ssl.export.replaceable import replaceable
from tiny_audio_ssl.export.training.frozen_norm import frozen
from tiny_audio_ssl.export.training.joint_graph import joint_graph
from tiny_audio_ssl.export.training.pytorch_private import (
    GuardOnDataDependentSymNode,
    to_training_program,
)
from tiny_audio_ssl.export.training.training_reference import run_on_references
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.models.names import home_of
from tiny_audio_ssl.pretext.base import Inputs, Pretext
from tiny_audio_ssl.pretext.tasks.combined import Combined
from tiny_audio_ssl.training import run_task
from tiny_audio_ssl.training.config import PretrainConfig
from tiny_audio_ssl.training.run_settings import settings_of
from tiny_audio_ssl.utils.claim import claimed_target
from tiny_audio_ssl.utils.collector import collections_paused
from tiny_audio_ssl.utils.extras import require
from tiny_audio_ssl.utils.files import atomic_folder, sha256
from tiny_audio_ssl.utils.quiet import exporters_hushed

FORMAT = "executorch-training"
FILE, START = "training.pte", "start"
LOSS, EMBEDDING = "loss", "embedding"

# Operators that a program may consist of. `tests/export/training/test_to_training.py` compares each
# in ExecuTorch with eager; ExecuTorch has kernels that run and are wrong (the gradient of max
# pooling).
VERIFIED = frozenset(
    [
        "_log_softmax",
        "_softmax",
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
        "mul.Scalar",
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
        "scatter_add",
        "select_copy.int",
        "sigmoid",
        "sign",
        "slice_copy.Tensor",
        "slice_scatter",
        "split_with_sizes_copy",
        "sqrt",
        "sub.Tensor",
        "sum.dim_IntList",
        "tanh",
        "view_copy",
        "where.self",
    ]
)


class UnverifiedOperatorsError(UserError):
    """Raised for a training step with operators that are not in VERIFIED."""

    def __init__(self, operators: Sequence[str]) -> None:
        super().__init__(
            f"can't be trained in ExecuTorch: {', '.join(operators)}. The gradients of these "
            "operators are not known to be right there; choose another --task, or an encoder "
            "without them"
        )
        self.operators = operators


class StepDependsOnValuesError(UserError):
    """Raised for a training step whose operators depend on the values of its inputs."""

    def __init__(self) -> None:
        super().__init__(
            "can't be trained in ExecuTorch: the operators of its step depend on the values of its "
            "inputs, and a program has fixed ones; choose another --task"
        )


@dataclass(frozen=True)
class TrainingArtifact:
    """A finished training artifact."""

    folder: Path
    path: Path
    bytes: int
    operators: dict[str, int]


class LossModule(nn.Module):
    """Encoder and task as one module, with parameters named as in a checkpoint."""

    def __init__(self, encoder: Encoder, pretext: Pretext, names: Sequence[str]) -> None:
        super().__init__()
        self.encoder = encoder
        self.pretext = pretext
        self.names = tuple(names)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss, and the embedding [n, D] for the collapse meter."""
        out = self.pretext(self.encoder, **dict(zip(self.names, inputs, strict=True)))
        return out[LOSS], out[EMBEDDING].detach()


def export_training(
    run: str | Path,
    out: str | Path | None = None,
    config: TrainingExportConfig | None = None,
    **changes: Any,
) -> TrainingArtifact:
    """Write a run's training step, with the weights of its last checkpoint, for ExecuTorch.

    Args:
        run: a run's folder, or a checkpoint's.
        out: the folder to make; RUN/export-training if None. The files of an earlier export there
            are replaced; others are kept.
        config: all settings; the defaults if None.
        changes: fields of `TrainingExportConfig` to replace in `config`.

    The folder holds `training.pte`, `manifest.json`, `reference.json` (what it gives for inputs
    that any device can make) and `start`, the checkpoint to start from, without its optimizer. Open
    it with `OnDeviceTrainer`.

    Raises `UserError`: no checkpoint or none with heads, a task or an operator that can't be
    trained there (by name), batch norm without statistics, a missing extra, a folder in the way.
    """
    settings = replace(config or TrainingExportConfig(), **changes)
    if settings.batch_size < 2:
        raise UserError(f"--batch-size {settings.batch_size}: expected at least 2 clips in a step")
    with exporters_hushed():
        require("executorch.exir", "executorch")
    loaded = checkpoint.load(run)
    if loaded.facts is not None:
        raise UserError(
            f"{run}: a model without a pretext task's heads, which a training step needs; train a "
            f"run from it (tiny-audio-ssl pretrain FOLDER --start {run} --out RUN) and export that"
        )
    if loaded.model.frontend.is_learned:
        raise UserError(
            f"{run}: its encoder, {loaded.model.encoder.config.name}, learns its filters from "
            "waveforms, and a training step in ExecuTorch starts from the log-mel; train another "
            "encoder there, such as mobile"
        )
    target = Path(out) if out is not None else home_of(run) / "export-training"
    replaceable(target, "export-training", [loaded.folder])
    trained = settings_of(loaded)
    pretext, heads = load_task(loaded, trained)
    inputs = example(loaded.model.frontend, trained, pretext, settings.batch_size)
    task = LossModule(loaded.model.encoder, pretext, tuple(inputs))
    with (
        claimed_target(target),
        atomic_folder(target, replaceable(target, "export-training", [loaded.folder])) as work,
    ):
        with exporters_hushed():
            operators = to_training(task, list(inputs.values()), work / FILE)
        checkpoint.save(work / START, loaded.model, loaded.run, loaded.progress, heads)
        form = Form("executorch", "fp32", "mel")
        content = manifest_content.describe(loaded, trained.crop_samples, (), (), [form])
        entry = _entry(work / FILE, task, trained, inputs) | {"operators": operators}
        content["artifacts"] = [entry]
        recorded = reference.record(work, [entry], run_on_references)
        content["reference"] = reference.described(recorded)
        content["license"] = settings.license
        manifest.write(work, content)
    return TrainingArtifact(target, target / FILE, entry["bytes"], operators)


def load_task(
    loaded: checkpoint.Checkpoint, config: PretrainConfig
) -> tuple[Pretext, dict[str, Tensor]]:
    """Load the run's task with its heads, as `run_task.load_task` does.

    Raises `UserError` for a task that changes weights after each step, too.
    """
    pretext, heads = run_task.load_task(loaded, config)
    check_steps(config.task, pretext)
    return pretext, heads


def check_steps(task: str, pretext: Pretext) -> None:
    """Raise `UserError` if the task changes weights after each step, besides by gradients."""
    for part in pretext.modules():
        follows = isinstance(part, Pretext) and type(part).after_step is not Pretext.after_step
        if follows and not isinstance(part, Combined):
            raise UserError(
                f"{task}: {type(part).__name__} changes weights after each step (a moving average, "
                "say), which a training artifact can't do; tasks such as temporal-gap or "
                "audio2vec-cbow can be exported"
            )


def example(frontend: LogMel, config: PretrainConfig, pretext: Pretext, batch_size: int) -> Inputs:
    """Return the inputs that the task draws from quiet noise: names and shapes of a step's."""
    rng = torch.Generator().manual_seed(0)
    clips = 0.01 * torch.randn(batch_size, config.crop_samples, generator=rng)
    with torch.no_grad():
        inputs = pretext.inputs(frontend, clips, rng)
    return {name: value.contiguous() for name, value in inputs.items()}


@collections_paused()
def to_training(step: nn.Module, inputs: Sequence[Tensor], target: Path) -> dict[str, int]:
    """Write loss and gradients of `step` as a .pte; return its operators with the count of each.

    Args:
        step: gives the loss, then outputs that no gradient reaches.

    Raises `UserError`: `UnverifiedOperatorsError`, `StepDependsOnValuesError`, or batch norm that
    has seen nothing.
    """
    try:
        joint = joint_graph(frozen(step), inputs)
    except GuardOnDataDependentSymNode as error:
        raise StepDependsOnValuesError from error
    edge = to_training_program(joint, kept=[torch.ops.aten.linear.default])
    operators = Counter(
        node.target.name().rpartition("::")[2]
        for node in edge.exported_program().graph.nodes
        if node.op == "call_function" and node.target is not operator.getitem
    )
    if unknown := sorted(set(operators) - VERIFIED):
        raise UnverifiedOperatorsError(unknown)
    with target.open("wb") as file:
        edge.to_executorch().write_to_file(file)
    return dict(sorted(operators.items()))


def _entry(file: Path, task: LossModule, config: PretrainConfig, inputs: Inputs) -> dict[str, Any]:
    """Return the manifest's entry: everything an app needs to train it."""
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
