"""The table of trials, and which is best."""

from __future__ import annotations

import pytest
from support.trials import trial

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.evaluation.search.trials import TABLE, best, read, write

TASKS = ("temporal-gap", "audio2vec-cbow", "triplet")


def test_of_equals_the_earliest_is_best(tmp_path):
    found = [trial(0, {"triplet": 1.0}, 0.7), trial(1, {"triplet": 1.0, "temporal-gap": 1.0}, 0.7)]
    assert best(found) is found[0] and best([]) is None
    write(tmp_path, TASKS, found)
    assert read(tmp_path) == found


@pytest.mark.parametrize("text", ["trial\n0\n", "trial,steps\n0,many\n", "trial\nfirst\n"])
def test_table_of_another_version_is_told_in_words(text, tmp_path):
    (tmp_path / TABLE).write_text(text)
    with pytest.raises(UserError, match=r"trials\.csv: its trials can't be read .* this is"):
        read(tmp_path)
