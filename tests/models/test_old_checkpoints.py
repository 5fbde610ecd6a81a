"""Checkpoints written at commit f4e3626 load, and give the embeddings that they gave then."""

from __future__ import annotations

import json

import numpy as np
import pytest
from support.old_files import OLD_FILES

from tiny_audio_ssl.embedding.embedder import load
from tiny_audio_ssl.models import checkpoint

EXPECTED = json.loads((OLD_FILES / "expected" / "embeddings.json").read_text())


@pytest.mark.parametrize("name", EXPECTED)
def test_embedding_is_the_recorded_one(name: str):
    sine = 0.5 * np.sin(2 * np.pi * 440 * np.arange(15_600) / 16_000)
    embedding = load(OLD_FILES / name).embed(sine)
    expected = EXPECTED[name]
    assert embedding.shape == (expected["size"],)
    np.testing.assert_allclose(embedding[:8], expected["first"], atol=1e-4)
    assert embedding.sum() == pytest.approx(expected["sum"], rel=1e-5)


def test_renamed_setting_is_read():
    """`projection_dim` was called `embedding_dim`."""
    folder = OLD_FILES / "run" / "last"
    assert "embedding_dim" in json.loads((folder / "config.json").read_text())["encoder"]
    assert checkpoint.load(folder).model.encoder.config.projection_dim is None


def test_training_state_is_read():
    tensors = checkpoint.load_training(OLD_FILES / "run" / "last")
    assert checkpoint.within(tensors, "pretext.")
    assert checkpoint.within(tensors, "optimizer.")
