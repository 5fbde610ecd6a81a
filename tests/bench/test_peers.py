"""Peers: artifacts without a manifest are taken as they are."""

from __future__ import annotations

import pytest
import torch

from tiny_audio_ssl import UserError

pytest.importorskip("executorch")
pytest.importorskip("onnxruntime")

from tiny_audio_ssl.bench import peers
from tiny_audio_ssl.models.encoders import multiply_adds


def test_input_and_computation_are_read_from_the_file(peer_files):
    onnx_file, pte_file, network = peer_files
    found = peers.read(onnx_file, 975.0)
    assert (found.input, found.shape, found.window_ms) == ("sound", (1, 1, 8, 10), None)
    assert found.multiply_adds == multiply_adds(network, torch.zeros(1, 1, 8, 10))
    assert peers.read(pte_file, 975.0).shape == (1, 1, 8, 10)


def test_files_that_are_no_artifacts_are_refused(tmp_path):
    (tmp_path / "text.onnx").write_text("no graph")
    with pytest.raises(UserError, match="not an ONNX file"):
        peers.read(tmp_path / "text.onnx", 975.0)
    with pytest.raises(UserError, match="no such file"):
        peers.read(tmp_path / "nowhere.onnx", 975.0)
    (tmp_path / "text.pte").write_text("no program")
    with pytest.raises(UserError, match="ExecuTorch can't load it"):
        peers.read(tmp_path / "text.pte", 975.0)
