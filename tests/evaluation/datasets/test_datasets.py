"""Readers on small replicas of the published layouts; conditions; suites; the command."""

from __future__ import annotations

import csv
import json
import shutil
import tarfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import tyro
from support.audio_files import tone, write
from support.paths import ROOT

from tiny_audio_ssl.commands.datasets import Datasets
from tiny_audio_ssl.data.corpus import Corpus
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.evaluation.datasets import DATASETS, EvaluationTask, base, task_corpus
from tiny_audio_ssl.evaluation.datasets.suite import read_suite
from tiny_audio_ssl.evaluation.probing.labelled import open_task

SUITES = ROOT / "benchmarks" / "suites"
WORDS = [f"word{n:02}" for n in range(35)]
SCENES = ["airport", "bus", "metro", "metro_station", "park", "public_square", "shopping_mall"]
SCENES += ["street_pedestrian", "street_traffic", "tram"]
LANGUAGES = ("de", "en", "es", "fr", "it", "ru")
FAMILIES = ["bass", "brass", "flute", "guitar", "keyboard", "mallet", "organ", "reed", "string"]
FAMILIES += ["synth_lead", "vocal"]


# --- replicas of the layouts ----------------------------------------------------------------


class Replica:
    """Writes audio and text below a folder; all audio is one short tone, linked."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def audio(self, *names: str) -> None:
        for name in names:
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            one = self.root / f".one{path.suffix}"  # hidden, as no reader lists it
            if not one.exists():
                write(one, tone(0.05), kind={".wav": "s16.wav"}.get(path.suffix))
            path.hardlink_to(one)

    def text(self, name: str, *lines: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def speech_commands(replica: Replica) -> None:
    folder = "SpeechCommands/speech_commands_v0.02"
    speakers = {"0a": "train", "1b": "validation", "2c": "test"}
    names = {s: [f"{word}/{s}_nohash_0.wav" for word in WORDS] for s in speakers}
    for own in names.values():
        replica.audio(*(f"{folder}/{name}" for name in own))
    replica.audio(f"{folder}/{WORDS[0]}/0a_nohash_1.wav", f"{folder}/_background_noise_/pink.wav")
    replica.text(f"{folder}/{WORDS[0]}/._0a_nohash_1.wav", "what macOS leaves")
    replica.text(f"{folder}/validation_list.txt", *names["1b"])
    replica.text(f"{folder}/testing_list.txt", *names["2c"])


def librispeech(replica: Replica) -> None:
    folder = "LibriSpeech/train-clean-100"
    for speaker in range(100, 351):
        chapters = {1000 + speaker: 2, 5000 + speaker: 1} if speaker != 200 else {7: 2}
        for chapter, count in chapters.items():
            names = [f"{speaker}-{chapter}-{n:04}.flac" for n in range(count)]
            replica.audio(*(f"{folder}/{speaker}/{chapter}/{name}" for name in names))
            replica.text(f"{folder}/{speaker}/{chapter}/{speaker}-{chapter}.trans.txt", "x")


def musan(replica: Replica) -> None:
    collections = "music/fma music/fma-western-art music/hd-classical music/jamendo music/rfm"
    collections += " noise/free-sound noise/sound-bible speech/librivox speech/us-gov"
    for collection in collections.split():
        kind, _, name = collection.partition("/")
        stems = [f"{kind}-{name}-{n:04}" for n in range(2)]
        replica.audio(*(f"musan/{collection}/{stem}.wav" for stem in stems))
        replica.text(f"musan/{collection}/LICENSE", "free")
        if kind == "music":
            lines = [f"{stems[0]} jazz,blues Y The_Same", f"{stems[1]} rock N {name}_{kind}"]
            replica.text(f"musan/{collection}/ANNOTATIONS", *lines)
    replica.text("musan/speech/librivox/ANNOTATIONS", "speech-librivox-0000 f english")
    replica.text("musan/music/rfm/ANNOTATIONS", "music-rfm-0000 pop Y the_same")  # one of two


BIRDS = {
    "BirdVox-DCASE-20k": "BirdVoxDCASE20k_csvpublic.csv",
    "ff1010bird": "ff1010bird_metadata_2018.csv",
    "warblrb10k_public": "warblrb10k_public_metadata_2018.csv",
}


def birds(replica: Replica) -> None:
    for number, (name, file) in enumerate(BIRDS.items()):
        items = [f"{number}{n}-4b-c" for n in range(3)]
        rows = [f"{item},{name},{n % 2}" for n, item in enumerate(items)]
        replica.text(file, "itemid,datasetid,hasbird", *rows)
        replica.audio(*(f"{name}/wav/{item}.wav" for item in items))


def scenes(replica: Replica) -> None:
    folder = "TUT-urban-acoustic-scenes-2018-development"
    meta, lists = [], defaultdict(list)
    for number, scene in enumerate(SCENES):
        for place in (2 * number, 2 * number + 1):
            for segment in range(2):
                name = f"audio/{scene}-paris-{place}-{segment}-a.wav"
                replica.audio(f"{folder}/{name}")
                meta.append(f"{name}\t{scene}\tparis-{place}\ta")
                lists["evaluate" if place % 2 else "train"].append(f"{name}\t{scene}")
    replica.text(f"{folder}/meta.csv", "filename\tscene_label\tidentifier\tsource_label", *meta)
    for part, names in lists.items():
        replica.text(f"{folder}/evaluation_setup/fold1_{part}.txt", *names)


def voxforge(replica: Replica) -> None:
    for language in LANGUAGES:
        for submission in ("Ann-20080318-kdl", "ann-20090101-abc", "anonymous-20100101-xyz"):
            replica.audio(*(f"{language}/{submission}/wav/a{n}.wav" for n in range(2)))
            replica.text(f"{language}/{submission}/etc/README", "User Name: Ann")
    replica.audio("de/Old-2007-abc/flac/de1.flac")


def nsynth(replica: Replica) -> None:
    for part, source in (("train", "acoustic"), ("test", "synthetic")):
        notes = {}
        for number, pitch in enumerate(range(18, 112)):
            family = FAMILIES[number % 11]
            if part == "test" and family == "synth_lead":
                continue
            name = f"{family}_{source}_000-{pitch:03}-050"
            notes[name] = {
                "note_str": name,
                "pitch": pitch,
                "instrument_str": f"{family}_{source}_000",
                "instrument_family_str": family,
            }
            replica.audio(f"nsynth-{part}/audio/{name}.wav")
        replica.text(f"nsynth-{part}/examples.json", json.dumps(notes))
    shutil.copytree(replica.root / "nsynth-test", replica.root / "nsynth-valid")


def esc50(replica: Replica) -> None:
    rows = []
    for target in range(50):
        for fold in (1, 2):
            name = f"{fold}-{1000 * fold + target}-A-{target}.wav"
            source = 1000 * fold + target
            rows.append(f"{name},{fold},{target},c{target},{target < 10},{source},A")
            replica.audio(f"ESC-50-master/audio/{name}")
    header = "filename,fold,target,category,esc10,src_file,take"
    replica.text("ESC-50-master/meta/esc50.csv", header, *rows)


REPLICAS: dict[str, Callable[[Replica], None]] = {
    "speech-commands": speech_commands,
    "librispeech-speaker": librispeech,
    "musan": musan,
    "bird-detection": birds,
    "urban-scenes": scenes,
    "voxforge-language": voxforge,
    "nsynth-pitch": nsynth,
    "nsynth-family": nsynth,
    "esc-50": esc50,
    "esc-10": esc50,
}


@pytest.fixture(scope="module")
def replicas(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder for each layout. Read only: `copied` is for tests that break one."""
    made: dict[Callable[[Replica], None], Path] = {}
    for name, make in REPLICAS.items():
        if make not in made:
            made[make] = tmp_path_factory.mktemp(name)
            make(Replica(made[make]))
    return {name: made[make] for name, make in REPLICAS.items()}


@pytest.fixture
def copied(replicas: dict[str, Path], tmp_path: Path) -> Callable[[str], Path]:
    def copy(name: str) -> Path:
        return Path(shutil.copytree(replicas[name], tmp_path / name))

    return copy


@pytest.fixture(params=sorted(DATASETS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


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
    with pytest.raises(UserError, match=r"1 of the .* are not there") as error:
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
    with pytest.raises(UserError, match="a part of it is not there"):
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
    with pytest.raises(UserError, match="ANNOTATIONS is not there"):
        DATASETS["musan"].corpus(root)
    shutil.rmtree(root / "musan/music/jamendo")
    with pytest.raises(UserError, match="no wav files in musan/music/jamendo"):
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
        ("itemid,datasetid,hasbird\na,ff1010bird\n", "row 2: nothing in column hasbird"),
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
    with pytest.raises(UserError, match=r"meta\.csv is not text"):
        DATASETS["urban-scenes"].corpus(root)


def test_voxforge_speakers_are_user_names(
    replicas: dict[str, Path], copied: Callable[[str], Path]
) -> None:
    corpus = DATASETS["voxforge-language"].corpus(replicas["voxforge-language"])
    assert set(corpus.column("speaker")) == {"ann", "anonymous", "old"}
    assert columns(corpus, ".flac") == {"language": "de", "speaker": "old"}
    root = copied("voxforge-language")
    shutil.rmtree(root / "ru")
    with pytest.raises(UserError, match="no recordings in ru/"):
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


# --- tasks ----------------------------------------------------------------------------------


def test_a_task_may_name_other_columns(replicas: dict[str, Path]) -> None:
    root = str(replicas["nsynth-family"])
    task = EvaluationTask("source", root, "nsynth-family", label="instrument_str", fold="pitch")
    _, filled = task_corpus(task)
    assert filled == replace(task, group="instrument_str")  # and no official split
    _, filled = task_corpus(EvaluationTask("x", root, "nsynth-family", group="pitch"))
    assert (filled.label, filled.split, filled.group) == ("instrument_family_str", "split", "pitch")


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    for name in "abcd":
        write(tmp_path / f"{name}.wav", tone(0.05))
    path = tmp_path / "labels.csv"
    path.write_text("path,label,day,loud\na.wav,x,1,y\nb.wav,y,1,n\nc.wav,x,2,y\nd.wav,,2,y\n")
    return path


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ((), "abcd"),
        (("day=1",), "ab"),
        (("day!=1",), "cd"),
        (("label!=",), "abc"),
        (("label=",), "d"),
        (("loud=y", "day!=2"), "a"),
    ],
)
def test_conditions_of_a_manifest(labels: Path, where: tuple[str, ...], expected: str) -> None:
    corpus, task = task_corpus(EvaluationTask("t", str(labels), where=where))
    assert "".join(clip.path.stem for clip in corpus.clips) == expected
    assert task.where == ()


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("day", "expected COLUMN=VALUE or COLUMN!=VALUE"),
        ("=1", "expected COLUMN=VALUE"),
        ("night=1", "no column 'night'; the columns are: day, label, loud"),
        ("day=3", "no recording is left where day=3"),
    ],
)
def test_conditions_that_nothing_meets(labels: Path, where: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        task_corpus(EvaluationTask("t", str(labels), where=(where,)))


def test_an_unknown_dataset(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="'esc50' is not known; choose from speech-commands, "):
        task_corpus(EvaluationTask("t", str(tmp_path), dataset="esc50"))


# --- suites ---------------------------------------------------------------------------------


def suite(folder: Path, text: str) -> Path:
    path = folder / "suite.toml"
    path.write_text(text)
    return path


def test_a_suite(labels: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    text = """
[[task]]
name = "days"
source = "labels.csv"
fold = "day"
where = ["loud=y"]

[[task]]
name = "made up"
source = "builtin:2"
group = "group"
folds = 3

[[task]]
name = "words"
source = "sc"
dataset = "speech-commands"
"""
    expected = [
        EvaluationTask("days", str(labels), fold="day", where=("loud=y",)),
        EvaluationTask("made up", "builtin:2", group="group", folds=3),
        EvaluationTask("words", str(labels.parent / "sc"), dataset="speech-commands"),
    ]
    assert read_suite(suite(labels.parent, text)) == expected
    elsewhere = suite(tmp_path_factory.mktemp("suites"), text)
    assert read_suite(elsewhere, labels.parent) == expected
    with pytest.raises(
        UserError, match=r"task 1 \(days\): .*labels\.csv is not there; sources are"
    ):
        read_suite(elsewhere)


NAMED = '[[task]]\nname = "a"\nsource = "builtin"\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "found nothing"),
        ("[[tasks]]\nname = 1\n", "found tasks"),
        ('[task]\nname = "a"\n', r"expected \[\[task\]\] tables"),
        ("task = [1]\n", "expected a table"),
        ("[[task]\n", "not TOML"),
        (NAMED + "colour = 1\n", "unknown key colour; the keys are name, source, dataset, label,"),
        ('[[task]]\nname = "a"\n', "task 1: source must be given"),
        (NAMED + "folds = true\n", "folds is True, expected a whole number"),
        (NAMED + 'folds = "5"\n', "folds is '5', expected a whole number"),
        (NAMED + 'where = "a=b"\n', "where is 'a=b', expected a list of texts"),
        (NAMED + 'label = ""\n', "label is '', expected a text"),
        (NAMED + 'dataset = "esc50"\n', "'esc50' is not known; choose from"),
        (NAMED + NAMED, "task 2: a task before it is called 'a', too"),
    ],
)
def test_suites_that_are_wrong(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        read_suite(suite(tmp_path, text))


def test_an_absent_suite(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.toml: can't be read"):
        read_suite(tmp_path / "none.toml")


def test_the_small_suite_can_be_split(real_audio: Path) -> None:
    tasks = [open_task(task) for task in read_suite(SUITES / "small.toml", real_audio)]
    assert len(tasks) == 10
    for task in tasks:
        assert len(task.splits) == task.task.folds
        for one in task.splits:
            assert set(task.truth[one.test]) <= set(task.truth[one.train]), task.task.name


# --- the command ----------------------------------------------------------------------------


def command(*arguments: str) -> int:
    return tyro.cli(Datasets, args=arguments).run()


def test_the_list_of_datasets(capsys: pytest.CaptureFixture[str]) -> None:
    assert command() == 0
    shown = capsys.readouterr().out
    assert all(name.split("-")[0] in shown for name in DATASETS)
    assert command("--json") == 0
    assert [row["name"] for row in json.loads(capsys.readouterr().out)] == list(DATASETS)


def test_how_to_get_one(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(name) == 0
    shown = capsys.readouterr().out
    assert DATASETS[name].url in shown and "DIR/" in shown


def test_checking_a_folder(replicas: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    root = str(replicas["speech-commands"])
    assert command("speech-commands", "--check", root, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["recordings"] == 106 and found["classes"] == 35 and found["groups"] == 3
    assert found["parts"] == {"test": 35, "train": 36, "validation": 35}
    assert command("musan", "--check", str(replicas["musan"])) == 0
    assert "parts" not in capsys.readouterr().out  # it has no official ones


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--check", "x"], "which dataset"),
        (["esc50"], "not known"),
        (["musan", "--check", "none"], "no such folder"),
        (["musan", "--download", "x"], "torchaudio does not have musan(.|\n)*openslr"),
    ],
)
def test_the_command_teaches(arguments: list[str], words: str) -> None:
    with pytest.raises(UserError, match=words):
        command(*arguments)


# --- downloads ------------------------------------------------------------------------------


def archive_of(folder: Path, inside: str) -> Callable[..., None]:
    """In place of a download: what lies in `folder`, packed as the publisher does."""

    def download(url: str, target: str, **_: object) -> None:
        with tarfile.open(target, "w:gz") as archive:
            archive.add(folder, inside)

    return download


@pytest.fixture
def offline(torchaudio, replicas: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    import torchaudio.datasets.librispeech as libri
    import torchaudio.datasets.speechcommands as commands

    folder = replicas["speech-commands"] / "SpeechCommands/speech_commands_v0.02"
    monkeypatch.setattr(commands, "download_url_to_file", archive_of(folder, "."))
    folder = replicas["librispeech-speaker"] / "LibriSpeech"
    monkeypatch.setattr(libri, "download_url_to_file", archive_of(folder, "LibriSpeech"))


@pytest.mark.parametrize("name", [n for n, d in DATASETS.items() if d.download])
def test_what_torchaudio_downloads_is_read(
    name: str, offline: None, replicas: dict[str, Path], tmp_path: Path
) -> None:
    assert command(name, "--download", str(tmp_path / "new")) == 0
    corpus = DATASETS[name].corpus(tmp_path / "new")
    assert len(corpus.clips) == len(DATASETS[name].corpus(replicas[name]).clips)
    assert len(list((tmp_path / "new").iterdir())) == 1  # no archive, nothing half unpacked
    with pytest.raises(UserError, match="is there already; remove it"):
        command(name, "--download", str(tmp_path / "new"))


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Exception], None]]:
    def fail(error: Exception) -> None:
        def require(module: str, extra: str) -> None:
            raise error

        monkeypatch.setattr(base, "require", require)

    yield fail


def test_a_torchaudio_that_does_not_import(
    broken: Callable[[Exception], None], tmp_path: Path
) -> None:
    broken(OSError("libcudart.so.13: cannot open shared object file"))
    with pytest.raises(UserError, match=r"libcudart.*needs a CUDA build of PyTorch"):
        command("speech-commands", "--download", str(tmp_path))
    assert not list(tmp_path.iterdir())


def test_a_download_that_breaks_off_leaves_nothing(
    offline: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import torchaudio.datasets.speechcommands as commands

    def fail(url: str, target: str, **_: object) -> None:
        Path(target).write_bytes(b"half")
        raise ConnectionError("reset by peer")

    monkeypatch.setattr(commands, "download_url_to_file", fail)
    with pytest.raises(UserError, match="could not download SPEECHCOMMANDS: reset by peer"):
        command("speech-commands", "--download", str(tmp_path))
    assert not list(tmp_path.iterdir())
