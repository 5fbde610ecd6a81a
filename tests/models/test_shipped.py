"""The models that come with the package: which there are, how large, and that they learned."""

from __future__ import annotations

import numpy as np
import pytest

import tiny_audio_ssl
from tiny_audio_ssl.audio import synthetic
from tiny_audio_ssl.models import names

SHIPPED = ("tiny", "small")
MOST_PARAMETERS = {"tiny": 62_000, "small": 130_000}
FILES = {"model.safetensors", "config.json", "MODEL_CARD.md", "NOTICE", "background.bin"}


def test_names():
    assert names.shipped() == SHIPPED


@pytest.fixture(params=SHIPPED)
def name(request) -> str:
    return str(request.param)


def test_size(name):
    folder, facts = names.shipped_folder(name), names.facts_of(name)
    assert facts["parameters"] <= MOST_PARAMETERS[name]
    assert {file.name for file in folder.iterdir()} == FILES
    assert sum(file.stat().st_size for file in folder.iterdir()) < 400_000


def test_card_and_notice_name_teachers_and_data(name):
    folder, facts = names.shipped_folder(name), names.facts_of(name)
    card, notice = ((folder / file).read_text() for file in ("MODEL_CARD.md", "NOTICE"))
    for teacher in facts["teachers"]:
        assert teacher in card and teacher in notice
    assert "Florian Schmid" in notice and "Apache License, Version 2.0" in notice
    assert facts["license"] == "apache-2.0" and facts["corpus"]["hours"] > 10
    assert [*facts["corpus"]["hours_by_tier"]] == ["permissive"]
    for evaluated in ("esc50", "keywords", "speakers", "instruments"):
        assert evaluated not in card


def embedded(name: str, level_db: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Return embeddings and classes of made-up sounds, four of each class."""
    model = tiny_audio_ssl.load(name)
    gain = 10 ** (level_db / 20)
    found = [
        (model.embed(gain * synthetic.make(label, take)), label)
        for label in synthetic.SOUNDS
        for take in range(4)
    ]
    vectors, labels = zip(*found, strict=True)
    return np.stack(vectors), np.array(labels)


def nearest_mean(known: np.ndarray, labels: np.ndarray, asked: np.ndarray) -> np.ndarray:
    kinds = np.unique(labels)
    means = np.stack([known[labels == kind].mean(axis=0) for kind in kinds])
    center = known.mean(axis=0)
    means, asked = means - center, asked - center
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    named: np.ndarray = kinds[(asked @ means.T).argmax(axis=1)]
    return named


def test_sounds_of_a_class_are_near_each_other_at_any_level(name):
    vectors, labels = embedded(name)
    taught = np.arange(len(labels)) % 4 < 2
    for level_db in (0.0, -20.0):
        asked, _ = embedded(name, level_db)
        named = nearest_mean(vectors[taught], labels[taught], asked[~taught])
        assert (named == labels[~taught]).mean() > 0.4  # one in eight by chance
