"""Small replicas of published datasets in their official layouts."""

from __future__ import annotations

import json
import shutil
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from support.audio_files import tone, write

WORDS = [f"word{n:02}" for n in range(35)]
SCENES = ["airport", "bus", "metro", "metro_station", "park", "public_square", "shopping_mall"]
SCENES += ["street_pedestrian", "street_traffic", "tram"]
LANGUAGES = ("de", "en", "es", "fr", "it", "ru")
FAMILIES = ["bass", "brass", "flute", "guitar", "keyboard", "mallet", "organ", "reed", "string"]
FAMILIES += ["synth_lead", "vocal"]


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
