"""A native device draws the slices, and makes the steps, of one in Python."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("executorch")
pytest.importorskip("flwr")

from support.arm_java import arm_java
from support.audio_files import write
from support.federated_grid import TINY
from support.runs import chord
from support.training_exports import BATCH, WHOLE, exported_training

from tiny_audio_ssl.data.counter import TASK, CounterGenerator, hash_of, integer
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.export.runtimes import open_artifact
from tiny_audio_ssl.federated.config import COUNTER_TASKS, FederatedConfig
from tiny_audio_ssl.federated.device_folder import make_device_folder
from tiny_audio_ssl.federated.global_model import GlobalModel
from tiny_audio_ssl.federated.local_training import LocalUpdate, train
from tiny_audio_ssl.federated.recordings import client_recordings
from tiny_audio_ssl.models.checkpoint import untrained
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.models.frontend_config import FrontendConfig
from tiny_audio_ssl.pretext import PRETEXTS

TOOL = "org.tinyaudiossl.federated.ToolKt"


def run_tool(java: list[str], *arguments: object) -> list[str]:
    done = subprocess.run([*java, TOOL, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_counter_is_splitmix64():
    """The first numbers of the generator with seed 0, as its authors' program prints them."""
    assert hash_of(0) == 0xE220A8397B1DCDAF
    assert hash_of(1, 2) != hash_of(2, 1)
    drawn = [integer(9, 5, i) for i in range(5_000)]
    assert set(drawn) == set(range(10))
    assert np.bincount(drawn).std() < 30  # 21 is expected


@pytest.mark.parametrize("task", COUNTER_TASKS)
def test_slices_are_pythons(task, device_java, tmp_path):
    frontend = FrontendConfig()
    config = PRETEXTS[task].Config()
    encoder = untrained(frontend, EncoderConfig(width=0.25), seed=0).encoder
    pretext = PRETEXTS[task](config, encoder, frontend)
    frames = config.clip_frames(frontend) + 9
    clips = torch.arange(3 * frontend.bands * frames).float().reshape(3, 1, frontend.bands, frames)
    drawn = pretext.draw(clips, CounterGenerator(7, 1, TASK, 5, 0))
    clips.numpy().astype("<f4").tofile(tmp_path / "logmel.f32")
    is_audio2vec = task.startswith("audio2vec")
    stride = config.stride_frames(frontend) if is_audio2vec else 0
    layout = [3, frontend.bands, frames, config.slice_frames(frontend), stride]
    run_tool(device_java, "draw", tmp_path, task, *layout, config.context if is_audio2vec else 0)
    for name, expected in drawn.items():
        found = np.fromfile(tmp_path / f"{name}.f32", "<f4")
        np.testing.assert_array_equal(found, expected.float().numpy().ravel(), name)


def test_the_engine_for_arm_makes_the_steps_of_this_computers(
    device_start, device_build, device_program, device_java, arm_engine, tmp_path
):
    """The whole of the device's training, in an emulated processor."""
    config = asked(device_start, tmp_path, rounds=3, local_steps=3)
    place_for(config, GlobalModel.open(config).weights, device_start, tmp_path)
    run_tool(device_java, "train", tmp_path, device_program.with_name(arm_engine.name))
    expected = np.fromfile(tmp_path / "update.f32", "<f4")
    (tmp_path / "update.f32").unlink()
    run_tool([*arm_java(), *device_java[1:]], "train", tmp_path, arm_engine)
    update = np.fromfile(tmp_path / "update.f32", "<f4")
    difference = np.linalg.norm(update - expected) / np.linalg.norm(expected)
    print(f"{difference:.2e} of the update's length")
    assert difference < 1e-5


def asked(place: Path, out: Path, **settings: Any) -> FederatedConfig:
    """Return the settings of a run that begins with `place`'s, which other settings may replace."""
    given: dict[str, Any] = {**TINY, "start": str(place / "run"), "norm": "frozen"}
    given |= {"artifact": str(place / "run" / "export-training"), "backend": "executorch"}
    return FederatedConfig(out=str(out / "run"), **{**given, "draws": "counter", **settings})


def place_for(config: FederatedConfig, weights: np.ndarray, place: Path, folder: Path) -> None:
    """Put what `run_tool` trains with into a folder: `place`'s device and clips, and the round."""
    for name in ("device", "clips"):
        (folder / name).symlink_to(place / name)
    weights.astype("<f4").tofile(folder / "weights.f32")
    (folder / "settings.json").write_text(json.dumps(config.run_config()))


def native_round(
    config: FederatedConfig, place: Path, folder: Path, java: list[str], program: Path
) -> LocalUpdate:
    """Return what the device makes of a round with `place`'s clips."""
    place_for(config, GlobalModel.open(config).weights, place, folder)
    (loss,) = run_tool(java, "train", folder, program.with_name("libtinyaudio_engine.so"))
    return LocalUpdate(np.fromfile(folder / "update.f32", "<f4"), float(loss))


def distance(found: LocalUpdate, config: FederatedConfig, place: Path) -> float:
    """Return how far an update is from Python's, in lengths of that; the losses are equal."""
    model = GlobalModel.open(config)
    recordings = client_recordings(config, {"audio": str(place / "clips")}, 1)
    expected = train(config, model.weights, model.fixed, recordings, 2, client_index=1)
    assert found.loss == pytest.approx(expected.loss, rel=1e-5)
    far = np.linalg.norm(found.update - expected.update) / np.linalg.norm(expected.update)
    print(f"{far:.2e} of the update's length")
    return float(far)


@pytest.mark.parametrize("strategy", ["fedavg", "fedprox"])
def test_three_steps_are_those_of_python(
    strategy, device_start, device_java, device_program, tmp_path
):
    settings = {"rounds": 3, "local_steps": 3, "strategy": strategy, "proximal_mu": 10.0}
    config = asked(device_start, tmp_path, **settings)
    found = native_round(config, device_start, tmp_path, device_java, device_program)
    assert distance(found, config, device_start) < 1e-5


@pytest.mark.parametrize("kind", WHOLE[1:], ids=lambda kind: kind[0])
def test_three_steps_of_each_task_are_those_of_python(
    kind, device_java, device_program, tmp_path, tmp_path_factory, monkeypatch
):
    """`temporal-gap` is above. COLA turns the last bits, in which PyTorch's log-mels differ from
    ExecuTorch's, into 3e-5 of the update's length: then Python is given the device's log-mels."""
    task, encoder, *_ = kind
    _, artifact = exported_training(tmp_path_factory, kind)
    place = tmp_path / "place"
    make_device_folder(artifact, place / "device")
    for number in range(4):
        write(place / "clips" / f"{number}.wav", chord(number, 6))
    settings = {
        "task": task,
        "encoder": encoder,
        "start": str(artifact / "start"),
        "artifact": str(artifact),
    }
    settings |= {"pretext": "{}", "batch_size": BATCH, "rounds": 3, "local_steps": 3}
    config = asked(place, tmp_path, **settings)
    found = native_round(config, place, tmp_path, device_java, device_program)
    if task == "cola":
        assert distance(found, config, place) < 1e-4
        logmel = open_artifact(place / "device" / "logmel.pte")
        monkeypatch.setattr(LogMel, "forward", lambda _, wav: torch.tensor(logmel(wav.numpy())))
    assert distance(found, config, place) < 1e-5


def test_a_device_folder_is_made_once_and_for_known_tasks(device_start, tmp_path):
    with pytest.raises(UserError, match="exists; name a new folder"):
        make_device_folder(device_start / "run" / "export-training", tmp_path)
    described = json.loads((device_start / "device" / "device.json").read_text())
    assert described["app"]["id"] == "tiny-audio-ssl/tiny-audio-ssl-federated"
    assert described["fixed"]["count"] > 0 and described["batch_size"] == TINY["batch_size"]
