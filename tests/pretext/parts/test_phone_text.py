"""Text of phones: pieces of it, how probable pairs are, and files that can't be read."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from support.tasks import PHONES

from tiny_audio_ssl import UserError
from tiny_audio_ssl.pretext.parts.phone_text import read_phones
from tiny_audio_ssl.pretext.parts.segments import joined

WORDS = PHONES.read_text().split()


def test_text_becomes_numbers_of_phones():
    text = read_phones(str(PHONES))
    assert text.phones == ("AH", "D", "ER", "HH", "L", "OW", "T", "W")
    assert [text.phones[i] for i in text.ids.tolist()] == WORDS
    other = read_phones(str(PHONES), tuple(reversed(text.phones)))
    assert [other.phones[i] for i in other.ids.tolist()] == WORDS


def test_pieces_are_parts_of_the_text(rng):
    text = read_phones(str(PHONES))
    windows = {tuple(text.ids[i : i + 5].tolist()) for i in range(len(WORDS) - 4)}
    assert set(map(tuple, text.pieces(500, 5, rng).tolist())) == windows
    with pytest.raises(UserError, match=f"the text has {len(WORDS)} phones; a piece takes 99"):
        text.pieces(1, 99, rng)


def test_pairs_by_counting():
    text = read_phones(str(PHONES))
    pairs = list(itertools.pairwise(WORDS))
    for i, first in enumerate(text.phones):
        after = [b for a, b in pairs if a == first]
        for j, second in enumerate(text.phones):
            expected = (after.count(second) + 1) / (len(after) + len(text.phones))
            assert text.pair_scores()[i, j].item() == pytest.approx(math.log(expected), rel=1e-5)


def test_joined_steps_by_a_loop(rng):
    steps = torch.randn(5, 9, 3, generator=rng).double()
    ids = torch.randint(0, 2, (5, 9), generator=rng)
    found, is_segment = joined(steps, ids)
    for b in range(5):
        runs = [list(run) for _, run in itertools.groupby(range(9), key=lambda t, b=b: ids[b, t])]
        assert is_segment[b].tolist() == [True] * len(runs) + [False] * (9 - len(runs))
        for k, run in enumerate(runs):
            torch.testing.assert_close(found[b, k], steps[b, run].mean(dim=0))
        assert not found[b, len(runs) :].any()


def test_files_that_are_no_text(tmp_path):
    (tmp_path / "one.txt").write_text("AH AH AH\n")
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe\x00")
    for name, said in (("one", "1 different phones"), ("bytes", "can't be read"), ("no", "can't")):
        with pytest.raises(UserError, match=f"{said}.*such as HH AH L OW"):
            read_phones(str(tmp_path / f"{name}.txt"))
    with pytest.raises(UserError, match=r"--pretext\.text FILE"):
        read_phones("")
    with pytest.raises(UserError, match="OW, T, W not among the phones"):
        read_phones(str(PHONES), ("AH", "D", "ER", "HH", "L"))
