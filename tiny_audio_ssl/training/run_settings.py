"""The settings of a checkpoint's run."""

from __future__ import annotations

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.training.config import PretrainConfig


def settings_of(start: checkpoint.Checkpoint) -> PretrainConfig:
    """Return the settings of a checkpoint's run.

    Raises `CheckpointError` if it has settings that this version does not know.
    """
    try:
        return PretrainConfig.from_dict(start.run)
    except (UserError, TypeError, KeyError, AttributeError) as error:
        raise checkpoint.misfit(start.folder, error) from error
