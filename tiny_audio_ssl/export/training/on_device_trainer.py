"""OnDeviceTrainer: train a training artifact in ExecuTorch, as on a phone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.export import manifest
from tiny_audio_ssl.export.runtimes import executorch_threads, prepare_runtime
from tiny_audio_ssl.export.training.pytorch_private import METHOD, load_training_module
from tiny_audio_ssl.export.training.to_training import FORMAT, START, load_task
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.pretext.base import Inputs
from tiny_audio_ssl.training.run_settings import settings_of


class OnDeviceTrainer:
    """Stochastic gradient descent on the weights inside a training artifact.

    ```
    trainer = OnDeviceTrainer("run/export-training", learning_rate=0.01)
    for waveforms in clips:  # float32 [batch_size, samples], -1..1
        loss = trainer.step(trainer.draw(waveforms, rng))
    trainer.save("mine")     # a checkpoint: embed, probe, export
    ```
    """

    def __init__(
        self,
        folder: str | Path,
        learning_rate: float = 0.01,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        threads: int | None = 1,
    ) -> None:
        """Open the folder that `export-training` makes.

        `threads`: the runtime's own choice if None.

        Raises `UserError`: no such folder, an artifact truncated or altered, a missing extra.
        """
        if not (0 < learning_rate < math.inf and 0 <= momentum < 1 and weight_decay >= 0):
            raise UserError(
                f"learning_rate {learning_rate}, momentum {momentum}, weight_decay {weight_decay}; "
                "expected learning_rate > 0, momentum from 0 to less than 1, weight_decay >= 0"
            )
        folder = Path(folder)
        self.entry = _entry(folder)
        self.learning_rate, self.momentum = learning_rate, momentum
        self.weight_decay = weight_decay
        self.steps = 0
        self._start = checkpoint.load(folder / START)
        self._config = settings_of(self._start)
        self._pretext, _ = load_task(self._start, self._config)
        prepare_runtime("executorch")
        self._threads = threads
        self._module = load_training_module(folder / self.entry["file"])
        self._parameters = self._reach_parameters()
        self._restart()

    @property
    def batch_size(self) -> int:
        return int(self.entry["batch_size"])

    @torch.no_grad()
    def draw(self, waveforms: Tensor, rng: torch.Generator) -> Inputs:
        """Draw a step's inputs from clips [batch_size, samples], mono, -1..1, at 16 kHz.

        Longer clips than the task's are cut at their start; shorter ones are a `UserError`.
        """
        needed = self._config.crop_samples
        if waveforms.dim() != 2 or len(waveforms) != self.batch_size or waveforms.shape[1] < needed:
            raise UserError(
                f"clips of shape {list(waveforms.shape)}; expected [{self.batch_size}, {needed}] "
                "or longer: mono, float32, 16 kHz"
            )
        return self._pretext.inputs(self._start.model.frontend, waveforms[:, :needed], rng)

    def gradients(self, inputs: Mapping[str, Tensor]) -> tuple[float, dict[str, Tensor]]:
        """Return the loss on inputs of `draw`, and its gradients by parameter; change no weight.

        Raises `UserError`: names, shapes or types that are not the manifest's.
        """
        with executorch_threads(self._threads):
            loss, _ = self._module.forward_backward(METHOD, self._inputs(inputs))
        return float(loss), dict(self._module.named_gradients())

    def step(self, inputs: Mapping[str, Tensor]) -> float:
        """Take one step of SGD; return the loss before it.

        Raises `UserError` if loss or gradients are not finite; the weights are then as before.
        """
        loss, gradients = self.gradients(inputs)
        if not math.isfinite(loss) or not all(g.isfinite().all() for g in gradients.values()):
            raise UserError(
                f"loss {loss}: it or a gradient is not finite, so no step was taken; check the "
                f"clips, or use a smaller learning_rate than {self.learning_rate:g}"
            )
        self._optimizer.step(gradients)
        self.steps += 1
        return loss

    def weights(self) -> dict[str, Tensor]:
        """Return a copy of all weights, by their names in the checkpoint."""
        return {name: self._parameters[name].clone() for name in self._shapes()}

    def set_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Replace all weights, as a federated round does; momentum starts anew.

        Raises `UserError`, and changes nothing: names missing or unknown, another shape, NaN.
        """
        shapes = self._shapes()
        _check_names("weights", weights, shapes)
        for name, shape in shapes.items():
            value = weights[name]
            if list(value.shape) != shape:
                raise UserError(f"{name}: shape {list(value.shape)}; expected {shape}")
            if not value.isfinite().all():
                raise UserError(f"{name}: holds NaN or infinity; no weight was changed")
        with torch.no_grad():
            for name in shapes:
                self._parameters[name].copy_(weights[name])
        self._restart()

    def save(self, folder: str | Path) -> Path:
        """Write a checkpoint with these weights: `embed`, `probe`, `export` and `load` read it.

        Front-end, statistics of the norms and settings are those of the start; the
        optimizer's state is not kept. Raises `UserError` if a weight is not finite.
        """
        weights = self.weights()
        broken = [name for name, value in weights.items() if not value.isfinite().all()]
        if broken:
            raise UserError(f"{broken[0]} is not finite after {self.steps} steps; nothing is saved")
        model = checkpoint.load(self._start.folder).model
        heads = checkpoint.load_training(self._start.folder)
        model.encoder.load_state_dict(checkpoint.within(weights, "encoder."), strict=False)
        trained = {f"pretext.{k}": v for k, v in checkpoint.within(weights, "pretext.").items()}
        done = self._start.progress.get("on_device_steps", 0) + self.steps
        progress = {**self._start.progress, "on_device_steps": done}
        checkpoint.save(Path(folder), model, self._start.run, progress, {**heads, **trained})
        return Path(folder)

    def _inputs(self, inputs: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
        wanted = {spec["name"]: spec for spec in self.entry["inputs"]}
        _check_names("inputs", inputs, wanted)
        for name, spec in wanted.items():
            value = inputs[name]
            found = (list(value.shape), str(value.dtype).partition(".")[2])
            if found != (spec["shape"], spec["dtype"]):
                raise UserError(
                    f"input {name}: {found[1]} {found[0]}; expected {spec['dtype']} {spec['shape']}"
                )
        # The runtime reads memory from its start, in row order.
        return tuple(inputs[name].contiguous() for name in wanted)

    def _reach_parameters(self) -> dict[str, Tensor]:
        """Return the runtime's own memory, which it shows after a first pass."""
        zeros = {
            spec["name"]: torch.zeros(spec["shape"], dtype=getattr(torch, spec["dtype"]))
            for spec in self.entry["inputs"]
        }
        self.gradients(zeros)
        parameters: dict[str, Tensor] = self._module.named_parameters()
        _check_names("parameters of the artifact", parameters, self._shapes())
        return parameters

    def _shapes(self) -> dict[str, list[int]]:
        return {spec["name"]: spec["shape"] for spec in self.entry["parameters"]}

    def _restart(self) -> None:
        from executorch.extension.training import get_sgd_optimizer

        self._optimizer = get_sgd_optimizer(
            self._parameters, self.learning_rate, self.momentum, 0.0, self.weight_decay
        )


def _entry(folder: Path) -> dict[str, Any]:
    for entry in manifest.read(folder)["artifacts"]:
        if entry["format"] == FORMAT:
            return dict(entry)
    raise UserError(
        f"{folder}: holds no training artifact; make one with `tiny-audio-ssl export-training RUN`"
    )


def _check_names(what: str, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    missing, unknown = sorted(set(wanted) - set(found)), sorted(set(found) - set(wanted))
    if missing or unknown:
        raise UserError(
            f"{what}: missing {', '.join(missing[:5]) or 'none'}; unknown "
            f"{', '.join(unknown[:5]) or 'none'}; expected {len(wanted)} names, as the manifest "
            "lists them"
        )
