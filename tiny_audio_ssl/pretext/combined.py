"""Combined: several pretext tasks at once on one encoder, their losses added with weights."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Annotated, Any, cast

import torch
from torch import Tensor, nn
from tyro.constructors import PrimitiveConstructorSpec

from tiny_audio_ssl import pretext  # its PRETEXTS names this task too: read at run time only
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend import FrontendConfig
from tiny_audio_ssl.pretext import sampling
from tiny_audio_ssl.pretext.base import Inputs, Pretext

Weights = dict[str, float]


def parse_weights(words: Sequence[str]) -> Weights:
    """TASK WEIGHT pairs, as typed; a `UserError` when they are not pairs."""
    try:
        return {task: float(w) for task, w in zip(words[::2], words[1::2], strict=True)}
    except ValueError:
        raise UserError(
            f"weights {' '.join(words)!r}: expected pairs of a task and a number, "
            "e.g. temporal-gap 1 audio2vec-cbow 0.5"
        ) from None


def format_weights(weights: Mapping[str, float]) -> list[str]:
    """What to type for them."""
    return [word for task, weight in weights.items() for word in (task, f"{weight:g}")]


AS_PAIRS = PrimitiveConstructorSpec(
    nargs="*",
    metavar="TASK WEIGHT [TASK WEIGHT ...]",
    instance_from_str=lambda words: parse_weights(words),
    is_instance=lambda value: isinstance(value, dict),
    str_from_instance=format_weights,
)


class Combined(Pretext):
    """Each task learns on its own random cut of the same clips; loss = sum of weight x its loss.

    The weights are fixed and the losses as they are: how large a loss is says little of how hard
    it pulls at the encoder (docs/choosing-tasks.md has figures), and plain sums do as well as
    weights that are learned (Kurin et al. 2022, arXiv 2201.04122). `search` finds good ones.
    """

    paper = "Pascual, Ravanelli, Serra, Bonafonte, Bengio 2019 (PASE), arXiv 1904.03416, section 2"
    summary = "several of the other tasks at once, weighted"

    @dataclass(frozen=True)
    class Config(Pretext.Config):
        weights: Annotated[Weights, AS_PAIRS] = field(
            default_factory=lambda: {"temporal-gap": 1.0, "audio2vec-cbow": 1.0}
        )
        """Which tasks, with their default settings, and how much the loss of each counts."""
        slice_ms: float | None = None
        """Length of the slices of all tasks; left out: each task's own."""

        def __post_init__(self) -> None:
            check_weights(self.weights)
            self.configs()  # which say what is wrong with slice_ms

        def configs(self) -> dict[str, Pretext.Config]:
            """The tasks' own settings."""
            return {name: _config(name, self.slice_ms) for name in self.weights}

        def clip_frames(self, frontend: FrontendConfig) -> int:
            return max(config.clip_frames(frontend) for config in self.configs().values())

        def slice_frames(self, frontend: FrontendConfig) -> int:
            """The shortest: the encoder then takes longer slices in pieces of that length, and
            meets in every task, and ever after, what it knows."""
            return min(config.slice_frames(frontend) for config in self.configs().values())

        def shorter(self) -> str:
            return "--pretext.slice-ms, or --pretext.weights without the task of the longest clip"

    def __init__(self, config: Config, encoder: Encoder, frontend: FrontendConfig) -> None:
        super().__init__(config, encoder, frontend)
        self.tasks = nn.ModuleDict(
            {
                name: pretext.pretext_class(name)(own, encoder, frontend)
                for name, own in config.configs().items()
            }
        )

    def _parts(self) -> Iterable[tuple[str, Pretext]]:
        return cast(Iterable[tuple[str, Pretext]], self.tasks.items())

    def draw(self, clips: Tensor, rng: torch.Generator) -> Inputs:
        """Each task's own, as TASK/KEY."""
        inputs: Inputs = {}
        for name, task in self._parts():
            frames = task.config.clip_frames(self.frontend)
            start = sampling.integers(0, clips.shape[3] - frames, len(clips), rng)
            own = task.draw(sampling.cut(clips, start, frames), rng)
            inputs |= {f"{name}/{key}": value for key, value in own.items()}
        return inputs

    def forward(self, encoder: Encoder, **inputs: Tensor) -> dict[str, Tensor]:
        """What a task logs as QUANTITY is logged as QUANTITY/TASK, its loss among it."""
        losses, embeddings = [], []
        logged: dict[str, Tensor] = {}
        for name, task in self._parts():
            prefix = f"{name}/"
            own = {k.removeprefix(prefix): v for k, v in inputs.items() if k.startswith(prefix)}
            out = task(encoder, **own)
            losses.append(self.config.weights[name] * out["loss"])
            embeddings.append(out.pop("embedding"))
            logged |= {f"{quantity}/{name}": value for quantity, value in out.items()}
        # One task's alone: slices of two lengths would look spread when each had collapsed.
        return {"loss": torch.stack(losses).sum(), "embedding": embeddings[0], **logged}

    def fit(self, clips: Tensor) -> None:
        for _, task in self._parts():
            task.fit(clips)

    def after_step(self, encoder: Encoder, step: int, total_steps: int) -> None:
        for _, task in self._parts():
            task.after_step(encoder, step, total_steps)


def combinable() -> list[str]:
    """The tasks that can be combined: all that learn from the log-mel."""
    kinds = pretext.PRETEXTS.items()
    return [name for name, kind in kinds if kind is not Combined and kind.takes == "logmel"]


def check_weights(weights: object) -> None:
    """Raises `UserError` unless they are positive numbers by the names of tasks."""
    known = ", ".join(combinable())
    if not isinstance(weights, dict) or not weights:
        raise UserError(f"weights {weights!r}: expected a weight for each of some of {known}")
    unknown = [name for name in weights if name not in combinable()]
    if unknown:
        raise UserError(f"can't combine {', '.join(map(repr, unknown))}; choose from {known}")
    for name, weight in weights.items():
        if not (isinstance(weight, int | float) and 0 < weight < math.inf):
            raise UserError(
                f"the weight of {name} is {weight}; expected more than 0 (leave out a task that "
                f"is not to count; known are {known})"
            )


def _config(name: str, slice_ms: float | None) -> Pretext.Config:
    config = pretext.pretext_class(name).Config()
    if slice_ms is None:
        return config
    if "slice_ms" not in {f.name for f in fields(config)}:
        raise UserError(f"slice_ms {slice_ms}: {name} has no slices whose length can be set")
    changed: dict[str, Any] = {"slice_ms": slice_ms}
    return replace(config, **changed)
