"""The settings of distillation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tiny_audio_ssl.audio.constants import WINDOW_MS
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.configs.base import PretextConfig
from tiny_audio_ssl.utils.ranges import (
    COUNT_OR_0,
    DURATION_MS,
    NOT_NEGATIVE,
    POSITIVE,
    SHARE,
    Range,
    check_numbers,
    checked_number,
)

NO_WEIGHTS = "-"


@dataclass(frozen=True)
class DistillationConfig(PretextConfig):
    """Hyper-parameters of distillation."""

    teacher: tuple[str, ...] = ("tiny_audio_ssl.embedding.mel_statistics",)
    """Modules with the HEAR API, one per teacher. A module that is not installed is found through
    PYTHONPATH=FOLDER. The default, statistics of the log-mel, needs no weights and teaches little.
    """
    weights: tuple[str, ...] = ()
    """Weights for each teacher, a path that is passed to its `load_model`; `-` for a teacher
    without weights. Default: none for all."""
    importance: tuple[float, ...] = ()
    """Weight of each teacher's loss. Default: 1 for all."""
    speech_teacher: tuple[str, ...] = ()
    """Teachers used on speech only: on recordings whose column `kind` in the manifest is `speech`
    or `words`. Needs --pretext.views."""
    hidden: int = 0
    """Hidden size of the network between the embedding and the teachers' embeddings, which is
    discarded with the task. 0: a linear map. With more, embeddings of the last layer get better."""
    clip_ms: float = WINDOW_MS
    """Length of the clips that teachers and encoder receive."""
    mix: float = 0.5
    """Share of the clips that are mixed with another clip."""
    views: int = 0
    """Views of each recording (of each segment of a long one) whose log-mels and targets are
    computed once, before training, and cached: about 14 kB each. 0: the teachers run in every step.
    """
    views_seed: int | None = None
    """Seed that the views are drawn with. Default: that of the training. Runs with the same seed
    here and the same --held-out-seed share their targets, whatever the seed of their training."""
    band_limited: float = 0.0
    """Share of the views without content above 4 kHz. Needs --pretext.views."""
    roll_frames: int = 8
    """Maximum number of frames by which a view is shifted in time, with wrap-around."""
    level_db: float = 0.0
    """Maximum change of a view's level in a step, up or down; the targets do not change."""
    noise: float = 0.0
    """Share of the views to which noise is added in a step, while the targets do not change. Needs
    --pretext.views."""
    min_snr_db: float = 10.0
    """Minimum signal-to-noise ratio of the noisy views."""
    max_snr_db: float = 40.0
    """Maximum signal-to-noise ratio of the noisy views."""

    def __post_init__(self) -> None:
        for name in ("teacher", "weights", "speech_teacher"):
            object.__setattr__(self, name, _texts(name, getattr(self, name)))
        object.__setattr__(self, "importance", _numbers("importance", self.importance))
        self._check_teachers()
        check_numbers(
            self,
            hidden=COUNT_OR_0,
            clip_ms=DURATION_MS,
            mix=SHARE,
            views=COUNT_OR_0,
            views_seed=COUNT_OR_0,
            band_limited=SHARE,
            roll_frames=COUNT_OR_0,
            level_db=NOT_NEGATIVE,
            noise=SHARE,
            min_snr_db=NOT_NEGATIVE,
            max_snr_db=Range(self.min_snr_db),
        )

    def _check_teachers(self) -> None:
        if not self.teacher:
            raise UserError("no teacher; give one or more modules with --pretext.teacher")
        for name in ("weights", "importance"):
            given = getattr(self, name)
            if given and len(given) != len(self.teacher):
                raise UserError(
                    f"{len(given)} --pretext.{name} were given for {len(self.teacher)} teachers; "
                    "give one for each"
                )
        if unknown := sorted(set(self.speech_teacher) - set(self.teacher)):
            raise UserError(
                f"--pretext.speech-teacher {' '.join(unknown)}: not among the teachers, "
                f"{', '.join(self.teacher)}"
            )
        if not self.views and (self.speech_teacher or self.band_limited or self.noise):
            raise UserError(
                "--pretext.speech-teacher, --pretext.band-limited and --pretext.noise need views, "
                "which are computed before training; give --pretext.views 2"
            )

    def paths(self) -> list[str | None]:
        """Return the weights of each teacher, or None for one that takes none."""
        given = self.weights or (NO_WEIGHTS,) * len(self.teacher)
        return [None if path == NO_WEIGHTS else path for path in given]

    def clip_frames(self, frontend: FrontendConfig) -> int:
        return frontend.frames_of_ms(self.clip_ms)

    def slice_frames(self, frontend: FrontendConfig) -> int:
        return self.clip_frames(frontend)

    def length_option(self) -> str:
        return "--pretext.clip-ms"

    def columns(self) -> tuple[str, ...]:
        return ("kind",) if self.speech_teacher else ()

    def columns_option(self) -> str:
        return "--pretext.speech-teacher"

    def prepares(self) -> bool:
        return self.views > 0


def _texts(name: str, given: Any) -> tuple[str, ...]:
    """Return the values of a setting; one text alone, or None, is from an older version."""
    values = (given,) if isinstance(given, str) else _values(name, given or ())
    if not all(isinstance(value, str) for value in values):
        raise UserError(f"{name} is {given!r}; expected texts")
    return values


def _numbers(name: str, given: Any) -> tuple[float, ...]:
    values = _values(name, given)
    return tuple(float(checked_number(name, value, POSITIVE)) for value in values)


def _values(name: str, given: Any) -> tuple[Any, ...]:
    if not isinstance(given, list | tuple):
        raise UserError(f"{name} is {given!r}; expected a list")
    return tuple(given)
