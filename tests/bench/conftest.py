"""One cache, one run and its exports for all tests of benchmarks, in every worker."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from support.made_once import made_once, session_folder
from support.runs import make_run
from torch import nn

from tiny_audio_ssl.models.encoder_config import EncoderConfig


@pytest.fixture(autouse=True)
def _isolated_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch):
    """Share downloads and built runners among the workers, but not with the user's own cache."""
    folder = session_folder(tmp_path_factory) / "bench-cache"
    monkeypatch.setenv("TINY_AUDIO_SSL_CACHE", str(folder))


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a small encoder with random weights."""
    small = EncoderConfig(width=0.25)
    return made_once(tmp_path_factory, "bench-run", lambda to: make_run(to, small, recordings=4))


@pytest.fixture(scope="session")
def mel_export(run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """RUN/export with encoder.mel.fp32.onnx."""
    forms = {"format": "onnx", "precision": "fp32", "input": "mel"}
    return _export(run_folder, tmp_path_factory, "bench-mel", **forms)


@pytest.fixture(scope="session")
def waveform_export(run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """RUN/export with encoder.waveform.fp32.pte and .onnx."""
    forms = {"precision": "fp32", "input": "waveform"}
    return _export(run_folder, tmp_path_factory, "bench-waveform", **forms)


@pytest.fixture(scope="session")
def stream_export(run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """RUN/export with encoder.stream.fp32.onnx, of packets of 80 ms."""
    forms = {"format": "onnx", "precision": "fp32", "input": "stream"}
    return _export(run_folder, tmp_path_factory, "bench-stream", packet_ms=80.0, **forms)


def _export(run: Path, tmp_path_factory: pytest.TempPathFactory, name: str, **forms) -> Path:
    from tiny_audio_ssl.export.exporter import export

    def make(folder: Path) -> None:
        export(run, folder / "export", parity=False, **forms)

    return made_once(tmp_path_factory, name, make) / "export"


@pytest.fixture(scope="session")
def peer_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, nn.Module]:
    """The same network as .onnx and .pte, with no manifest beside them."""
    from tiny_audio_ssl.export.to_executorch import to_executorch
    from tiny_audio_ssl.export.to_onnx import to_onnx

    folder = tmp_path_factory.mktemp("peers")
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3, groups=4), nn.Flatten(),
                            nn.Linear(4 * 4 * 6, 5)).eval()  # fmt: skip
    example = torch.zeros(1, 1, 8, 10)
    to_onnx(network, example, folder / "other.onnx", "sound")
    to_executorch(network, example, folder / "other.pte")
    return folder / "other.onnx", folder / "other.pte", network
