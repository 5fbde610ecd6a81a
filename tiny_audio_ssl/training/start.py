"""Start a run with the encoder and the front-end statistics of another run or of a model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models.checkpoint import Checkpoint
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.models.frontend_config import FrontendConfig

# Settings of an encoder that its weights do not depend on.
FREE = ("slice_frames", "readout", "middle_scale", "middle_dct", "mel_dct")


def settings_from(start: Checkpoint) -> dict[str, Any]:
    """Return encoder and front-end settings for a run that starts from `start`.

    The encoder's slices are as long as those of the run's own task.
    """
    return {
        "encoder": replace(start.model.encoder.config, slice_frames=None),
        "frontend": start.model.frontend.config,
    }


def check_fits(
    given: str | Path, start: Checkpoint, encoder: EncoderConfig, frontend: FrontendConfig
) -> None:
    """Raise `UserError` unless the weights of `start` fit a model of these settings.

    Args:
        given: `start` as the user named it.
    """
    theirs = dict(_settings(start.model.encoder.config, start.model.frontend.config))
    other = [
        f"{name} is {theirs[name]} there and {value} here"
        for name, value in _settings(encoder, frontend)
        if value != theirs[name]
    ]
    if other:
        raise UserError(
            f"{given}: the run can't start from these weights, because their settings differ: "
            f"{'; '.join(other)}. Use the settings of the weights, or another start"
        )


def _settings(encoder: EncoderConfig, frontend: FrontendConfig) -> Iterator[tuple[str, Any]]:
    for part, config in (("encoder", encoder), ("frontend", frontend)):
        for name, value in asdict(config).items():
            if name not in FREE:
                yield f"{part}.{name}", value
