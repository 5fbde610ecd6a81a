"""Whole runs on devices in this process: what aggregates, what is refused, what leaves a device."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from flwr.app import Array, ArrayRecord, Message, MetricRecord
from support.federated_grid import TINY, LoopGrid, federate

from tiny_audio_ssl import cli
from tiny_audio_ssl.audio.io import SAMPLE_RATE_HZ
from tiny_audio_ssl.embedding import embedder as embedding
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.federated.centralised import FOLDER, train
from tiny_audio_ssl.federated.config import FederatedConfig
from tiny_audio_ssl.federated.plot import draw
from tiny_audio_ssl.federated.server_loop import DEVICES, Federation
from tiny_audio_ssl.models import checkpoint

ONE = {"rounds": 1, "evaluate_every": 0}


def records(run: Path, name: str = "metrics.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / name).read_text().splitlines()]


def left_out(run: Path) -> dict[int, str]:
    return {r["device"]: r["left_out"] for r in records(run, DEVICES) if "left_out" in r}


def weights(run: Path) -> bytes:
    return (checkpoint.locate(run) / checkpoint.MODEL).read_bytes()


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    os.environ["TINY_AUDIO_SSL_CACHE"] = str(tmp_path_factory.getbasetemp() / "cache")
    run = tmp_path_factory.mktemp("plain") / "run"
    federate(run, probe_every=2, server_data="builtin:6")
    return run


# --- the run's folder -----------------------------------------------------------------------


def test_a_run_is_a_run_of_the_library(plain, capsys):
    """Its export is tested with `test_federated_backends.py`, which needs one."""
    assert [r["step"] for r in records(plain)] == [1, 2]
    last = records(plain)[-1]
    assert last["devices/accepted"] == 4 and last["devices/left_out"] == 0
    assert 0 < last["probe/accuracy"] <= 1 and last["validation/loss"] > 0
    assert embedding.load(plain).embed(np.zeros(SAMPLE_RATE_HZ, np.float32)).ndim == 1
    assert cli.run(["inspect", str(plain)]) == 0


def test_the_same_seed_gives_the_same_weights(plain, tmp_path):
    federate(tmp_path / "again", server_data="builtin:6")
    federate(tmp_path / "other", server_data="builtin:6", seed=1, **ONE)
    assert weights(tmp_path / "again") == weights(plain)
    assert weights(tmp_path / "other") != weights(plain)


def test_bytes_are_counted_for_each_device(plain):
    for line in records(plain, DEVICES):
        assert line["up_bytes"] == pytest.approx(91_000, rel=0.02)  # 4 bytes a parameter
        assert line["down_bytes"] > line["up_bytes"]


def test_a_killed_run_resumes_to_the_bit(tmp_path):
    settings = {"strategy": "fedadam", "rounds": 3, "evaluate_every": 0, "local_steps": 1}
    federate(tmp_path / "straight", **settings)

    def die_in_round_two(sent: Message, reply: Message) -> Message:
        if sent.content.config_records["config"]["round"] == 2:
            raise KeyboardInterrupt
        return reply

    with pytest.raises(KeyboardInterrupt):
        federate(tmp_path / "cut", die_in_round_two, **settings)
    with pytest.raises(UserError, match="holds a run already"):
        federate(tmp_path / "cut", **settings)
    with pytest.raises(UserError, match="local_steps was 1 and is 2"):
        federate(tmp_path / "cut", resume=True, **{**settings, "local_steps": 2})
    federate(tmp_path / "cut", resume=True, **settings)
    assert weights(tmp_path / "cut") == weights(tmp_path / "straight")
    assert [r["step"] for r in records(tmp_path / "cut")] == [1, 2, 3]


def test_a_start_from_a_checkpoint(plain, tmp_path):
    model = federate(tmp_path / "run", start=str(plain), norm="frozen", **ONE)[0].model
    first = tmp_path / "run" / "checkpoints" / "step-00000000"
    assert (first / checkpoint.MODEL).read_bytes() == weights(plain)
    assert model.progress.round == 1
    with pytest.raises(UserError, match="its encoder is"):
        federate(tmp_path / "x", start=str(plain), norm="group")


def test_beside_centralised_training(plain, tmp_path):
    """As many steps on all recordings, from the same start, and both in a picture."""
    settings = {**TINY, "server_data": "builtin:6", "out": str(tmp_path / "run"), "rounds": 2}
    config = FederatedConfig(**settings, probe_every=2)
    seen: list[int] = []
    central = train(config, lambda number, values: seen.append(number))
    assert seen == [1, 2] and central.parent.parent == tmp_path / "run" / FOLDER
    (tmp_path / "run" / "metrics.jsonl").write_text((plain / "metrics.jsonl").read_text())
    assert draw(tmp_path / "run").read_bytes().startswith(b"\x89PNG")
    lines = records(central.parents[1])
    assert all(0 < line["validation/loss"] < 1 for line in lines) and "probe/accuracy" in lines[1]


@pytest.mark.parametrize("norm", ["frozen", "group"])
def test_other_normalisation(norm, tmp_path):
    model = federate(tmp_path / "run", norm=norm, **ONE)[0].model
    state = [checkpoint.load(tmp_path / "run" / "checkpoints" / f"step-0000000{i}") for i in (0, 1)]
    buffers = [dict(one.model.encoder.named_buffers()) for one in state]
    assert bool(buffers[0]) == (norm == "frozen")
    assert all(bool((buffers[1][name] == value).all()) for name, value in buffers[0].items())
    assert not np.array_equal(model.weights, 0 * model.weights)


# --- aggregation ----------------------------------------------------------------------------


def test_partial_training_sends_and_changes_only_its_part(tmp_path):
    federate(tmp_path / "run", train_only="encoder.body.5", **ONE)
    state = [checkpoint.load(tmp_path / "run" / "checkpoints" / f"step-0000000{i}") for i in (0, 1)]
    before, after = (dict(one.model.encoder.named_parameters()) for one in state)
    changed = {name for name in before if bool((before[name] != after[name]).any())}
    assert changed and all(name.startswith("body.5.") for name in changed)
    assert records(tmp_path / "run", DEVICES)[0]["up_bytes"] < 10_000


def test_int8_updates_learn_nearly_the_same(plain, tmp_path):
    federate(tmp_path / "run", encoding="int8", server_data="builtin:6")
    lines = [records(run, DEVICES)[-1]["up_bytes"] for run in (tmp_path / "run", plain)]
    assert lines[0] < 0.27 * lines[1]
    losses = [records(run)[-1]["validation/loss"] for run in (tmp_path / "run", plain)]
    assert losses[0] == pytest.approx(losses[1], rel=0.01)


# --- liars, the dead and the late -----------------------------------------------------------


def _changed(reply: Message, **changes: Any) -> None:
    content = reply.content
    if "update" in changes:
        content["arrays"] = ArrayRecord({"update": Array(changes["update"])})
    if "metrics" in changes:
        content["metrics"] = MetricRecord(
            {**content.metric_records["metrics"], **changes["metrics"]}
        )


def test_whoever_lies_is_refused_and_named(tmp_path):
    size = 0

    def meddle(sent: Message, reply: Message) -> Message | None:
        nonlocal size
        update = reply.content.array_records["arrays"]["update"].numpy().copy()
        size = len(update)
        match reply.metadata.src_node_id - 100:
            case 0:
                update[7] = np.nan
                _changed(reply, update=update)
            case 1:
                _changed(reply, update=update[:-1])
            case 2:
                _changed(reply, update=1000 * update)
            case 3:
                _changed(reply, metrics={"round": 0})
            case 4:
                _changed(reply, metrics={"num-examples": -5})
            case 5:
                return None
            case 6:
                _changed(reply, update=update.astype(np.float64))
            case 7:
                reply.content["audio"] = ArrayRecord({"x": Array(update)})
            case 8:
                _changed(reply, metrics={"num-examples": 10**9})
        return reply

    settings = {"clients": 12, "source": "builtin:12", "local_steps": 1}
    federation, _ = federate(tmp_path / "run", meddle, **{**ONE, **settings})
    reasons = left_out(tmp_path / "run")
    assert sorted(reasons) == list(range(8))
    for device, said in {
        0: "1 numbers that are not finite",
        1: rf"\({size - 1},\); expected float32 \({size},\)",
        2: "update of norm",
        3: "answered for round 0, not 1",
        4: "no recordings",
        5: "no answer within 600 s",
        6: "float64",
        7: "sent arrays, metrics, audio",
    }.items():
        assert re.search(said, reasons[device]), reasons[device]
    assert records(tmp_path / "run")[0]["devices/accepted"] == 4
    assert np.isfinite(federation.model.weights).all()


def test_too_few_answers_leave_the_weights(tmp_path):
    federate(tmp_path / "run", lambda sent, reply: None, min_clients=2, rounds=2)
    assert (
        weights(tmp_path / "run")
        == (tmp_path / "run" / "checkpoints" / "step-00000001" / checkpoint.MODEL).read_bytes()
    )
    assert [r["devices/left_out"] for r in records(tmp_path / "run")] == [4, 4]


def test_simulated_dropouts_are_the_same_each_time(tmp_path):
    for name in ("one", "two"):
        federate(tmp_path / name, dropout=0.4, min_clients=1, **{**ONE, "rounds": 2})
    assert left_out(tmp_path / "one") == left_out(tmp_path / "two")
    assert "device" in next(iter(left_out(tmp_path / "one").values()))
    assert weights(tmp_path / "one") == weights(tmp_path / "two")


# --- privacy --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def in_the_open_and_secret(tmp_path_factory) -> list[tuple[Federation, LoopGrid]]:
    folder = tmp_path_factory.mktemp("secure")
    return [
        federate(folder / str(secure), secure_aggregation=secure, **ONE) for secure in (False, True)
    ]


def test_secure_aggregation_gives_the_plain_mean(in_the_open_and_secret):
    plain, secret = (federation.model.weights for federation, _ in in_the_open_and_secret)
    # A step of the quantiser, 2 x range / 2^22, over a device's share of the weight.
    assert np.abs(plain - secret).max() < 2 / 2**22 * 1000 / 8
    assert not np.array_equal(plain, secret)


def test_secure_aggregation_hides_single_updates(in_the_open_and_secret):
    (_, plain), (_, secret) = in_the_open_and_secret
    updates = [
        m.content.array_records["arrays"]["update"].numpy() for m in _messages(plain, "update")
    ]
    assert len(updates) == 4
    for update in updates:
        assert update[:64].tobytes() in b"".join(plain.wire)
        assert update[:64].tobytes() not in b"".join(secret.wire)


def _messages(grid: LoopGrid, name: str) -> list[Message]:
    return [m for m in grid.messages() if any(name in r for r in m.content.array_records.values())]


@pytest.mark.parametrize(("dead", "survives"), [((101,), True), ((101, 102), False)])
def test_secure_aggregation_survives_dropouts_up_to_the_threshold(dead, survives, tmp_path):
    def die_before_sending(sent: Message, reply: Message) -> Message | None:
        collecting = "fitins.config" in sent.content.config_records
        return None if collecting and reply.metadata.src_node_id in dead else reply

    settings = {**ONE, "secure_aggregation": True, "secagg_threshold": 0.7}
    federation, _ = federate(tmp_path / "run", die_before_sending, **settings)
    accepted = records(tmp_path / "run")[0]["devices/accepted"]
    assert accepted == (4 - len(dead) if survives else 0)
    start = checkpoint.load(tmp_path / "run" / "checkpoints" / "step-00000000").model.encoder
    pairs = zip(start.parameters(), federation.model.model.encoder.parameters(), strict=True)
    same = all(bool((before == after).all()) for before, after in pairs)
    assert same != survives
    assert np.abs(federation.model.weights).max() < 10


def test_an_update_beyond_the_range_is_reported_and_not_cut(tmp_path):
    settings = {**ONE, "secure_aggregation": True, "secagg_range": 1e-6}
    federate(tmp_path / "run", **settings)
    assert len(left_out(tmp_path / "run")) == 4
    assert all("beyond secagg-range 1e-06" in text for text in left_out(tmp_path / "run").values())


@pytest.mark.parametrize(
    "settings",
    [
        {"privacy": "central"},
        {"privacy": "central-adaptive"},
        {"privacy": "local"},
        {"privacy": "central", "secure_aggregation": True},
    ],
)
def test_spending_is_reported_each_round(settings, tmp_path):
    federation, grid = federate(tmp_path / "run", local_steps=1, **settings)
    spent = [r["privacy/epsilon"] for r in records(tmp_path / "run")]
    assert 0 < spent[0] < spent[1]
    assert not any(name.endswith("loss") for name in records(tmp_path / "run")[0])
    assert federation.model.progress.releases == 2
    assert b"loss" not in b"".join(grid.wire)


# --- raw audio stays home -------------------------------------------------------------------


class Canary:
    """Noise that is in every recording of the devices, and a search for it in bytes."""

    def __init__(self, folder: Path, config: FederatedConfig) -> None:
        own = config.pretrain()
        rng = np.random.default_rng(0)
        self.pcm = rng.integers(1, 2**14, own.crop_samples).astype(np.int16)
        for device in range(config.clients):
            (folder / str(device)).mkdir(parents=True)
            for number in range(3):
                path = folder / str(device) / f"{number}.wav"
                soundfile.write(path, self.pcm, SAMPLE_RATE_HZ, subtype="PCM_16")
        self.wave = (self.pcm / 2**15).astype(np.float32)
        self.nodes = [{"audio": str(folder / str(device))} for device in range(config.clients)]
        self.forms: list[np.ndarray] = [self.pcm, *(self.wave.astype(k) for k in "fde")]

    def also(self, logmel: np.ndarray) -> None:
        """The recordings are as long as a clip, so that there is just one log-mel of them."""
        self.forms += [logmel.astype(kind) for kind in "fde"]
        self.tables = []
        for word in (np.dtype("u4"), np.dtype("u8")):
            known = self._known(word)
            likely = np.zeros(2**24, bool)  # a first look by 24 bits is ten times faster
            likely[known % 2**24] = True
            self.tables.append((word, known, likely))

    def inside(self, blob: bytes, run: int = 8) -> bool:
        """Whether `run` words in a row, at any offset, are all of the canary. A word has four
        bytes, or is a number of eight: numbers of two bytes alone are too often in anything."""
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
    """As `np.isin`, of sorted ones."""
    return known[np.searchsorted(known, words).clip(max=len(known) - 1)] == words


def _longest(hits: np.ndarray) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], hits.astype(np.int8), [0]])))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def test_raw_audio_never_leaves_a_device(task_name, tmp_path):
    settings = {"task": task_name, "pretext": "{}", "clients": 2, "rounds": 1, "local_steps": 1}
    canary = Canary(tmp_path / "devices", FederatedConfig(**{**TINY, **settings}))
    federation, grid = federate(tmp_path / "run", nodes=canary.nodes, **settings)
    canary.also(federation.model.model.frontend(torch.from_numpy(canary.wave)[None]).numpy())
    for form in canary.forms:  # the search finds what there is to find
        assert canary.inside(b"some header" + form.ravel()[500:550].tobytes() + b"end")
    assert len(grid.wire) == 8 and not left_out(tmp_path / "run")
    for blob in set(grid.wire):
        assert not canary.inside(blob)
        assert str(tmp_path / "devices").encode() not in blob
    for file in {file.resolve() for file in (tmp_path / "run").rglob("*") if file.is_file()}:
        assert not canary.inside(file.read_bytes()), file


def test_errors_of_real_devices_do_not_name_files(tmp_path):
    nodes = [{"audio": str(tmp_path / "at-the-doctor")}] * 4
    _, grid = federate(tmp_path / "run", nodes=nodes, **ONE)
    assert b"at-the-doctor" not in b"".join(grid.wire)
    assert all("CorpusError" in text for text in left_out(tmp_path / "run").values())
