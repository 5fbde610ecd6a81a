"""Labels of a device are used there, and never leave it: only the list of classes travels."""

from __future__ import annotations

import json

import numpy as np
import pytest
from support.audio_files import noise, write
from support.federated_grid import ONE_ROUND, TINY, federate, left_out

from tiny_audio_ssl import UserError
from tiny_audio_ssl.federated import local_training
from tiny_audio_ssl.federated.config import FederatedConfig
from tiny_audio_ssl.federated.global_model import GlobalModel
from tiny_audio_ssl.federated.recordings import client_recordings, open_recordings

CLASSES = ["cat", "dog"]
SECRET = "migraine-on-tuesday"
SETTINGS = {
    **TINY,
    **ONE_ROUND,
    "task": "clar",
    "clients": 2,
    "pretext": json.dumps({"slice_ms": 475, "classes": CLASSES, "augmentations": ["fade"]}),
}


def write_device(folder, labels, column="label"):
    lines = [f"path,{column}"]
    for index, label in enumerate(labels):
        write(folder / f"{index}.wav", noise(0.6, seed=index))
        lines.append(f"{index}.wav,{label}")
    (folder / "list.csv").write_text("\n".join(lines) + "\n")
    return folder / "list.csv"


def test_labels_never_leave_a_device(tmp_path):
    own = ["cat", SECRET, "", "dog"]
    devices = [write_device(tmp_path / str(client), own) for client in range(2)]
    node_configs = [{"audio": str(device)} for device in devices]
    _, grid = federate(tmp_path / "run", node_configs=node_configs, **SETTINGS)
    assert not left_out(tmp_path / "run")
    for blob in grid.wire:
        assert SECRET.encode() not in blob
    files = {file.resolve() for file in (tmp_path / "run").rglob("*") if file.is_file()}
    assert files and not any(SECRET.encode() in file.read_bytes() for file in files)


@pytest.mark.parametrize("labels", [["cat", "dog", "", "cat"], ["", "", "", ""]])
def test_a_device_trains_the_classifier_only_with_labels(tmp_path, labels):
    """Weight decay moves it a little; a gradient moves it far."""
    config = FederatedConfig(out=str(tmp_path / "run"), **SETTINGS, warmup_steps=0)
    model = GlobalModel.open(config)
    device = write_device(tmp_path / "device", labels)
    recordings = client_recordings(config, {"audio": str(device)}, 0)
    trained = local_training.train(config, model.weights, model.fixed, recordings, 1, 0)
    names = list(model.exchanged.weights)
    sizes = [tensor.numel() for tensor in model.exchanged.weights.values()]
    parts = dict(zip(names, np.split(trained.update, np.cumsum(sizes)[:-1]), strict=True))
    moved = np.abs(parts["pretext.classifier.2.bias"]).max()
    assert (moved > 1e-4) == any(labels)


def test_a_device_without_the_column_can_not_take_part(tmp_path):
    device = write_device(tmp_path, ["cat", "dog"], column="word")
    with pytest.raises(UserError, match=r"no column 'label'.*clar needs it for --pretext.classes"):
        open_recordings(str(device), FederatedConfig(out=str(tmp_path / "run"), **SETTINGS))
