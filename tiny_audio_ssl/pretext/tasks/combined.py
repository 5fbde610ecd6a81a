"""Combined: several pretext tasks at once on one encoder, by a weighted sum of losses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from tiny_audio_ssl.data.batches import Batch
from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.base import Inputs, Pretext
from tiny_audio_ssl.pretext.configs.combined import CombinedConfig
from tiny_audio_ssl.pretext.parts import sampling
from tiny_audio_ssl.pretext.registry import pretext_class


class Combined(Pretext):
    """Each task learns on its own random cut of the same clips; loss = sum of weight x its loss.

    If all tasks take log-mels, the clips' log-mels are computed once and cut; otherwise the
    waveforms are cut, and each task makes its own inputs of them.

    The weights are fixed and the losses not rescaled: the size of a loss says little about the size
    of its gradient, and plain sums do as well as learned weights (Kurin et al. 2022, arXiv
    2201.04122). `search` finds good weights.
    """

    paper = "Pascual, Ravanelli, Serra, Bonafonte, Bengio 2019 (PASE), arXiv 1904.03416, section 2"

    Config = CombinedConfig

    def __init__(self, config: CombinedConfig, encoder: Encoder, frontend: FrontendConfig) -> None:
        super().__init__(config, encoder, frontend)
        self.tasks = nn.ModuleDict(
            {
                name: pretext_class(name)(own, encoder, frontend)
                for name, own in config.configs().items()
            }
        )
        if not all(map(_draws_from_logmel, self._tasks())):
            self.takes = "wav"

    @classmethod
    def clips_needed(cls, config: CombinedConfig) -> int:
        """Return the largest `min_clips` of the tasks."""
        return max(pretext_class(name).clips_needed(own) for name, own in config.configs().items())

    def inputs(self, frontend: LogMel, clips: Batch, rng: torch.Generator) -> Inputs:
        if self.takes == "logmel":
            return super().inputs(frontend, clips, rng)
        assert isinstance(clips, Tensor)  # tasks with default settings have no columns
        inputs: Inputs = {}
        for name, task in self._parts():
            samples = self.frontend.samples(task.config.clip_frames(self.frontend))
            own = task.inputs(frontend, sampling.random_cut(clips, samples, rng), rng)
            inputs |= {f"{name}/{key}": value for key, value in own.items()}
        return inputs

    def _tasks(self) -> Iterable[Pretext]:
        return cast(Iterable[Pretext], self.tasks.values())

    def _parts(self) -> Iterable[tuple[str, Pretext]]:
        return cast(Iterable[tuple[str, Pretext]], self.tasks.items())

    def draw(self, clips: Tensor, rng: torch.Generator) -> Inputs:
        """Draw the inputs of each task from log-mels, named TASK/KEY."""
        inputs: Inputs = {}
        for name, task in self._parts():
            frames = task.config.clip_frames(self.frontend)
            own = task.draw(sampling.random_cut(clips, frames, rng), rng)
            inputs |= {f"{name}/{key}": value for key, value in own.items()}
        return inputs

    def forward(self, encoder: Encoder, **inputs: Tensor) -> dict[str, Tensor]:
        """Add the losses. Each QUANTITY that a task logs, its loss too, becomes QUANTITY/TASK."""
        losses, embeddings = [], []
        logged: dict[str, Tensor] = {}
        for name, task in self._parts():
            prefix = f"{name}/"
            own = {k.removeprefix(prefix): v for k, v in inputs.items() if k.startswith(prefix)}
            out = task(encoder, **own)
            losses.append(self.config.weights[name] * out["loss"])
            embeddings.append(out.pop("embedding"))
            logged |= {f"{quantity}/{name}": value for quantity, value in out.items()}
        # Of one task: embeddings of slices of two lengths look spread even if each has collapsed.
        return {"loss": torch.stack(losses).sum(), "embedding": embeddings[0], **logged}

    def fit_crops(self, frontend: LogMel, crops: Sequence[Tensor]) -> None:
        for task in self._tasks():
            task.fit_crops(frontend, crops)

    def after_step(self, encoder: Encoder, step: int, total_steps: int) -> None:
        for task in self._tasks():
            task.after_step(encoder, step, total_steps)

    def collapse_reason(self, logged: Mapping[str, float]) -> str | None:
        for name, task in self._parts():
            suffix = f"/{name}"
            own = {k.removesuffix(suffix): v for k, v in logged.items() if k.endswith(suffix)}
            if found := task.collapse_reason(own):
                return f"{name}: {found}"
        return None


def _draws_from_logmel(task: Pretext) -> bool:
    return task.takes == "logmel" and type(task).inputs is Pretext.inputs
