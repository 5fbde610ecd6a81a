"""The store of embeddings: computed once, never trusted when damaged, shared by processes."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import numpy as np
import pytest
from support.levels import Levels

from tiny_audio_ssl import UserError
from tiny_audio_ssl.evaluation.datasets.base import EvaluationTask
from tiny_audio_ssl.evaluation.probing.labeled import open_task
from tiny_audio_ssl.evaluation.probing.protocols import evaluate
from tiny_audio_ssl.evaluation.probing.store import EmbeddingStore


def test_a_second_time_computes_nothing(levels, store):
    first, second = Levels(), Levels()
    once = store.embeddings(first, levels.recordings, levels.contents)
    again = store.embeddings(second, levels.recordings, levels.contents)
    assert first.embedded == 60 and second.embedded == 0
    assert np.array_equal(once, again) and once.shape == (60, 3) and once.dtype == np.float32


def test_only_what_is_new_is_computed(levels, store):
    part = levels.recordings.select(range(20))
    store.embeddings(Levels(), part, levels.contents[:20])
    model = Levels()
    found = store.embeddings(model, levels.recordings, levels.contents)
    assert model.embedded == 40
    fresh = EmbeddingStore(store.folder / "other").embeddings(
        Levels(), levels.recordings, levels.contents
    )
    np.testing.assert_allclose(found, fresh, rtol=1e-6)


def test_another_model_or_window_has_its_own(levels, store):
    store.embeddings(Levels(), levels.recordings, levels.contents)
    other = Levels()
    other.identity = "other"
    store.embeddings(other, levels.recordings, levels.contents)
    windowed = Levels()
    found = EmbeddingStore(store.folder, 0.25).embeddings(
        windowed, levels.recordings, levels.contents
    )
    assert other.embedded == 60 and windowed.embedded == 48 * 2 + 12 * 5
    halves = Levels().embed(levels.recordings.read(1).reshape(2, -1))
    np.testing.assert_allclose(found[1], halves.mean(axis=0), rtol=1e-5)


@pytest.mark.parametrize("damage", ["cut", "altered", "empty"])
def test_a_damaged_file_is_not_trusted(damage, levels, store):
    once = store.embeddings(Levels(), levels.recordings, levels.contents)
    (path,) = store.place(Levels()).glob("*.safetensors")
    content = bytearray(path.read_bytes())
    content[-2] ^= 64
    path.write_bytes({"cut": content[:-40], "altered": content, "empty": b""}[damage])
    model = Levels()
    assert np.array_equal(store.embeddings(model, levels.recordings, levels.contents), once)
    assert model.embedded == 60
    store.embeddings(model, levels.recordings, levels.contents)
    assert model.embedded == 60  # and the file was mended


def test_embeddings_that_are_not_numbers_are_told_and_not_kept(levels, store):
    class Broken(Levels):
        def embed(self, waves):
            return np.full((len(waves), 3), np.nan, np.float32)

    with pytest.raises(UserError, match="60 recordings have NaN"):
        evaluate(Broken(), levels, "linear", store)
    assert not store.place(Broken()).exists()


def _embed_in_a_process(source: str, folder: Path, gate) -> None:
    labeled = open_task(EvaluationTask("levels", source, label="level"))
    gate.wait()
    EmbeddingStore(folder).embeddings(Levels(), labeled.recordings, labeled.contents)


def test_two_processes_write_at_once(folder, levels, store):
    context = multiprocessing.get_context("spawn")
    gate = context.Barrier(2)
    arguments = (str(folder / "list.csv"), store.folder, gate)
    other = context.Process(target=_embed_in_a_process, args=arguments)
    other.start()
    _embed_in_a_process(*arguments)
    other.join()
    assert other.exitcode == 0
    model = Levels()
    store.embeddings(model, levels.recordings, levels.contents)
    assert model.embedded == 0
