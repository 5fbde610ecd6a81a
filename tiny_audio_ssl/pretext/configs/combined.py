"""The hyper-parameters of several tasks at once. Imports no PyTorch."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Annotated, Any

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.configs.base import PretextConfig
from tiny_audio_ssl.pretext.configs.weights import Weights, check_pairs, pairs
from tiny_audio_ssl.pretext.registry import TASKS, config_class
from tiny_audio_ssl.utils.ranges import DURATION_MS, check_numbers

PAIRS = pairs("TASK", "temporal-gap 1 audio2vec-cbow 0.5")


@dataclass(frozen=True)
class CombinedConfig(PretextConfig):
    """Hyper-parameters of several tasks at once."""

    weights: Annotated[Weights, PAIRS] = field(
        default_factory=lambda: {"temporal-gap": 1.0, "audio2vec-cbow": 1.0}
    )
    """Tasks, with their default settings, and the weight of each task's loss in the sum."""
    slice_ms: float | None = None
    """Length of the slices of all tasks. Default: each task's own."""

    def __post_init__(self) -> None:
        check_numbers(self, slice_ms=DURATION_MS)
        check_weights(self.weights)
        self.configs()  # raises if slice_ms does not suit one of the tasks

    def configs(self) -> dict[str, PretextConfig]:
        """Return the settings of each task."""
        return {name: _config(name, self.slice_ms) for name in self.weights}

    def clip_frames(self, frontend: FrontendConfig) -> int:
        return max(config.clip_frames(frontend) for config in self.configs().values())

    def slice_frames(self, frontend: FrontendConfig) -> int:
        """Return the shortest slice of the tasks. The encoder takes longer slices in pieces of that
        length, so that its inputs have one length in every task, and at inference."""
        return min(config.slice_frames(frontend) for config in self.configs().values())

    def length_option(self) -> str:
        return "--pretext.slice-ms, or --pretext.weights without the task of the longest clip"


def combinable() -> list[str]:
    """Return the names of the tasks that can be combined."""
    return [name for name, entry in TASKS.items() if entry.combinable]


def check_weights(weights: object) -> None:
    """Raise `UserError` unless the weights are positive numbers by the names of tasks."""
    check_pairs(weights, "task", combinable())


def _config(name: str, slice_ms: float | None) -> PretextConfig:
    config = config_class(name)()
    if slice_ms is None:
        return config
    if "slice_ms" not in {f.name for f in fields(config)}:
        raise UserError(f"slice_ms {slice_ms}: {name} has no slices whose length can be set")
    changed: dict[str, Any] = {"slice_ms": slice_ms}
    return replace(config, **changed)
