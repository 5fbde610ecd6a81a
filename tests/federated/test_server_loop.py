"""Whole runs on clients in this process: repeatability, traffic, faults, privacy budget."""

from __future__ import annotations

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord
from support.audio_files import noise, write
from support.federated_grid import ONE_ROUND, federate, left_out, records, saved_weights

from tiny_audio_ssl import cli
from tiny_audio_ssl.audio.io import SAMPLE_RATE_HZ
from tiny_audio_ssl.embedding import embedder
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.federated.run_files import CLIENTS, LISTS
from tiny_audio_ssl.federated.simulate import finished_run, lost_rounds


def test_federated_run_works_with_the_library(plain_run, capsys):
    """Its export is tested in `test_backends.py`, which needs one."""
    assert [r["step"] for r in records(plain_run)] == [1, 2]
    last = records(plain_run)[-1]
    assert last["clients/accepted"] == 4 and last["clients/left_out"] == 0
    assert 0 < last["probe/accuracy"] <= 1 and last["validation/loss"] > 0
    assert embedder.load(plain_run).embed(np.zeros(SAMPLE_RATE_HZ, np.float32)).ndim == 1
    assert cli.run(["inspect", str(plain_run)]) == 0


def test_same_seed_gives_the_same_weights(plain_run, tmp_path):
    federate(tmp_path / "again", server_data="builtin:6")
    federate(tmp_path / "other", server_data="builtin:6", seed=1, **ONE_ROUND)
    assert saved_weights(tmp_path / "again") == saved_weights(plain_run)
    assert saved_weights(tmp_path / "other") != saved_weights(plain_run)


def test_bytes_are_counted_for_each_client(plain_run):
    for line in records(plain_run, CLIENTS):
        assert line["up_bytes"] == pytest.approx(91_000, rel=0.02)  # 4 bytes a parameter
        assert line["down_bytes"] > line["up_bytes"]


def test_int8_updates_reach_nearly_the_same_loss(plain_run, tmp_path):
    federate(tmp_path / "run", encoding="int8", server_data="builtin:6")
    lines = [records(run, CLIENTS)[-1]["up_bytes"] for run in (tmp_path / "run", plain_run)]
    assert lines[0] < 0.27 * lines[1]
    losses = [records(run)[-1]["validation/loss"] for run in (tmp_path / "run", plain_run)]
    assert losses[0] == pytest.approx(losses[1], rel=0.01)


def test_simulated_dropouts_repeat_with_the_seed(tmp_path):
    for name in ("one", "two"):
        federate(tmp_path / name, dropout=0.4, min_clients=1, **{**ONE_ROUND, "rounds": 2})
    assert left_out(tmp_path / "one") == left_out(tmp_path / "two")
    assert "client" in next(iter(left_out(tmp_path / "one").values()))
    assert saved_weights(tmp_path / "one") == saved_weights(tmp_path / "two")


@pytest.mark.parametrize(
    "settings",
    [
        {"privacy": "central"},
        {"privacy": "central-adaptive"},
        {"privacy": "local"},
        {"privacy": "central", "secure_aggregation": True},
    ],
)
def test_epsilon_is_reported_each_round(settings, tmp_path):
    federation, grid = federate(tmp_path / "run", local_steps=1, **settings)
    spent = [r["privacy/epsilon"] for r in records(tmp_path / "run")]
    assert 0 < spent[0] < spent[1]
    assert not any(name.endswith("loss") for name in records(tmp_path / "run")[0])
    assert federation.model.progress.releases == 2
    assert b"loss" not in b"".join(grid.wire)


def nobody(sent, reply):
    return None


def test_run_in_which_nobody_learned_is_an_error_that_says_why(tmp_path):
    federation, _ = federate(tmp_path / "run", nobody, **ONE_ROUND)
    with pytest.raises(UserError, match=r"none of 1 rounds .* client 3: no answer within"):
        federation.check_learned()
    (tmp_path / "flower.log").write_text("tiny_audio_ssl.errors.UserError: none of 1 rounds\n")
    with pytest.raises(UserError, match=r"^none of 1 rounds"):
        finished_run(federation.config, tmp_path / "flower.log")


def test_run_of_updates_that_are_all_zero_is_an_error(tmp_path):
    def idle(sent, reply):
        if "arrays" in reply.content:
            zero = np.zeros_like(reply.content["arrays"]["update"].numpy())
            reply.content["arrays"] = ArrayRecord({"update": Array(zero)})
        return reply

    federation, _ = federate(tmp_path / "run", idle, **{**ONE_ROUND, "norm": "frozen"})
    with pytest.raises(UserError, match="All updates were zero"):
        federation.check_learned()


def test_run_with_some_lost_rounds_is_none(tmp_path):
    def meddle(sent, reply):
        return None if sent.metadata.group_id == "1" else reply

    federation, _ = federate(tmp_path / "run", meddle, rounds=2, evaluate_every=0)
    federation.check_learned()
    assert federation.model.progress.rounds_learned == 1 == lost_rounds(federation.config)
    assert finished_run(federation.config, tmp_path / "flower.log").name == "step-00000002"


def test_no_best_round_by_the_loss_of_two_recordings(tmp_path):
    settings = {"clients_per_round": 1, "min_clients": 1}
    few, _ = federate(tmp_path / "few", weigh(1), **settings, rounds=1)
    enough, _ = federate(tmp_path / "enough", weigh(3), **settings, rounds=1)
    assert few.model.progress.best_round is None and enough.model.progress.best_round == 1


def weigh(examples: int):
    def meddle(sent, reply):
        reply.content.metric_records["metrics"]["num-examples"] = examples
        return reply

    return meddle


def test_other_recordings_of_the_server_stop_a_resume(tmp_path):
    for seed in range(4):
        write(tmp_path / "server" / f"{seed}.wav", noise(2.0, seed=seed))
    settings = {"server_data": str(tmp_path / "server"), "evaluate_every": 0}
    federate(tmp_path / "run", **settings, rounds=1)
    write(tmp_path / "server" / "2.wav", noise(2.0, seed=22))
    with pytest.raises(UserError, match="another sound"):
        federate(tmp_path / "run", **settings, rounds=2, resume=True)


@pytest.mark.parametrize("name", LISTS)
def test_lists_of_others_are_refused(name, tmp_path):
    (tmp_path / name).write_text('{"round": 7}\n')
    with pytest.raises(UserError, match=f"{name}: already exists and does not belong to a run"):
        federate(tmp_path, **ONE_ROUND)
    assert [path.name for path in tmp_path.iterdir()] == [name]
