"""Opened tasks: identical and overlapping sounds, missing files, missing labels."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile
from support.splits import apart

from tiny_audio_ssl import UserError
from tiny_audio_ssl.evaluation.datasets.base import EvaluationTask
from tiny_audio_ssl.evaluation.probing.labeled import open_task

RATE = 16_000


def manifest(folder: Path, rows: list[dict[str, object]]) -> str:
    """A manifest of noises, a file for each `path` that does not exist yet."""
    for row in rows:
        path = folder / str(row["path"])
        if not path.exists() and not str(row["path"]).startswith("absent"):
            rng = np.random.default_rng(int(str(row.get("sound", row["path"])).split(".")[0]))
            soundfile.write(path, 0.1 * rng.standard_normal(4 * RATE), RATE)
    with (folder / "list.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return str(folder / "list.csv")


def test_identical_audio_under_two_names_does_not_cross(tmp_path):
    rows = [
        {"path": f"{i}.wav", "label": "ab"[i % 2], "fold": str(i // 4), "sound": i}
        for i in range(8)
    ]
    rows[6]["sound"] = 0
    labeled = open_task(EvaluationTask("t", manifest(tmp_path, rows), fold="fold"))
    assert labeled.contents[0] == labeled.contents[6]
    first, second = labeled.splits
    assert first.train.tolist() == [4, 5, 7] and second.train.tolist() == [1, 2, 3]


def test_spans_of_one_file_that_overlap_do_not_cross(tmp_path):
    rows = [
        {"path": f"{i // 4}.wav", "label": "ab"[i % 2], "start_s": i % 4, "end_s": i % 4 + 1}
        for i in range(16)
    ]
    rows[3]["start_s"] = 1.5  # over the second and the third of its file
    for i, row in enumerate(rows):
        row["speaker"] = str(i)
    source = manifest(tmp_path, rows)
    spans = open_task(EvaluationTask("t", source, group="speaker", folds=4))
    assert len({spans.table.copies[i] for i in (1, 2, 3)}) == 1 != spans.table.copies[0]
    assert all(apart(spans.table, one) for one in spans.splits)
    # With no column that says what belongs together, the file does.
    files = open_task(EvaluationTask("t", source, folds=4))
    for one in files.splits:
        assert not {i // 4 for i in one.train} & {i // 4 for i in one.test}


def test_an_absent_file_is_an_error_unless_allowed(tmp_path):
    rows = [{"path": f"{i}.wav", "label": "ab"[i % 2]} for i in range(12)]
    source = manifest(tmp_path, [*rows, {"path": "absent.wav", "label": "a"}])
    (tmp_path / "11.wav").write_bytes(b"RIFF, but no more")
    task = EvaluationTask("t", source)
    with pytest.raises(UserError, match=r"absent.wav: not found(.|\n)*--allow-missing"):
        open_task(task)
    labeled = open_task(task, allow_missing=True)
    assert len(labeled) == 11
    assert [Path(s.path).name for s in labeled.skipped] == ["absent.wav", "11.wav"]
    source = manifest(tmp_path, rows)
    with pytest.raises(UserError, match=r"11.wav(.|\n)*--allow-missing"):
        open_task(task)


def test_rows_without_a_label_are_left_out_and_not_even_decoded(tmp_path):
    rows = [{"path": f"{i}.wav", "label": "ab"[i % 2], "kind": "x"} for i in range(12)]
    rows += [
        {"path": "12.wav", "label": " ", "kind": "x"},
        {"path": "13.wav", "label": "c", "kind": "y"},
    ]
    source = manifest(tmp_path, rows)
    (tmp_path / "12.wav").write_bytes(b"RIFF, but no more")
    labeled = open_task(EvaluationTask("t", source, where=("kind=x",)))
    assert len(labeled) == 12 and labeled.classes == ["a", "b"]


def test_rows_that_give_one_sound_two_labels_are_named(tmp_path):
    rows = [{"path": f"{i}.wav", "label": "ab"[i % 2]} for i in range(6)]
    rows.append({"path": "./2.wav", "label": "b"})
    with pytest.raises(UserError, match=r"two labels \(lines 4 and 8\): 'a' and 'b'; keep one"):
        open_task(EvaluationTask("t", manifest(tmp_path, rows)))


@pytest.mark.parametrize("seed", range(4))
def test_copies_stay_in_one_drawn_fold(seed, tmp_path, caplog):
    """Three files of each of eight sounds; nothing has to be left out of training then."""
    rows = [
        {"path": f"{i}.wav", "label": "ab"[i % 2], "sound": i % 8}  # i and i + 8 sound alike
        for i in range(24)
    ]
    labeled = open_task(EvaluationTask("t", manifest(tmp_path, rows), folds=4, seed=seed))
    fold_of = {i: fold for fold, one in enumerate(labeled.splits) for i in one.test.tolist()}
    assert all(fold_of[i] == fold_of[i % 8] for i in range(24))
    assert not any(one.left_out for one in labeled.splits)
    assert labeled.copies == 16 and "16 of 24 recordings are copies of others" in caplog.text


def test_sound_that_all_groups_share_is_left_out_of_training_instead(tmp_path):
    """A test tone in the folder of each of six speakers can't keep them all in one fold."""
    rows = [
        {"path": f"{i}.wav", "label": "ab"[i % 2], "sound": 99 if i < 6 else i, "speaker": i % 6}
        for i in range(24)
    ]
    source = manifest(tmp_path, rows)
    labeled = open_task(EvaluationTask("t", source, group="speaker", folds=3))
    assert all(apart(labeled.table, one) for one in labeled.splits)
    assert sum(one.left_out for one in labeled.splits) == 12


def test_one_class_that_is_left_after_decoding_is_an_error(tmp_path):
    rows = [{"path": f"{i}.wav", "label": "ab"[i % 2], "sound": i} for i in range(8)]
    source = manifest(tmp_path, rows)
    for index in range(1, 8, 2):
        soundfile.write(tmp_path / f"{index}.wav", np.zeros(RATE), RATE)
    with pytest.raises(UserError, match="has 1 labels in 4 clips"):
        open_task(EvaluationTask("t", source, folds=2), allow_missing=True)


def test_test_part_of_one_class_is_an_error(tmp_path):
    rows = [
        {"path": f"{i}.wav", "label": "a" if i > 4 else "ab"[i % 2], "sound": i}
        | {"split": "test" if i > 4 else "train"}
        for i in range(8)
    ]
    with pytest.raises(UserError, match="only label 'a' is in the test part"):
        open_task(EvaluationTask("t", manifest(tmp_path, rows), split="split"))
