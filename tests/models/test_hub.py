"""Models on a hub: downloaded once, found without a network, wrong ones explained; uploads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from support.hub_server import MAIN, Hub, running_hub
from support.runs import make_run

import tiny_audio_ssl
from tiny_audio_ssl import cli
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models import checkpoint, names
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.models.hub import HubError

constants = pytest.importorskip("huggingface_hub.constants")


@pytest.fixture
def hub(tmp_path, monkeypatch) -> Iterator[Hub]:
    """A hub of its own, and an empty cache."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub-cache"))
    monkeypatch.setenv("HF_TOKEN", "hf_made_up")
    with running_hub() as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        yield running


@pytest.fixture
def files(sample_folder) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in (sample_folder / "sample").iterdir()}


def test_model_is_downloaded_once_and_found_without_a_network(hub, files, monkeypatch):
    repository = hub.add("ann/ears", files)
    embedder = tiny_audio_ssl.load("hf://ann/ears")
    assert embedder.name == "ears" and embedder.embed(np.zeros(16_000)).shape == (embedder.dim,)
    assert sum(line.startswith("GET /ann/ears/resolve/") for line in hub.asked) == 2
    hub.asked.clear()
    commit = repository.refs[MAIN]
    assert tiny_audio_ssl.load(f"hf://ann/ears@{commit}").sha256 == embedder.sha256
    assert not any(line.startswith("GET /ann") for line in hub.asked)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert tiny_audio_ssl.load("hf://ann/ears").sha256 == embedder.sha256
    with pytest.raises(HubError, match="can't be reached, and the model is not in the cache"):
        tiny_audio_ssl.load("hf://ann/other")


def test_a_background_comes_with_the_model(hub):
    folder = names.shipped_folder("tiny")
    hub.add("ann/tiny", {file.name: file.read_bytes() for file in folder.iterdir()})
    learned_dim = tiny_audio_ssl.load("tiny").model.encoder.learned_dim
    assert tiny_audio_ssl.load("hf://ann/tiny").comparison.dim == learned_dim


def test_revision_is_the_one_that_is_asked_for(hub, files):
    repository = hub.add("ann/ears", files)
    config = json.loads(files["config.json"])
    config["run"]["task"] = "newer"
    repository.commit({"config.json": json.dumps(config).encode()}, "next")
    assert repository.refs["next"] != repository.refs[MAIN]
    repository.commits[repository.refs["next"]] |= {"model.safetensors": files["model.safetensors"]}
    assert checkpoint.load("hf://ann/ears@next").run["task"] == "newer"
    assert checkpoint.load("hf://ann/ears").run["task"] == "distillation"


def test_results_go_to_a_folder_of_its_name():
    assert names.is_name("hf://ann/ears@v1")
    assert names.home_of("hf://ann/ears@v1") == Path("ears")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("hf://ann", "expected hf://OWNER/NAME"),
        ("hf://ann/none", "no such model, or a private one"),
        ("hf://ann/ears@v9", "no such revision"),
        ("hf://ann/data", "not a model of tiny-audio-ssl"),
        ("hf://ann/altered", "truncated or altered"),
        ("hf://ann/cut", "the download ended before all of a file had come"),
        ("hf://ann/newer", r"written by tiny-audio-ssl 9\.9\.9"),
    ],
)
def test_wrong_models_are_explained(given, said, hub, files):
    hub.add("ann/ears", files)
    hub.add("ann/data", {"README.md": b"data"})
    weights = files["model.safetensors"]
    hub.add("ann/altered", {**files, "model.safetensors": weights[:-9] + bytes(9)})
    hub.add("ann/cut", files)
    newer = json.loads(files["config.json"]) | {"format": 99}
    newer["versions"]["tiny-audio-ssl"] = "9.9.9"
    hub.add("ann/newer", {**files, "config.json": json.dumps(newer).encode()})
    if given.endswith("cut"):
        hub.cut.add("model.safetensors")
    with pytest.raises(UserError, match=said):
        tiny_audio_ssl.load(given)


def test_altered_download_leaves_the_cache(hub, files):
    weights = files["model.safetensors"]
    hub.add("ann/ears", {**files, "model.safetensors": weights[:-9] + bytes(9)})
    with pytest.raises(HubError, match="removed from the cache"):
        tiny_audio_ssl.load("hf://ann/ears")
    hub.add("ann/ears", files)
    assert tiny_audio_ssl.load("hf://ann/ears").dim


def test_pushed_model_is_the_one_that_is_loaded(sample, files, hub, capsys):
    assert cli.run(["models", "push", sample, "ann/ears", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["url"] == f"{hub.url}/ann/ears"
    repository = hub.repositories["ann/ears"]
    held = repository.commits[repository.refs[MAIN]]
    assert held.pop("README.md") == files.pop("MODEL_CARD.md")
    assert held == files
    wave = np.random.default_rng(0).uniform(-0.1, 0.1, 16_000)
    pulled = tiny_audio_ssl.load("hf://ann/ears")
    assert np.array_equal(pulled.embed(wave), tiny_audio_ssl.load(sample).embed(wave))
    assert cli.run(["models", "push", sample, "ann/ears", "--license", "mit"]) == 2
    assert "a license of its own, apache-2.0" in " ".join(capsys.readouterr().err.split())


def test_pushed_run_becomes_a_model_folder(tmp_path, hub):
    run = make_run(tmp_path / "mine", EncoderConfig(width=0.25))
    assert cli.run(["models", "push", str(run), "ann/mine", "--license", "mit"]) == 0
    repository = hub.repositories["ann/mine"]
    held = repository.commits[repository.refs[MAIN]]
    card = held["README.md"].decode()
    assert card.startswith('---\nlicense: "mit"\n') and "# mine: " in card
    assert str(tmp_path).encode() not in b"".join(held.values())
    assert checkpoint.load("hf://ann/mine").facts["license"] == "mit"


@pytest.mark.parametrize("status", [401, 403])
def test_refused_upload_is_explained(status, sample, hub):
    hub.refuses = status
    with pytest.raises(UserError, match="not uploaded; the hub wants a token"):
        cli.parse(["models", "push", sample, "ann/ears"]).run()
