"""Clients that train in ExecuTorch beside clients that train in eager PyTorch."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flwr.app import Message
from support.federated_grid import TINY, LoopGrid, federate, records

from tiny_audio_ssl import cli
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.federated import backends
from tiny_audio_ssl.federated.client_log import CLIENTS
from tiny_audio_ssl.federated.config import FederatedConfig
from tiny_audio_ssl.federated.global_model import GlobalModel
from tiny_audio_ssl.federated.local_training import train
from tiny_audio_ssl.federated.recordings import client_recordings
from tiny_audio_ssl.federated.server_loop import Federation

pytest.importorskip("executorch")

from tiny_audio_ssl.export import manifest
from tiny_audio_ssl.export.training.to_training import export_training

ONE_ROUND = {"clients": 3, "rounds": 1, "evaluate_every": 0}


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Settings of a run that starts from the checkpoint of a training artifact."""
    run = tmp_path_factory.mktemp("start") / "run"
    federate(run, **ONE_ROUND)
    artifact = export_training(run, batch_size=TINY["batch_size"]).folder
    return {**ONE_ROUND, "start": str(run), "norm": "frozen", "artifact": str(artifact)}


@pytest.fixture(scope="module")
def mixed(start, tmp_path_factory) -> tuple[Federation, LoopGrid, Path]:
    """A run of one client in eager PyTorch, and two in ExecuTorch by their node configs."""
    run = tmp_path_factory.mktemp("mixed") / "run"
    nodes = [{"partition-id": i, "num-partitions": 3} for i in range(3)]
    for node in nodes[1:]:
        node |= {"backend": "executorch", "artifact": start["artifact"]}
    federation, grid = federate(run, node_configs=nodes, **{**start, "artifact": ""})
    return federation, grid, run


def reasons(run: Path) -> list[str]:
    return [one["left_out"] for one in records(run, CLIENTS) if "left_out" in one]


def replies(grid: LoopGrid) -> list[Message]:
    return [m for m in grid.messages() if "metrics" in m.content.metric_records]


def test_mixed_clients_reach_the_weights_of_eager_ones(start, mixed, tmp_path):
    federation, grid, run = mixed
    eager, eager_grid = federate(tmp_path / "run", **start)
    assert not reasons(run) and len(replies(grid)) == 3
    sent = next(m for m in grid.messages() if "config" in m.content.config_records)
    began = sent.content.array_records["arrays"]["weights"].numpy()
    steps = [run.model.weights - began for run in (eager, federation)]
    assert np.linalg.norm(steps[0] - steps[1]) < 1e-3 * np.linalg.norm(steps[0])
    for ours, theirs in zip(replies(grid), replies(eager_grid), strict=True):
        assert form(ours) == form(theirs)


def form(message: Message) -> Any:
    """Return everything about a message except its numbers."""
    arrays = {
        (record, name): (array.dtype, array.shape)
        for record, found in message.content.array_records.items()
        for name, array in found.items()
    }
    metrics = {name: set(found) for name, found in message.content.metric_records.items()}
    return set(message.content), arrays, metrics


@pytest.mark.parametrize("settings", [{}, {"strategy": "fedprox", "train_only": "encoder"}])
def test_both_backends_make_the_same_steps(settings, start, tmp_path):
    """AdamW's first steps divide by the gradient's size, so that small gradients count, too."""
    asked = {**TINY, **start, **settings, "proximal_mu": 10.0, "local_steps": 3}
    eager = FederatedConfig(out=str(tmp_path), **asked)
    model = GlobalModel.open(eager)
    recordings = client_recordings(eager, {"partition-id": 0}, 0)
    one, other = (
        train(
            replace(eager, backend=name), model.weights, model.fixed, recordings, 1, client_index=0
        )
        for name in ("eager", "executorch")
    )
    assert other.loss == pytest.approx(one.loss, rel=1e-5)
    assert np.linalg.norm(one.update - other.update) < 1e-3 * np.linalg.norm(one.update)
    assert not np.array_equal(one.update, other.update)  # it is not the same code that ran


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"artifact": ""},
            "needs a training artifact: make one by `tiny-audio-ssl export-training RUN",
        ),
        ({"batch_size": 8}, "takes 4 clips in a step, and batch-size is 8"),
        ({"start": "", "width": 0.5}, "the artifact's encoder is"),
        ({"start": "", "seed": 1}, "statistics are not those that the server sent"),
        ({"artifact_sha256": "0" * 64}, f"the run's artifact-sha256 is {'0' * 64}"),
    ],
)
def test_server_learns_why_an_artifact_does_not_fit(settings, message, start, tmp_path):
    """The clients have folders of their own, which the reason must not name."""
    asked = {**start, "backend": "executorch", "local_steps": 1, **settings}
    run = tmp_path / "run"
    node = {"audio": "builtin:1"}
    federate(run, node_configs=[node] * 3, **asked)
    assert len(reasons(run)) == 3 and all(message in reason for reason in reasons(run))
    assert not any(start["artifact"] in reason for reason in reasons(run))


def test_a_client_takes_part_only_in_known_runs_if_it_wants_so(start, tmp_path):
    """The run must name the artifact that the client has; the first client does not mind."""
    sha256 = manifest.read(Path(start["artifact"]))["artifacts"][0]["sha256"]
    node = {"audio": "builtin:1", "backend": "executorch", "artifact": start["artifact"]}
    nodes = [node, node | {backends.ONLY_KNOWN: True}, node | {backends.ONLY_KNOWN: True}]
    for named, refused in (("", 2), (sha256, 0)):
        run = tmp_path / (named or "unnamed")
        federate(run, node_configs=nodes, **start, artifact_sha256=named, local_steps=1)
        assert len(reasons(run)) == refused
        assert all("takes part only in runs that it knows" in reason for reason in reasons(run))


def test_missing_runtime_is_reported(start, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    config = FederatedConfig(**{**TINY, **start, "backend": "executorch"})
    with pytest.raises(UserError, match=r"tiny-audio-ssl\[executorch\]"):
        backends.make_fabric(config)


def test_incompatible_settings_are_refused(start, tmp_path, capsys):
    """An artifact can't normalize by a client's own batches."""
    run = tmp_path / "run"
    node = {"audio": "builtin:1", "backend": "executorch", "artifact": start["artifact"]}
    federate(
        run, node_configs=[node, {"audio": "builtin:1"}, {**node, "backend": "tpu"}], **ONE_ROUND
    )
    assert ["choose norm" in r or "choose from eager" in r for r in reasons(run)] == [True, True]
    simulation = ["federate", "simulate", "--backend", "executorch", "--norm", "group"]
    simulation += ["--out", str(tmp_path / "none"), "--source", "builtin:4", "--clients", "2"]
    assert cli.run([*simulation, "--artifact", str(tmp_path)]) == 2  # before anything is started
    assert str(tmp_path) in capsys.readouterr().err
