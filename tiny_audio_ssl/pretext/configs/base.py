"""The settings that every task has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tiny_audio_ssl.models.frontend_config import FrontendConfig


@dataclass(frozen=True)
class PretextConfig:
    """Hyper-parameters of a task, with units in their names.

    Derive a frozen dataclass from it, with a docstring below each field, which the command line
    shows.
    """

    wants: ClassVar[FrontendConfig] = FrontendConfig()
    """Default front-end of the task's runs."""

    def clip_frames(self, frontend: FrontendConfig) -> int:
        """Return the number of log-mel frames that a clip must have."""
        raise NotImplementedError

    def slice_frames(self, frontend: FrontendConfig) -> int:
        """Return the number of log-mel frames that the encoder takes at a time."""
        raise NotImplementedError

    def length_option(self) -> str:
        """Name the option that lowers `clip_frames`, for the error about short recordings."""
        raise NotImplementedError

    def class_lists(self) -> dict[str, tuple[str, ...]]:
        """Return the manifest columns that are passed to `draw`, each with its classes.

        `draw` gets the number of a recording's class in the list, or -1 for an empty cell and for a
        class that is not in it. The list is a setting, so that all devices number alike.
        """
        return {}

    def word_columns(self) -> tuple[str, ...]:
        """Return the manifest columns with the times of words, which are passed to `draw`.

        A cell such as "0.31-0.62 0.62-1.1" has onset and offset of each word, in seconds from the
        beginning of the recording. `draw` gets the words that lie in the clip.
        """
        return ()

    def columns(self) -> tuple[str, ...]:
        """Return the manifest columns that the task needs."""
        return (*self.class_lists(), *self.word_columns())

    def columns_option(self) -> str:
        """Name the option that makes columns necessary, for the error about a missing one."""
        raise NotImplementedError

    def prepares(self) -> bool:
        """Return whether the task computes rows from all recordings before training."""
        return False
