"""A model folder: the weights of a run in the form that the package and model hubs use.

```
NAME/  model.safetensors  front-end statistics and encoder, float16
       config.json        settings without paths of this machine, facts, hashes
       MODEL_CARD.md      the facts, for readers
```
It is a checkpoint (see `models.checkpoint`) without the data for resuming.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tiny_audio_ssl.audio import synthetic
from tiny_audio_ssl.audio.constants import WINDOW_SAMPLES
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.export import model_folder_card
from tiny_audio_ssl.export.model_card import MODEL_CARD
from tiny_audio_ssl.export.parity import compare
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.checkpoint import Checkpoint
from tiny_audio_ssl.models.encoders import WaveformEncoder, multiply_adds, parameter_count
from tiny_audio_ssl.utils.files import atomic_folder

MIN_SNR_DB = 50.0  # of embeddings by the float16 weights; rounding alone leaves 60 or more
SETTINGS = ("task", "pretext", "training", "corpus", "start")
PROGRESS: tuple[str, ...] = ("step", "best")
TAKES = 8  # built-in sounds of each class that the embeddings are compared on


def write_model_folder(
    run: str | Path,
    out: Path,
    name: str,
    license: str,
    more_facts: Mapping[str, Any] | None = None,
    sections: Sequence[str] = (),
    files: Mapping[str, str] | None = None,
    readout: Sequence[str] = (),
) -> float:
    """Write the last checkpoint of a run as the model folder `out`.

    Args:
        run: a run, a checkpoint or the name of a model.
        name: of the model.
        license: of the weights, such as apache-2.0.
        more_facts: for config.json, besides those that the checkpoint tells.
        sections: of the card, in Markdown, between training and limits.
        files: texts of other files in the folder, by name.
        readout: parts of the embedding, instead of those of the run.

    Returns the signal-to-noise ratio in dB of the embeddings by the float16 weights, on built-in
    sounds.

    Raises `UserError`: no checkpoint, something else at `out`, embeddings that differ too much.
    """
    loaded = checkpoint.load(run, readout)
    checkpoint.check_replaceable(out)
    texts = dict(files or {})
    facts = {"name": name, "license": license, **_facts(loaded.model), **(more_facts or {})}
    settings = {key: _public(loaded.run[key]) for key in SETTINGS if key in loaded.run}
    progress = {key: loaded.progress[key] for key in PROGRESS if key in loaded.progress}
    written = [*checkpoint.FILES, MODEL_CARD, *texts]
    with atomic_folder(out, replaces=written) as work:
        checkpoint.save(work, loaded.model, settings, progress, facts=facts)
        snr_db = _snr_db(loaded, checkpoint.load(work))
        if not snr_db >= MIN_SNR_DB:
            raise UserError(
                f"{run}: embeddings computed with its weights in float16 have {snr_db:.1f} dB of "
                f"signal to noise, expected at least {MIN_SNR_DB:g}; its weights are out of "
                "float16's range"
            )
        kilobytes = (work / checkpoint.MODEL).stat().st_size / 1000
        card = model_folder_card.card(
            facts, loaded.model.encoder.config, settings, progress, kilobytes, sections
        )
        for file, text in {MODEL_CARD: card, **texts}.items():
            (work / file).write_text(text, encoding="utf-8")
    return snr_db


def _facts(model: WaveformEncoder) -> dict[str, Any]:
    encoder, window = model.encoder, torch.zeros(1, WINDOW_SAMPLES)
    return {
        "parameters": parameter_count(encoder),
        "multiply_adds": {
            "encoder": multiply_adds(encoder, model.frontend(window)),
            "frontend": multiply_adds(model.frontend, window),
        },
        "embedding_dim": encoder.embedding_dim,
    }


def _public(value: Any) -> Any:
    """Return settings in which each path is only its last part: folder names are not public."""
    if isinstance(value, str):
        return Path(value).name if os.sep in value else value
    if isinstance(value, Mapping):
        return {key: _public(item) for key, item in value.items()}
    return [_public(item) for item in value] if isinstance(value, list | tuple) else value


def _snr_db(loaded: Checkpoint, halved: Checkpoint) -> float:
    waves = torch.stack(
        [_window(label, take) for label in synthetic.SOUNDS for take in range(TAKES)]
    )
    with torch.no_grad():
        found, expected = halved.model(waves), loaded.model(waves)
    parity = compare(found, expected, MIN_SNR_DB, loaded.model.encoder.learned_dim)
    return parity.snr_db


def _window(label: str, take: int) -> Tensor:
    wave = torch.from_numpy(synthetic.make(label, take))
    return wave.repeat(1 + WINDOW_SAMPLES // len(wave))[:WINDOW_SAMPLES]
