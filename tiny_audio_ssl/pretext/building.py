"""Build a task for an encoder, or explain why the two cannot be combined."""

from __future__ import annotations

from typing import Any

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models.bodies import halved
from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext.base import Pretext
from tiny_audio_ssl.pretext.registry import PRETEXTS, pretext_class


def build_task(name: str, config: Any, encoder: Encoder, frontend: FrontendConfig) -> Pretext:
    """Return the named task with heads for `encoder`, and with the settings `config`.

    Raises `UserError`: an unknown name, or an encoder with a part that the task can't train.
    """
    kind = pretext_class(name)
    if encoder.frontend.is_learned and not _hears_waveforms(kind, config):
        fitting = [n for n, other in PRETEXTS.items() if _hears_waveforms(other)]
        raise UserError(
            f"the encoder {encoder.config.name} learns its filters from waveforms, and {name} "
            "takes log-mels, so the filters would learn nothing. Choose a task that takes "
            f"waveforms ({', '.join(fitting)}) or another encoder, such as mobile"
        )
    frames = config.slice_frames(frontend)
    columns = halved(frames, encoder.halvings)
    if encoder.attention is not None and columns < 2:
        raise UserError(
            "--encoder.pooling attention needs several time steps in the last feature map, and a "
            f"slice of {frames} frames has only one with {encoder.config.name}; give slices of at "
            f"least {2**encoder.halvings + 1} frames ({config.length_option()}), or pool by "
            "mean_max"
        )
    return kind(config, encoder, frontend)


def _hears_waveforms(kind: type[Pretext], config: Any = None) -> bool:
    """Return whether a step takes waveforms rather than a log-mel that was computed before."""
    prepares = config is not None and config.prepares()
    return kind.takes == "wav" and kind.inputs is Pretext.inputs and not prepares
