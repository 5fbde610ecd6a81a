"""The table of trials, and which is best."""

from __future__ import annotations

from support.trials import trial

from tiny_audio_ssl.evaluation.search.trials import best, read, write

TASKS = ("temporal-gap", "audio2vec-cbow", "triplet")


def test_of_equals_the_earliest_is_best(tmp_path):
    found = [trial(0, {"triplet": 1.0}, 0.7), trial(1, {"triplet": 1.0, "temporal-gap": 1.0}, 0.7)]
    assert best(found) is found[0] and best([]) is None
    write(tmp_path, TASKS, found)
    assert read(tmp_path) == found
