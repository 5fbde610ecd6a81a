"""NSynth: the pitch or the instrument family of a note (Engel et al., arXiv 1704.01279).

Instruments of the official training part appear in neither the validation nor the test part, but
those two share instruments. So the validation part is left out, and choices are made inside the
training part.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tiny_audio_ssl.data.corpus import Clip
from tiny_audio_ssl.evaluation.datasets.base import Dataset
from tiny_audio_ssl.evaluation.datasets.layout import LayoutError

PARTS = {"train": "nsynth-train", "test": "nsynth-test"}
KEYS = ("pitch", "instrument_str", "instrument_family_str")
PIANO = range(21, 109)  # MIDI pitches of 88 keys, as in HEAR's nsynth-pitch (arXiv 2203.03022)

LAYOUT = """
DIR/nsynth-train/examples.json        nsynth-train.jsonwav.tar.gz unpacked in DIR
DIR/nsynth-train/audio/bass_synthetic_033-022-050.wav
DIR/nsynth-test/examples.json         nsynth-test.jsonwav.tar.gz unpacked in DIR
DIR/nsynth-test/audio/bass_electronic_018-022-100.wav
"""


def notes(root: Path) -> Iterator[Clip]:
    """Yield clips with columns pitch (MIDI), instrument_str, instrument_family_str and split.

    The family synth_lead is in the official training part only: it is trained on, never tested.
    """
    for split, folder in PARTS.items():
        for name, note in _examples(root / folder / "examples.json"):
            if absent := [key for key in KEYS if key not in note]:
                raise LayoutError(f"{folder}/examples.json: {name} has no {', '.join(absent)}")
            columns = {key: str(note[key]) for key in KEYS} | {"split": split}
            yield Clip(root / folder / "audio" / f"{name}.wav", columns=columns)


def _examples(path: Path) -> list[tuple[str, dict[str, Any]]]:
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise LayoutError(f"{path.parent.name}/{path.name} is missing") from error
    except ValueError as error:
        raise LayoutError(f"{path} is not JSON ({error})") from error
    if not isinstance(content, dict) or not all(isinstance(n, dict) for n in content.values()):
        raise LayoutError(f"{path} is not an object of notes by name")
    return sorted(content.items())


def piano_notes(root: Path) -> Iterator[Clip]:
    """Yield the notes in the range of a piano; others are rare."""
    return (clip for clip in notes(root) if int(clip.columns["pitch"]) in PIANO)


NSYNTH_PITCH = Dataset(
    name="nsynth-pitch",
    summary="88 piano pitches",
    classes=len(PIANO),
    size="293,301 notes of 4 s, 24 GB",
    license="CC BY 4.0",
    url="https://magenta.tensorflow.org/datasets/nsynth (json/wav: train and test)",
    layout=LAYOUT,
    clips=piano_notes,
    label="pitch",
    split="split",
    group="instrument_str",
)
NSYNTH_FAMILY = Dataset(
    name="nsynth-family",
    summary="11 instrument families",
    classes=11,
    size=NSYNTH_PITCH.size,
    license=NSYNTH_PITCH.license,
    url=NSYNTH_PITCH.url,
    layout=LAYOUT,
    clips=notes,
    label="instrument_family_str",
    split="split",
    group="instrument_str",
)
