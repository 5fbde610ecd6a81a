"""The SuperNode that forks a process for each message."""

from __future__ import annotations

import os
import subprocess
import sys

from flwr.supercore.constant import TaskType
from flwr.supercore.superexec.executor import (
    ExecutionSpec,
    LaunchResultStatus,
    SubprocessExecutor,
)

from tiny_audio_ssl.federated.supernode import ForkExecutor, executor_options

TRAINING = """
import importlib, sys
from tiny_audio_ssl.federated import supernode
for name in supernode.MODULES:
    if importlib.util.find_spec(name):
        importlib.import_module(name)
before = set(sys.modules)
from tiny_audio_ssl.federated import local_training, model_vectors
from tiny_audio_ssl.federated.config import FederatedConfig
from tiny_audio_ssl.federated.recordings import client_recordings
from tiny_audio_ssl.models.checkpoint import build_model
config = FederatedConfig(
    source="builtin:2", clients=2, partition="iid", local_steps=1, batch_size=2
)
own = config.pretrain()
model = build_model(own.frontend, own.encoder)
pretext = model_vectors.build_pretext(own, model)
tensors = model_vectors.ExchangedTensors.of(model, pretext, "")
vectors = [model_vectors.to_vector(one) for one in (tensors.weights, tensors.fixed)]
recordings = client_recordings(config, {"partition-id": 0}, 0)
local_training.train(config, *vectors, recordings, 1, 0)
print(*sorted(set(sys.modules) - before))
"""


def spec(task_type: TaskType) -> ExecutionSpec:
    return ExecutionSpec(task_type, "127.0.0.1:1", "token", True, None, False, None, False, 1)


def test_client_apps_are_forked_and_others_are_started_by_flower(monkeypatch):
    forked, started = [], []
    executor = ForkExecutor()
    monkeypatch.setattr(executor.server, "start", forked.append)
    monkeypatch.setattr(SubprocessExecutor, "launch", lambda self, spec: started.append(spec))
    assert executor.launch(spec(TaskType.CLIENT_APP)).status is LaunchResultStatus.ACCEPTED
    executor.launch(spec(TaskType.AGENT_APP))
    assert forked == [spec(TaskType.CLIENT_APP)] and started == [spec(TaskType.AGENT_APP)]


def test_message_without_a_process_is_reported(monkeypatch):
    executor = ForkExecutor()

    def out_of_memory(spec: ExecutionSpec) -> int:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(executor.server, "start", out_of_memory)
    found = executor.launch(spec(TaskType.CLIENT_APP))
    assert found.status is LaunchResultStatus.FAILED and "Cannot allocate" in str(found.message)


def test_executor_reads_the_options_that_concern_it():
    found = executor_options(["--superlink", "a:1", "--host", "::1", "--port", "9", "--insecure"])
    assert (found.host, found.port, found.ssl_ca_certfile) == ("::1", "9", None)
    default = executor_options([])
    assert (default.host, default.port) == ("127.0.0.1", "9094")


def test_training_finds_nearly_all_modules_imported(tmp_path):
    """Else each message would import them anew; those of a pretext task are few and small."""
    own = {"TINY_AUDIO_SSL_CACHE": str(tmp_path), "TINY_AUDIO_SSL_WORKERS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", TRAINING], capture_output=True, text=True, env={**os.environ, **own}
    )
    assert done.returncode == 0, done.stderr
    new = done.stdout.split()
    assert 0 < len(new) < 30, new
