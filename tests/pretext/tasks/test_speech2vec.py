"""Speech2Vec against loops in float64: where words are cut, and what is decoded."""

from __future__ import annotations

import math

import pytest
import torch
from support.tasks import FRONTEND, SMALL, logmels, make_task

from tiny_audio_ssl import UserError
from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.pretext import PRETEXTS
from tiny_audio_ssl.pretext.configs.speech2vec import Speech2VecConfig
from tiny_audio_ssl.pretext.parts import spoken_words

SIZES = {"slice_ms": 255.0, "clip_ms": 975.0, "code": 5, "hidden": 7}
WORDS = [[(0, 30), (30, 55), (60, 61), (70, 96)], [(3, 40), (41, 80)], [(0, 96)], []]


def samples_of(words: list[list[tuple[int, int]]]) -> torch.Tensor:
    """Return times whose frames, by their centers, are the given ones."""
    found = torch.full((len(words), 4, 2), -1)
    for row, own in zip(found, words, strict=True):
        for place, (start, end) in enumerate(own):
            row[place] = torch.tensor([start, end]) * FRONTEND.hop + FRONTEND.window // 2
    return found


def stretched_by_hand(logmel: torch.Tensor, start: int, end: int, frames: int) -> torch.Tensor:
    """Interpolate between the frames of a word [bands, T]."""
    columns = []
    for i in range(frames):
        place = min(max((i + 0.5) / frames * (end - start) - 0.5, 0), end - start - 1)
        before = math.floor(place)
        after = min(before + 1, end - start - 1)
        weight = place - before
        columns.append((1 - weight) * logmel[:, start + before] + weight * logmel[:, start + after])
    return torch.stack(columns, dim=1)


def decoded_by_hand(task, code: torch.Tensor, seconds: float, frames: int) -> torch.Tensor:
    """Unroll the GRU, whose input is code and length at every step."""
    network, size = task.decoder.network, task.config.hidden
    x = torch.cat([code, torch.tensor([seconds]).to(code)])
    state, columns = torch.zeros(size).to(code), []
    for _ in range(frames):
        of_input = network.weight_ih_l0 @ x + network.bias_ih_l0
        of_state = network.weight_hh_l0 @ state + network.bias_hh_l0
        reset = torch.sigmoid(of_input[:size] + of_state[:size])
        update = torch.sigmoid(of_input[size : 2 * size] + of_state[size : 2 * size])
        new = torch.tanh(of_input[2 * size :] + reset * of_state[2 * size :])
        state = (1 - update) * new + update * state
        columns.append(task.decoder.write.weight @ state + task.decoder.write.bias)
    return torch.stack(columns, dim=1)


def in_doubles(name: str, **settings):
    task, encoder = make_task(name, **SIZES, **settings)
    return task.double(), encoder.double()


def test_times_become_the_frames_whose_centers_they_hold():
    found = spoken_words.to_frames(samples_of(WORDS), FRONTEND, 96)
    for row, own in zip(found.tolist(), WORDS, strict=True):
        assert row == [list(word) for word in own] + [[-1, -1]] * (4 - len(own))


def test_very_short_word_has_one_frame():
    found = spoken_words.to_frames(torch.tensor([[[1000, 1001], [0, 10]]]), FRONTEND, 96)
    assert (found[..., 1] - found[..., 0]).tolist() == [[1, 1]]


def test_words_are_cut_where_the_column_says(rng):
    task, _ = make_task("speech2vec-skipgram", **SIZES)
    logmel, slice_frames = logmels(4, 96).double(), 24
    chosen = set()
    for _ in range(20):
        inputs = task.draw(logmel, rng, samples_of(WORDS))
        assert inputs["present"][2:].sum() == 0  # fewer than two words
        for b in range(2):
            present, slices = inputs["present"][b].bool().tolist(), inputs["slices"][b, :, 0]
            lengths = (inputs["seconds"][b] / 0.01).round().long().tolist()
            middle = next(
                n
                for n, (start, end) in enumerate(WORDS[b])
                if torch.allclose(
                    slices[2], stretched_by_hand(logmel[b, 0], start, end, slice_frames)
                )
            )
            chosen.add((b, middle))
            for place in range(5):
                n = middle + place - 2
                assert present[place] == (0 <= n < len(WORDS[b]))
                if present[place]:
                    start, end = WORDS[b][n]
                    expected = stretched_by_hand(logmel[b, 0], start, end, slice_frames)
                    torch.testing.assert_close(slices[place], expected)
                    assert lengths[place] == end - start
    assert len(chosen) == 6  # each word is chosen some time


def test_without_times_clips_are_cut_into_pieces(rng):
    found = spoken_words.pieces(50, 100, 24, rng)
    assert found.shape == (50, 4, 2) and ((found[..., 1] - found[..., 0]) == 24).all()
    assert (found[:, 1:, 0] == found[:, :-1, 1]).all() and found.max() <= 100
    assert set(found[:, 0, 0].tolist()) == set(range(5))


def test_skip_gram_decodes_each_neighbor_from_the_word(rng):
    task, encoder = in_doubles("speech2vec-skipgram")
    inputs = task.draw(logmels(4, 96).double(), rng, samples_of(WORDS))
    errors = []
    for b in range(4):
        code = task.project(encoder(inputs["slices"][b, 2][None]))[0]
        for place in (0, 1, 3, 4):
            if inputs["present"][b, place]:
                found = decoded_by_hand(task, code, float(inputs["seconds"][b, place]), 24)
                errors.append(float((found - inputs["slices"][b, place, 0]).square().mean()))
    assert 3 < len(errors) < 16
    loss = task(encoder, **inputs)["loss"].item()
    assert loss == pytest.approx(sum(errors) / len(errors), rel=1e-9)


def test_cbow_decodes_the_word_from_the_sum_of_its_neighbors(rng):
    task, encoder = in_doubles("speech2vec-cbow")
    inputs = task.draw(logmels(4, 96).double(), rng, samples_of(WORDS))
    errors = []
    for b in range(2):
        summed = sum(
            task.project(encoder(inputs["slices"][b, place][None]))[0]
            for place in (0, 1, 3, 4)
            if inputs["present"][b, place]
        )
        found = decoded_by_hand(task, summed, float(inputs["seconds"][b, 2]), 24)
        errors.append(float((found - inputs["slices"][b, 2, 0]).square().mean()))
    assert task(encoder, **inputs)["loss"].item() == pytest.approx(sum(errors) / 2, rel=1e-9)


def test_batch_without_words_teaches_nothing(rng):
    task, encoder = make_task("speech2vec-skipgram", **SIZES)
    inputs = task.draw(logmels(2, 96), rng, torch.full((2, 3, 2), -1))
    assert task(encoder, **inputs)["loss"].item() == 0


def test_settings():
    config = Speech2VecConfig()
    assert config.columns() == config.word_columns() == ("words",)
    assert Speech2VecConfig(aligned=False).columns() == ()
    with pytest.raises(UserError, match="aligned is 'no'"):
        Speech2VecConfig(aligned="no")
    kind = PRETEXTS["speech2vec-cbow"]
    own = kind.Config(clip_ms=300, slice_ms=255)
    task = kind(own, Encoder(SMALL, FRONTEND.bands), FRONTEND)
    assert task.config.clip_frames(FRONTEND) == 48
