"""Privacy of the ClientApp: neither audio nor file names leave a client."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from contract.task_settings import SETTINGS
from support.audio_files import noise, write
from support.federated_grid import ONE_ROUND, TINY, federate, left_out, records

from tiny_audio_ssl.audio import synthetic
from tiny_audio_ssl.audio.io import SAMPLE_RATE_HZ
from tiny_audio_ssl.federated.config import FederatedConfig
from tiny_audio_ssl.federated.recordings import CANNOT_TAKE_PART


class Canary:
    """Noise in every recording of the clients, and a search for it in bytes."""

    def __init__(self, folder: Path, config: FederatedConfig) -> None:
        own = config.pretrain()
        rng = np.random.default_rng(0)
        self.pcm = rng.integers(1, 2**14, own.crop_samples).astype(np.int16)
        for client in range(config.clients):
            (folder / str(client)).mkdir(parents=True)
            for number in range(3):
                path = folder / str(client) / f"{number}.wav"
                soundfile.write(path, self.pcm, SAMPLE_RATE_HZ, subtype="PCM_16")
        self.wave = (self.pcm / 2**15).astype(np.float32)
        self.node_configs = [
            {"audio": str(folder / str(client))} for client in range(config.clients)
        ]
        self.forms: list[np.ndarray] = [self.pcm, *(self.wave.astype(k) for k in "fde")]

    def add_log_mel(self, logmel: np.ndarray) -> None:
        """Search for the log-mel, too; the recordings are one clip long and have only this one."""
        self.forms += [logmel.astype(kind) for kind in "fde"]
        self.tables = []
        for word in (np.dtype("u4"), np.dtype("u8")):
            known = self._known(word)
            likely = np.zeros(2**24, bool)  # a first test of 24 bits is ten times faster
            likely[known % 2**24] = True
            self.tables.append((word, known, likely))

    def is_in(self, blob: bytes, run: int = 8) -> bool:
        """Return whether `run` words in a row, at any offset, are all of the canary.

        A word has four bytes, or is a number of eight: numbers of two bytes alone occur everywhere.
        """
        for word, known, likely in self.tables:
            for offset in range(word.itemsize):
                words = _words(blob, offset, word)
                some = words[::run]  # one of `run` in a row is among them
                at = np.flatnonzero(likely[some % 2**24])
                for place in run * at[_among(some[at], known)]:
                    around = words[max(0, place - run + 1) : place + run]
                    if _longest(_among(around, known)) >= run:
                        return True
        return False

    def _known(self, word: np.dtype) -> np.ndarray:
        parts = [
            _words(form.tobytes(), start, word)
            for form in self.forms
            if (form.dtype.itemsize == 8) == (word.itemsize == 8)
            for start in range(0, word.itemsize, form.dtype.itemsize)
        ]
        known = np.unique(np.concatenate(parts))
        return known[known != 0]


def _words(blob: bytes, offset: int, word: np.dtype) -> np.ndarray:
    count = (len(blob) - offset) // word.itemsize
    return np.frombuffer(blob, word, max(0, count), offset if count > 0 else 0)


def _among(words: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return `np.isin(words, known)` for sorted `known`."""
    return known[np.searchsorted(known, words).clip(max=len(known) - 1)] == words


def _longest(hits: np.ndarray) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], hits.astype(np.int8), [0]])))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def test_raw_audio_never_leaves_a_client(task_name, tmp_path):
    pretext = json.dumps(SETTINGS.get(task_name, {}))
    settings = {"task": task_name, "pretext": pretext, "clients": 2, "rounds": 1, "local_steps": 1}
    canary = Canary(tmp_path / "clients", FederatedConfig(**{**TINY, **settings}))
    federation, grid = federate(tmp_path / "run", node_configs=canary.node_configs, **settings)
    canary.add_log_mel(federation.model.model.frontend(torch.from_numpy(canary.wave)[None]).numpy())
    for form in canary.forms:  # the search does find the canary
        assert canary.is_in(b"some header" + form.ravel()[500:550].tobytes() + b"end")
    assert len(grid.wire) == 8 and not left_out(tmp_path / "run")
    for blob in set(grid.wire):
        assert not canary.is_in(blob)
        assert str(tmp_path / "clients").encode() not in blob
    for file in {file.resolve() for file in (tmp_path / "run").rglob("*") if file.is_file()}:
        assert not canary.is_in(file.read_bytes()), file


def test_errors_of_real_clients_do_not_name_files(tmp_path):
    node_configs = [{"audio": str(tmp_path / "at-the-doctor")}] * 4
    _, grid = federate(tmp_path / "run", node_configs=node_configs, **ONE_ROUND)
    assert b"at-the-doctor" not in b"".join(grid.wire)
    assert all("CorpusError" in text for text in left_out(tmp_path / "run").values())


@pytest.mark.parametrize(
    "task", ["cola", "triplet", "byol-a", "lim", "mix-back", "clar", "multi-format"]
)
def test_client_with_one_recording_does_not_compare_it_with_itself(task, tmp_path):
    """It is left out of training and evaluation, and its log says why; the others go on."""
    folders = [synthetic.write(tmp_path / str(client), 1, seed=client) for client in range(2)]
    write(tmp_path / "one" / "a.wav", noise(2.0))
    node_configs = [{"audio": str(folder)} for folder in (*folders, tmp_path / "one")]
    lines: list[str] = []
    settings = {**ONE_ROUND, "task": task, "pretext": "{}", "clients": 3, "evaluate_every": 1}
    federate(tmp_path / "run", node_configs=node_configs, log=lines.append, **settings)
    assert list(left_out(tmp_path / "run")) == [2]
    (line,) = records(tmp_path / "run")
    assert line["clients/accepted"] == 2 and 0 < line["validation/loss"] < 10
    assert any("evaluation of client 2 left out" in text for text in lines)


def test_client_says_in_its_own_log_why_it_is_left_out(tmp_path, caplog):
    write(tmp_path / "one" / "a.wav", noise(2.0))
    node_configs = [{"audio": str(tmp_path / "one")}] * 4
    federate(tmp_path / "run", node_configs=node_configs, task="cola", pretext="{}", **ONE_ROUND)
    assert f"{CANNOT_TAKE_PART}cola compares clips" in caplog.text
