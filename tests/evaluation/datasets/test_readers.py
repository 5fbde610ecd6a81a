"""Readers of the published datasets, on small replicas of their layouts."""

from __future__ import annotations

import csv
import shutil
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support.replicas import BIRDS, REPLICAS, WORDS, Replica

from tiny_audio_ssl.data.corpus import Corpus
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.evaluation.datasets import DATASETS, EvaluationTask, task_corpus


def by(corpus: Corpus, key: str, value: str) -> dict[str, set[str]]:
    found = defaultdict(set)
    for one, other in zip(corpus.column(key), corpus.column(value), strict=True):
        found[one].add(other)
    return dict(found)


# --- every dataset --------------------------------------------------------------------------


def test_every_dataset_has_a_replica() -> None:
    assert set(REPLICAS) == set(DATASETS)
    assert all(name == dataset.name for name, dataset in DATASETS.items())


def test_a_replica_is_read(name: str, replicas: dict[str, Path]) -> None:
    dataset = DATASETS[name]
    corpus, task = task_corpus(EvaluationTask(name, str(replicas[name]), dataset=name))
    assert (task.label, task.fold, task.split, task.group) == (
        dataset.label,
        dataset.fold,
        dataset.split,
        dataset.group,
    )
    assert len(set(corpus.column(task.label))) == dataset.classes
    assert all(clip.path.is_file() for clip in corpus.clips)
    assert all(clip.path == replicas[name] / clip.name for clip in corpus.clips)
    assert len({clip.name for clip in corpus.clips}) == len(corpus.clips)
    assert not corpus.skipped


def test_no_group_is_in_two_official_parts(name: str, replicas: dict[str, Path]) -> None:
    dataset = DATASETS[name]
    corpus = dataset.corpus(replicas[name])
    assert dataset.split is None or dataset.fold is None
    if parts := dataset.split or dataset.fold:
        group = dataset.group or dataset.fold  # ESC-50's folds are all that it keeps apart
        assert group is not None
        assert all(len(found) == 1 for found in by(corpus, group, parts).values())
        assert len(set(corpus.column(parts))) > 1
    else:
        assert dataset.group is not None
    if dataset.split:
        assert set(corpus.column(dataset.split)) <= {"train", "validation", "test"}


def test_what_is_tested_was_learned(name: str, replicas: dict[str, Path]) -> None:
    dataset = DATASETS[name]
    corpus = dataset.corpus(replicas[name])
    if dataset.split:
        labels = by(corpus, dataset.split, dataset.label)
        assert labels["test"] <= labels["train"]
    if dataset.fold:
        folds = by(corpus, dataset.fold, dataset.label).values()
        assert all(found == set(corpus.column(dataset.label)) for found in folds)


def test_an_empty_or_absent_folder_says_what_to_download(name: str, tmp_path: Path) -> None:
    dataset = DATASETS[name]
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(UserError) as error:
            task_corpus(EvaluationTask(name, str(folder), dataset=name))
        assert str(folder) in str(error.value) and dataset.url in str(error.value)
        assert "DIR" not in str(error.value)  # the tree is shown in the folder that was given
        assert ("--download" in str(error.value)) == (dataset.download is not None)


LISTED = sorted(set(DATASETS) - {"librispeech-speaker", "musan", "voxforge-language"})


@pytest.mark.parametrize("name", LISTED)
def test_a_missing_recording_is_named(name: str, copied: Callable[[str], Path]) -> None:
    root = copied(name)
    dataset = DATASETS[name]
    victims = [clip for clip in dataset.corpus(root).clips if clip.columns.get("split") != "train"]
    victims[0].path.unlink()
    with pytest.raises(UserError, match=r"1 of the .* are missing") as error:
        dataset.corpus(root)
    assert victims[0].name in str(error.value)


def test_a_missing_class_is_noticed(name: str, copied: Callable[[str], Path]) -> None:
    root = copied(name)
    dataset = DATASETS[name]
    if name not in ("speech-commands", "librispeech-speaker"):  # where a class is a folder
        wrong = replace(dataset, classes=dataset.classes + 1)
        with pytest.raises(UserError, match=f"{dataset.classes} classes .* expected"):
            wrong.corpus(root)
        return
    if name == "speech-commands":
        folder = root / "SpeechCommands/speech_commands_v0.02"
        shutil.rmtree(folder / WORDS[3])
        for file in ("validation_list.txt", "testing_list.txt"):
            lines = (folder / file).read_text().splitlines()
            (folder / file).write_text("\n".join(n for n in lines if WORDS[3] not in n))
    else:
        shutil.rmtree(root / "LibriSpeech/train-clean-100/300")
    with pytest.raises(UserError, match="part of the dataset is missing"):
        dataset.corpus(root)


# --- what is particular to one --------------------------------------------------------------


def columns(corpus: Corpus, ending: str) -> dict[str, str]:
    (clip,) = [clip for clip in corpus.clips if clip.name.endswith(ending)]
    return dict(clip.columns)


def test_speech_commands(replicas: dict[str, Path]) -> None:
    root = replicas["speech-commands"]
    corpus = DATASETS["speech-commands"].corpus(root)
    assert len(corpus.clips) == 3 * 35 + 1
    word = WORDS[4]
    expected = {"word": word, "speaker": "2c", "split": "test"}
    assert columns(corpus, f"{word}/2c_nohash_0.wav") == expected
    assert columns(corpus, f"{word}/1b_nohash_0.wav")["split"] == "validation"
    assert columns(corpus, "0a_nohash_1.wav")["split"] == "train"
    inside = DATASETS["speech-commands"].corpus(root / "SpeechCommands/speech_commands_v0.02")
    assert len(inside.clips) == len(corpus.clips)


def test_librispeech_holds_out_the_shortest_chapter(replicas: dict[str, Path]) -> None:
    corpus = DATASETS["librispeech-speaker"].corpus(replicas["librispeech-speaker"])
    expected = {"speaker": "101", "chapter": "5101", "split": "test"}
    assert columns(corpus, "101-5101-0000.flac") == expected
    assert columns(corpus, "101-1101-0001.flac")["split"] == "train"
    splits = by(corpus, "speaker", "split")
    assert splits.pop("200") == {"train"}  # has one chapter
    assert all(found == {"train", "test"} for found in splits.values())


def test_librispeech_with_foreign_names(copied: Callable[[str], Path]) -> None:
    root = copied("librispeech-speaker")
    Replica(root).audio("LibriSpeech/train-clean-100/100/1100/a.flac")
    with pytest.raises(UserError, match=r"a\.flac is not named 100-1100-UTTERANCE"):
        DATASETS["librispeech-speaker"].corpus(root)


def test_musan_keeps_an_artist_together(replicas: dict[str, Path]) -> None:
    corpus = DATASETS["musan"].corpus(replicas["musan"])
    sources = by(corpus, "source", "collection")
    music = {"fma", "fma-western-art", "hd-classical", "jamendo", "rfm"}
    assert sources["the_same"] == music
    assert sources["music-rfm-0001"] == {"rfm"}  # not annotated
    assert columns(corpus, "speech-us-gov-0001.wav") == {
        "kind": "speech",
        "collection": "us-gov",
        "source": "speech-us-gov-0001",
    }


def test_musan_in_part(copied: Callable[[str], Path]) -> None:
    root = copied("musan")
    (root / "musan/music/jamendo/ANNOTATIONS").unlink()
    with pytest.raises(UserError, match="ANNOTATIONS is missing"):
        DATASETS["musan"].corpus(root)
    shutil.rmtree(root / "musan/music/jamendo")
    with pytest.raises(UserError, match="musan/music/jamendo has no wav files"):
        DATASETS["musan"].corpus(root)


def test_birds_are_tested_by_dataset(replicas: dict[str, Path]) -> None:
    corpus = DATASETS["bird-detection"].corpus(replicas["bird-detection"])
    assert by(corpus, "datasetid", "hasbird") == {name: {"0", "1"} for name in BIRDS}
    expected = {"hasbird": "1", "datasetid": "ff1010bird"}
    assert columns(corpus, "ff1010bird/wav/11-4b-c.wav") == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("path,label\na.wav,1\n", r"no column itemid, datasetid, hasbird; its first line holds pa"),
        ("itemid,datasetid,hasbird\n", "has no rows"),
        ("itemid,datasetid,hasbird\na,ff1010bird,yes\n", "hasbird is 'yes', expected 0 or 1"),
        ("itemid,datasetid,hasbird\na,ff1010bird\n", "row 2: column hasbird is empty"),
    ],
)
def test_birds_with_other_metadata(copied: Callable[[str], Path], text: str, words: str) -> None:
    root = copied("bird-detection")
    (root / BIRDS["ff1010bird"]).write_text(text)
    with pytest.raises(UserError, match=words):
        DATASETS["bird-detection"].corpus(root)


def test_scenes(replicas: dict[str, Path], copied: Callable[[str], Path]) -> None:
    corpus = DATASETS["urban-scenes"].corpus(replicas["urban-scenes"])
    expected = {"scene_label": "bus", "identifier": "paris-3", "split": "test"}
    assert columns(corpus, "bus-paris-3-1-a.wav") == expected
    root = copied("urban-scenes")
    meta = root / "TUT-urban-acoustic-scenes-2018-development/meta.csv"
    meta.write_text(meta.read_text().replace("\tbus\t", "\ttram\t"))
    with pytest.raises(UserError, match=r"do not agree on audio/bus-paris-2-0-a\.wav"):
        DATASETS["urban-scenes"].corpus(root)
    meta.write_bytes(b"PK\x03\x04\xff\xfe")
    with pytest.raises(UserError, match=r"meta\.csv is not UTF-8 text"):
        DATASETS["urban-scenes"].corpus(root)


def test_voxforge_speakers_are_user_names(
    replicas: dict[str, Path], copied: Callable[[str], Path]
) -> None:
    corpus = DATASETS["voxforge-language"].corpus(replicas["voxforge-language"])
    assert set(corpus.column("speaker")) == {"ann", "anonymous", "old"}
    assert columns(corpus, ".flac") == {"language": "de", "speaker": "old"}
    root = copied("voxforge-language")
    shutil.rmtree(root / "ru")
    with pytest.raises(UserError, match=r"ru/.* has no recordings"):
        DATASETS["voxforge-language"].corpus(root)


def test_nsynth(replicas: dict[str, Path]) -> None:
    pitches = DATASETS["nsynth-pitch"].corpus(replicas["nsynth-pitch"])
    families = DATASETS["nsynth-family"].corpus(replicas["nsynth-family"])
    assert {int(text) for text in pitches.column("pitch")} == set(range(21, 109))
    assert len(families.clips) > len(pitches.clips)
    assert by(families, "instrument_family_str", "split")["synth_lead"] == {"train"}
    assert not any("valid" in clip.name for clip in families.clips)  # shares test's instruments


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[", "is not JSON"),
        ("[1]", "is not an object of notes"),
        ('{"a": {"pitch": 60}}', "a has no instrument_str, instrument_family_str"),
    ],
)
def test_nsynth_with_other_metadata(copied: Callable[[str], Path], text: str, words: str) -> None:
    root = copied("nsynth-pitch")
    (root / "nsynth-test/examples.json").write_text(text)
    with pytest.raises(UserError, match=words):
        DATASETS["nsynth-pitch"].corpus(root)


def test_esc(replicas: dict[str, Path]) -> None:
    ten = DATASETS["esc-10"].corpus(replicas["esc-10"])
    assert set(ten.column("esc10")) == {"True"} and set(ten.column("fold")) == {"1", "2"}
    expected = {"fold": "2", "category": "c49", "esc10": "False", "src_file": "2049"}
    fifty = DATASETS["esc-50"].corpus(replicas["esc-50"])
    assert columns(fifty, "2-2049-A-49.wav") == expected


def test_which_sources_are_in_two_of_the_official_folds(real_audio: Path) -> None:
    """Why ESC-50 has no group column and ESC-10 has one."""
    with (real_audio / "esc50/esc50_full_2000_meta.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2000
    folds, labels = defaultdict(set), defaultdict(list)
    for row in rows:
        folds[row["src_file"]].add(row["fold"])
        labels[row["src_file"]].append((row["fold"], row["category"], row["esc10"]))
    crossing = {source for source, found in folds.items() if len(found) > 1}
    assert crossing == {"131943", "134049", "209698", "234879"}
    for source in crossing:
        by_label = defaultdict(set)
        for fold, category, _ in labels[source]:
            by_label[category].add(fold)
        assert all(len(found) == 1 for found in by_label.values())
        assert len({fold for fold, _, ten in labels[source] if ten == "TRUE"}) == 1
