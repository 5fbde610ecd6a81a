"""An export, the page made of it, and the built library, which the tests of the page share."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import web_library
from support.exports import exported_once
from support.made_once import made_once
from support.web_library import built_page

from tiny_audio_ssl.evaluation.probing import heads
from tiny_audio_ssl.evaluation.probing.heads import Head
from tiny_audio_ssl.export import manifest, web
from tiny_audio_ssl.export.exporter import ExportResult, export
from tiny_audio_ssl.models import checkpoint

LABELS = ("yes", "no", "perhaps")


@pytest.fixture(scope="session")
def built() -> Path:
    return built_page()


@pytest.fixture(scope="session")
def ask(built: Path) -> Callable[..., Any]:
    return web_library.ask


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped model `tiny` for browsers: streams and waveforms in int8 and fp32."""
    return exported_once(
        tmp_path_factory,
        "web-export",
        lambda folder: export(
            "tiny",
            folder,
            format="onnx",
            input=("stream", "waveform"),
            packet_ms=160.0,
            calibration_clips=16,
            parity_clips=8,
        ),
    ).folder


@pytest.fixture(scope="session")
def site(
    tmp_path_factory: pytest.TempPathFactory, exported: Path, scoring: Path, built: Path
) -> Path:
    """A folder to serve: the page; in `fp32/` the same page that listens in fp32, and in `heads/`
    one whose artifact takes windows and has a head."""

    def make(folder: Path) -> None:
        web.install(exported, folder / "site", "tiny")
        exact = folder / "exact"
        shutil.copytree(exported, exact)
        content = manifest.trusted(exported)
        del content[manifest.SEAL]
        content["artifacts"] = [a for a in content["artifacts"] if a["precision"] == "fp32"]
        manifest.write(exact, content)
        web.install(exact, folder / "site" / "fp32", "tiny")
        web.install(scoring, folder / "site" / "heads", "tiny")

    return made_once(tmp_path_factory, "web-site", make) / "site"


@pytest.fixture(scope="session")
def scoring(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export of `tiny` with a head of random weights, so that it scores every window."""

    def make(folder: Path) -> ExportResult:
        loaded = checkpoint.load("tiny")
        dim = loaded.model.encoder.embedding_dim
        rng = np.random.default_rng(0)
        head = Head(
            task="words",
            labels=LABELS,
            model_sha256=loaded.sha256,
            readout=tuple(loaded.model.encoder.config.readout),
            dim=dim,
            clips=9,
            window_s=None,
            C=1.0,
            accuracy=0.5,
            interval=(None, None),
            interval_is="",
            tensors={
                "mean": np.zeros(dim),
                "std": np.ones(dim),
                "weight": 0.1 * rng.normal(size=(len(LABELS), dim)),
                "bias": np.zeros(len(LABELS)),
            },
        )
        file = folder.with_name("words.safetensors")
        heads.write(file, head)
        form = {"format": "onnx", "input": "waveform", "precision": "fp32"}
        return export("tiny", folder, head=file, parity_clips=4, **form)

    return exported_once(tmp_path_factory, "web-scoring", make).folder
