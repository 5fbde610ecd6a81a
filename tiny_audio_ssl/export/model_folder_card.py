"""The card of a model folder: the model, its training data and its limits."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from tiny_audio_ssl.export.config import NOT_STATED
from tiny_audio_ssl.export.model_card import LIMITS, front_matter, table
from tiny_audio_ssl.models.encoder_config import EncoderConfig, readout_text
from tiny_audio_ssl.utils.text import markdown

USE = """\
```python
import tiny_audio_ssl

model = tiny_audio_ssl.load({load})
vector = model.embed(waveform)  # [samples], mono, -1..1, 16 kHz -> [{embedding_dim}]
```

`tiny-audio-ssl embed`, `probe`, `finetune`, `export` and `pretrain --start` take this name too."""


def card(
    facts: Mapping[str, Any],
    encoder: EncoderConfig,
    settings: Mapping[str, Any],
    progress: Mapping[str, Any],
    kilobytes: float,
    sections: Sequence[str],
) -> str:
    """Return the text of MODEL_CARD.md, with the header that model hubs read.

    Args:
        facts: those of the model's config.json.
        encoder: settings of the encoder.
        settings: of the run that made the model.
        progress: the step at which the training ended.
        kilobytes: size of the weights' file.
        sections: in Markdown, between training and limits.
    """
    parts = [
        front_matter(facts["license"], ()),
        f"# {markdown(facts['name'])}: audio embeddings by {settings.get('task', NOT_STATED)}, "
        f"encoder {encoder.name}",
        f"A sound (16 kHz, mono, of any length) becomes {facts['embedding_dim']} numbers. Learned "
        "without labels by tiny-audio-ssl.",
        "## Use\n\n" + USE.format(load=json.dumps(facts["name"]), **facts),
        "## Model\n\n" + table(("", ""), _model(facts, encoder, kilobytes)),
        "## Training\n\n" + table(("", ""), _training(settings, progress)),
        *sections,
        "## Limits\n\n" + LIMITS,
        f"## License\n\n{facts['license']}",
    ]
    return "\n\n".join(parts) + "\n"


def _model(
    facts: Mapping[str, Any], encoder: EncoderConfig, kilobytes: float
) -> list[tuple[str, str]]:
    cost = facts["multiply_adds"]
    return [
        ("parameters", f"{facts['parameters']:,}"),
        ("multiply-adds of 0.975 s", f"{cost['encoder']:,} (front-end {cost['frontend']:,})"),
        ("embedding size", f"{facts['embedding_dim']:,}"),
        ("readout", readout_text(asdict(encoder))),
        ("weights", f"{kilobytes:.0f} kB, float16; loaded as float32"),
    ]


def _training(settings: Mapping[str, Any], progress: Mapping[str, Any]) -> list[tuple[str, str]]:
    corpus, training = settings.get("corpus", {}), settings.get("training", {})
    return [
        ("task", str(settings.get("task", NOT_STATED))),
        ("recordings", f"{corpus['recordings']:,}" if "recordings" in corpus else NOT_STATED),
        ("hours", f"{corpus['hours']:.2f}" if "hours" in corpus else NOT_STATED),
        ("steps", f"{progress['step']:,}" if "step" in progress else NOT_STATED),
        ("clips in a step", str(training.get("batch_size", NOT_STATED))),
    ]
