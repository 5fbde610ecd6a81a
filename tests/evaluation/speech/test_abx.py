"""ABX: equal to fastabx and to plain loops over triplets."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from tiny_audio_ssl import UserError
from tiny_audio_ssl.evaluation.speech import abx as module
from tiny_audio_ssl.evaluation.speech import time_warping
from tiny_audio_ssl.evaluation.speech.abx import AbxConfig, abx, all_cells, cell_errors
from tiny_audio_ssl.evaluation.speech.time_warping import along_path

# fastabx 0.9.0 on `made_up`: Task(on="phone", ...) without a Subsampler, Score(task, "angular").
FASTABX = {
    ("within", "within"): (0.24170157002906004, 54),
    ("within", "any"): (0.3019289293636878, 36),
    ("across", "within"): (0.35385545436292887, 126),
    ("across", "any"): (0.2942047920078039, 72),
}
EVERYTHING = AbxConfig(max_items=None, max_x_speakers=None)


@pytest.fixture(scope="module")
def distances(made_up) -> dict[tuple[int, int], float]:
    """The distance of any two phones."""
    pairs = product(range(len(made_up.items)), repeat=2)
    return {pair: distance(made_up.features, *pair) for pair in pairs}


def loops(distances, items, config) -> float:
    """The definition, triplet after triplet, in float64."""
    by_pair: dict[tuple[str, str], dict[object, list[list[float]]]] = {}
    indices = range(len(items))
    contexts = {item.before for item in items} if config.context == "within" else {""}
    speakers = sorted({item.speaker for item in items})
    phones = sorted({item.phone for item in items})

    def of(phone, context, speaker):
        return [
            i
            for i in indices
            if items[i].phone == phone
            and items[i].speaker == speaker
            and context in ("", items[i].before)
        ]

    for phone, other, context, speaker, of_x in product(
        phones, phones, contexts, speakers, speakers
    ):
        if phone == other or (of_x == speaker) != (config.speaker == "within"):
            continue
        errors = []
        for a, b, x in product(
            of(phone, context, speaker), of(other, context, speaker), of(phone, context, of_x)
        ):
            if a != x:
                to_a, to_b = distances[x, a], distances[x, b]
                errors.append(float(to_a > to_b) + 0.5 * float(to_a == to_b))
        if errors:
            level = speaker if config.context == "within" else "all"
            by_pair.setdefault((phone, other), {}).setdefault(level, []).append(errors)
    means = [
        np.mean([np.mean([np.mean(cell) for cell in cells]) for cells in levels.values()])
        for levels in by_pair.values()
    ]
    return float(np.mean(means))


def distance(features, i, j) -> float:
    first, second = (
        features.frames[features.starts[k] : features.ends[k]].astype(np.float64) for k in (i, j)
    )
    return warped([[angle(u, v) for v in second] for u in first])


def angle(u, v) -> float:
    u, v = (w if np.any(w) else np.ones_like(w) for w in (u, v))
    cosine = float(u @ v) / (math.sqrt(u @ u) * math.sqrt(v @ v))
    return math.acos(min(1.0, max(-1.0, cosine))) / math.pi


def warped(cost) -> float:
    """The mean cost along the cheapest path, found backwards from its end."""
    rows, columns = len(cost), len(cost[0])
    total = {(-1, j): math.inf for j in range(columns)} | {(i, -1): math.inf for i in range(rows)}
    total[-1, -1] = 0.0
    for i, j in product(range(rows), range(columns)):
        before = min(total[i - 1, j], total[i, j - 1], total[i - 1, j - 1])
        total[i, j] = cost[i][j] + before
    steps, (i, j) = 1, (rows - 1, columns - 1)
    while (i, j) != (0, 0):
        # the diagonal first, then along the columns
        back = [(i - 1, j - 1), (i, j - 1), (i - 1, j)]
        i, j = min(back, key=lambda place: total[place])
        steps += 1
    return total[rows - 1, columns - 1] / steps


@pytest.mark.parametrize(("speaker", "context"), FASTABX)
def test_equals_fastabx_and_loops(made_up, distances, speaker, context):
    config = replace(EVERYTHING, speaker=speaker, context=context)
    found = abx(made_up.features, made_up.items, config)
    error, cells = FASTABX[speaker, context]
    assert found.error == pytest.approx(error, abs=1e-6)
    assert found.cells == cells
    assert found.error == pytest.approx(loops(distances, made_up.items, config), abs=1e-6)
    assert len(found.pairs) == 12
    assert np.mean(list(found.pairs.values())) == pytest.approx(found.error)


def test_paths_of_unequal_lengths_in_one_batch():
    rng = np.random.default_rng(1)
    cost = rng.random((40, 7, 5)).astype(np.float32)
    cost[:5] = 0.25  # all paths cost the same by step: the diagonal is taken
    rows, columns = rng.integers(1, 8, 40), rng.integers(1, 6, 40)
    expected = [warped(cost[k, : rows[k], : columns[k]].tolist()) for k in range(40)]
    np.testing.assert_allclose(along_path(cost, rows, columns), expected, rtol=1e-9)


def test_parts_give_the_same(made_up, monkeypatch):
    cells = list(all_cells(made_up.items, replace(EVERYTHING, speaker="across")))
    whole = cell_errors(made_up.features, cells)
    monkeypatch.setattr(module, "CELLS_AT_ONCE", 7)
    monkeypatch.setattr(time_warping, "MOST_NUMBERS", 500)
    np.testing.assert_allclose(cell_errors(made_up.features, cells), whole, atol=1e-9)


def test_discrete_frames_that_are_equal_count_half(made_up):
    """Features that say nothing have an error of one half."""
    same = replace(made_up.features, frames=np.ones_like(made_up.features.frames))
    assert abx(same, made_up.items, EVERYTHING).error == 0.5


@pytest.mark.parametrize("speaker", ["within", "across"])
def test_the_choice_is_limited_and_repeats(made_up, speaker):
    config = AbxConfig(speaker=speaker, context="any", max_items=3, max_x_speakers=1, seed=4)
    cells = list(all_cells(made_up.items, config))
    assert max(len(part) for cell in cells for part in (cell.a, cell.b, cell.x)) == 3
    of_ab = [(cell.phone, cell.other, cell.speaker) for cell in cells]
    assert len(set(of_ab)) == len(of_ab)  # one speaker of X
    for cell in cells:
        spoken = {made_up.items[i].speaker for i in [*cell.a, *cell.b]}
        assert spoken == {cell.speaker}
        by_x = {made_up.items[i].speaker for i in cell.x}
        assert (by_x == spoken) == (speaker == "within")
        if speaker == "within":
            np.testing.assert_array_equal(cell.a, cell.x)
    first = abx(made_up.features, made_up.items, config)
    assert abx(made_up.features, made_up.items, config) == first
    assert abx(made_up.features, made_up.items, replace(config, seed=5)) != first


@pytest.mark.parametrize(
    ("speakers", "config", "message"),
    [
        ("s", AbxConfig("across"), "by 1 speakers: nothing to compare across.*--speakers within"),
        (
            "",
            AbxConfig("within"),
            "no two kinds can be compared within speakers; use --context any",
        ),
        ("", AbxConfig("within", "any"), "no two kinds can be compared within speakers$"),
    ],
)
def test_nothing_to_compare(made_up, speakers, config, message):
    """One speaker only; or every phone by another speaker."""
    items = [
        replace(item, speaker=speakers or str(i), before=str(i) if not speakers else "x")
        for i, item in enumerate(made_up.items)
    ]
    with pytest.raises(UserError, match=message):
        abx(made_up.features, items, config)


def test_wrong_settings():
    with pytest.raises(UserError, match="max_items is 0"):
        AbxConfig(max_items=0)
