"""A training step in ExecuTorch beside the same step in eager PyTorch; gradients compared.

python benchmarks/training_step.py
"""

from __future__ import annotations

import math
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import tyro
from torch import nn

from tiny_audio_ssl.bench.machine import device_name
from tiny_audio_ssl.export.runtimes import set_executorch_threads
from tiny_audio_ssl.export.training.frozen_norm import frozen
from tiny_audio_ssl.export.training.pytorch_private import METHOD, load_training_module
from tiny_audio_ssl.export.training.to_training import LossModule, example, to_training
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoder_config import EncoderConfig, Norm
from tiny_audio_ssl.pretext import pretext_class
from tiny_audio_ssl.training.config import PretrainConfig
from tiny_audio_ssl.utils.files import write_rows

RESULTS = Path(__file__).parent / "results" / "training_step.csv"


@dataclass(frozen=True)
class TrainingStepBenchmark:
    """One row for each task, encoder and norm. Times are the processor's, not the clock's, so
    that other load on the machine counts less; eager and artifact take turns, one thread."""

    tasks: tuple[str, ...] = ("temporal-gap", "audio2vec-cbow")
    encoders: tuple[str, ...] = ("mobile", "separable", "dense")
    norms: tuple[Norm, ...] = ("batch", "group")
    batch_size: int = 8
    steps: int = 20
    csv: Path = RESULTS


def main(wanted: TrainingStepBenchmark) -> None:
    torch.set_num_threads(1)
    set_executorch_threads(1)
    rows = []
    for task in wanted.tasks:
        for encoder in wanted.encoders:
            for norm in wanted.norms:
                rows.append(row(task, EncoderConfig(encoder, norm=norm), wanted))
                print(rows[-1], flush=True)
    write_rows(wanted.csv, rows)


def row(task: str, encoder: EncoderConfig, wanted: TrainingStepBenchmark) -> dict[str, Any]:
    config = PretrainConfig(task, pretext_class(task).Config(), encoder)
    model = checkpoint.untrained(config.frontend, config.encoder, seed=0)
    pretext = pretext_class(task)(config.pretext, model.encoder, config.frontend)
    inputs = example(model.frontend, config, pretext, wanted.batch_size)
    step = LossModule(model.encoder, pretext, tuple(inputs))
    settle(step, list(inputs.values()))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "training.pte"
        operators = to_training(step, list(inputs.values()), path)
        size = path.stat().st_size
        module = load_training_module(path)
    values = tuple(inputs.values())
    eager = frozen(step)

    def eager_step() -> None:
        eager.zero_grad()
        eager(*values)[0].backward()

    def artifact_step() -> None:
        module.forward_backward(METHOD, values)

    eager_ms, artifact_ms = take_turns([eager_step, artifact_step], wanted.steps)
    return {
        "task": task,
        "encoder": encoder.name,
        "norm": encoder.norm,
        "batch": wanted.batch_size,
        "eager_ms": round(eager_ms, 2),
        "artifact_ms": round(artifact_ms, 2),
        "ratio": round(artifact_ms / eager_ms, 2),
        "gradient_error": f"{gradient_error(eager, module.named_gradients()):.1e}",
        "bytes": size,
        "operators": sum(operators.values()),
        "steps": wanted.steps,
        "device": device_name(),
        "torch": torch.__version__,
    }


def settle(step: LossModule, inputs: list[torch.Tensor]) -> None:
    """Give batch norm the statistics of the inputs."""
    for module in step.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
    with torch.no_grad():
        step.train()(*inputs)


def take_turns(functions: list[Callable[[], None]], runs: int) -> list[float]:
    """Return the median processor time of each in ms, after two runs that don't count."""
    times: list[list[float]] = [[] for _ in functions]
    for number in range(runs + 2):
        for function, found in zip(functions, times, strict=True):
            began = time.process_time()
            function()
            if number >= 2:
                found.append(1000 * (time.process_time() - began))
    return [statistics.median(found) for found in times]


def gradient_error(step: nn.Module, gradients: dict[str, torch.Tensor]) -> float:
    """Return the length of the difference of all gradients, as a share of their length."""
    difference = length = 0.0
    for name, parameter in step.named_parameters():
        if parameter.grad is not None:
            difference += float((gradients[name] - parameter.grad).square().sum())
            length += float(parameter.grad.square().sum())
    return math.sqrt(difference / length)


if __name__ == "__main__":
    main(tyro.cli(TrainingStepBenchmark, description=__doc__))
