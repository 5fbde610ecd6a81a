"""Count the parameters and multiply-adds of each encoder. Takes seconds and measures no time.

python benchmarks/encoders.py
"""

from __future__ import annotations

from pathlib import Path

import torch

from tiny_audio_ssl.audio.constants import WINDOW_SAMPLES
from tiny_audio_ssl.models.checkpoint import build_model
from tiny_audio_ssl.models.encoder_config import ENCODER_NAMES, EncoderConfig
from tiny_audio_ssl.models.encoders import multiply_adds, parameter_count
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.utils.files import write_rows

RESULTS = Path(__file__).parent / "results" / "encoders.csv"


def count(name: str) -> dict[str, str | int]:
    """Return the costs of an encoder with default settings, for a window of 0.975 s."""
    model = build_model(FrontendConfig(), EncoderConfig(name=name)).constant()
    window = torch.zeros(1, WINDOW_SAMPLES)
    return {
        "encoder": name,
        "parameters": parameter_count(model.encoder),
        "multiply_adds": multiply_adds(model.encoder, model.frontend(window)),
        "frontend_multiply_adds": multiply_adds(model.frontend, window),
    }


if __name__ == "__main__":
    write_rows(RESULTS, map(count, ENCODER_NAMES))
