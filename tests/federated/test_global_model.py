"""The server's model: resuming, starting from a checkpoint, normalization, partial training."""

from __future__ import annotations

import json

import pytest
from flwr.app import Message
from support.federated_grid import ONE_ROUND, federate, records, saved_weights

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.federated.run_files import CLIENTS
from tiny_audio_ssl.models import checkpoint


def test_killed_run_resumes_to_the_same_bytes(tmp_path):
    settings = {"strategy": "fedadam", "rounds": 3, "evaluate_every": 0, "local_steps": 1}
    federate(tmp_path / "straight", **settings)

    def die_in_round_two(sent: Message, reply: Message) -> Message:
        if sent.content.config_records["config"]["round"] == 2:
            raise KeyboardInterrupt
        return reply

    with pytest.raises(KeyboardInterrupt):
        federate(tmp_path / "cut", die_in_round_two, **settings)
    with pytest.raises(UserError, match="already holds a run"):
        federate(tmp_path / "cut", **settings)
    with pytest.raises(UserError, match="local_steps was 1 and is 2"):
        federate(tmp_path / "cut", resume=True, **{**settings, "local_steps": 2})
    federate(tmp_path / "cut", resume=True, **settings)
    assert saved_weights(tmp_path / "cut") == saved_weights(tmp_path / "straight")
    assert [r["step"] for r in records(tmp_path / "cut")] == [1, 2, 3]


@pytest.mark.parametrize("part", ["run", "progress"])
def test_run_of_a_newer_version_is_not_resumed(part, tmp_path):
    federate(tmp_path / "run", **ONE_ROUND)
    file = tmp_path / "run" / "last" / checkpoint.CONFIG
    content = json.loads(file.read_text())
    content["versions"]["tiny-audio-ssl"] = "9.9.9"
    content[part]["federated"]["from_the_future"] = 1
    file.write_text(json.dumps(content))
    message = "from_the_future not known.*, written by tiny-audio-ssl 9.9.9; this is version .*"
    with pytest.raises(UserError, match=message):
        federate(tmp_path / "run", resume=True, **ONE_ROUND)


def test_start_from_a_checkpoint(plain_run, tmp_path):
    model = federate(tmp_path / "run", start=str(plain_run), norm="frozen", **ONE_ROUND)[0].model
    first = tmp_path / "run" / "checkpoints" / "step-00000000"
    assert (first / checkpoint.MODEL).read_bytes() == saved_weights(plain_run)
    assert model.progress.round == 1
    with pytest.raises(UserError, match="its encoder is"):
        federate(tmp_path / "x", start=str(plain_run), norm="group")


def test_a_run_of_another_task_gives_its_encoder_alone(plain_run, tmp_path):
    assert checkpoint.load(plain_run).run["task"] != "cola"
    own = {"start": str(plain_run), "norm": "frozen", "task": "cola"}
    model = federate(tmp_path / "run", **own, **ONE_ROUND)[0].model
    first = tmp_path / "run" / "checkpoints" / "step-00000000"
    assert (first / checkpoint.MODEL).read_bytes() == saved_weights(plain_run)
    assert model.progress.round == 1
    with pytest.raises(UserError, match=r"encoder\.norm is batch there"):
        federate(tmp_path / "x", **{**own, "norm": "group"})


@pytest.mark.parametrize("norm", ["frozen", "group"])
def test_statistics_stay_with_frozen_and_group_norm(norm, tmp_path):
    model = federate(tmp_path / "run", norm=norm, **ONE_ROUND)[0].model
    state = [checkpoint.load(tmp_path / "run" / "checkpoints" / f"step-0000000{i}") for i in (0, 1)]
    buffers = [dict(one.model.encoder.named_buffers()) for one in state]
    assert bool(buffers[0]) == (norm == "frozen")
    assert all(bool((buffers[1][name] == value).all()) for name, value in buffers[0].items())
    assert model.weights.any()


def test_train_only_sends_and_changes_only_these_parameters(tmp_path):
    federate(tmp_path / "run", train_only="encoder.body.5", **ONE_ROUND)
    state = [checkpoint.load(tmp_path / "run" / "checkpoints" / f"step-0000000{i}") for i in (0, 1)]
    before, after = (dict(one.model.encoder.named_parameters()) for one in state)
    changed = {name for name in before if bool((before[name] != after[name]).any())}
    assert changed and all(name.startswith("body.5.") for name in changed)
    assert records(tmp_path / "run", CLIENTS)[0]["up_bytes"] < 10_000
