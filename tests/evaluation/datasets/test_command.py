"""The `datasets` command: list, guide, check, download."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import tyro

from tiny_audio_ssl.commands.datasets import Datasets
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.evaluation.datasets import DATASETS, base


def command(*arguments: str) -> int:
    return tyro.cli(Datasets, args=arguments).run()


def test_the_list_of_datasets(capsys: pytest.CaptureFixture[str]) -> None:
    assert command() == 0
    shown = capsys.readouterr().out
    assert all(name.split("-")[0] in shown for name in DATASETS)
    assert command("--json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == list(DATASETS)
    assert rows[0]["license"] == "CC BY 4.0"
    assert rows[0]["splitting"] == "official split by speaker"


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
        (["--check", "x"], "name the dataset"),
        (["esc50"], "unknown"),
        (["musan", "--check", "none"], "the folder does not exist"),
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
    with pytest.raises(UserError, match="already exists; remove it"):
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
    with pytest.raises(UserError, match=r"libcudart.*needs a CUDA build of the same version"):
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
