"""Made-up phones: of features alone, and of tones in recordings with an .item file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tiny_audio_ssl.evaluation.speech.features import PhoneFeatures
from tiny_audio_ssl.evaluation.speech.items import Item, write_items

RATE = 16_000


@dataclass(frozen=True)
class MadeUp:
    items: list[Item]
    features: PhoneFeatures


@pytest.fixture(scope="session")
def made_up() -> MadeUp:
    """Ninety phones of four kinds in two contexts by three speakers, 1 to 6 frames of 5 numbers."""
    rng = np.random.default_rng(7)
    means = rng.standard_normal((4, 5))
    items, frames = [], []
    for number in range(90):
        kind = int(rng.integers(4))
        context, speaker = "xy"[int(rng.integers(2))], "stu"[int(rng.integers(3))]
        count = int(rng.integers(1, 7))
        frames.append((means[kind] + 1.5 * rng.standard_normal((count, 5))).astype(np.float32))
        items.append(Item(str(number), 0, 1, "ABCD"[kind], context, "-", speaker))
    frames[3][0] = 0  # a frame without an angle
    ends = np.cumsum([len(own) for own in frames])
    starts = ends - [len(own) for own in frames]
    return MadeUp(items, PhoneFeatures(np.concatenate(frames), starts, ends))


@pytest.fixture(scope="session")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with six recordings by two speakers and `tones.item`: three tones are phones.

    Each is heard twice in each recording, for 0.1 s, after another and before a third.
    """
    folder = tmp_path_factory.mktemp("tones")
    rng = np.random.default_rng(0)
    pitch_hz = {"LOW": 300.0, "MID": 900.0, "HIGH": 2700.0}
    items = []
    for number in range(6):
        order = [*pitch_hz, *pitch_hz]
        seconds = np.arange(RATE // 10) / RATE
        parts = [0.3 * np.sin(2 * np.pi * pitch_hz[name] * seconds) for name in order]
        wave = np.concatenate(parts) + 0.01 * rng.standard_normal(len(order) * len(seconds))
        name, speaker = f"take{number}", f"speaker{number % 2}"
        (folder / speaker).mkdir(exist_ok=True)
        soundfile.write(folder / speaker / f"{name}.wav", wave, RATE)
        for i, phone in enumerate(order):
            around = ("SIL", *order, "SIL")
            where = (i / 10 + 0.01, i / 10 + 0.09)
            items.append(Item(name, *where, phone, around[i], around[i + 2], speaker))
    write_items(folder / "tones.item", items)
    return folder
