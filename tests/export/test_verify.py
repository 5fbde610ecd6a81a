"""verify finds what is wrong with an export, whatever it is, and says so in a line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tiny_audio_ssl import UserError, cli

pytest.importorskip("executorch")
pytest.importorskip("onnxruntime")

from tiny_audio_ssl.export import manifest, reference, verify
from tiny_audio_ssl.export.exporter import ExportResult
from tiny_audio_ssl.utils.files import sha256

FLOAT, ROUNDED = "encoder.mel.fp32.onnx", "encoder.mel.int8.onnx"


@pytest.fixture
def folder(small_export: ExportResult, tmp_path: Path) -> Path:
    """The .onnx of an export, to be damaged."""
    copy = Path(shutil.copytree(small_export.folder, tmp_path / "export"))

    def only_onnx(content: dict[str, Any]) -> None:
        content["artifacts"] = [a for a in content["artifacts"] if a["format"] == "onnx"]

    edit(copy, only_onnx)
    return copy


def problem(path: Path) -> str:
    """Verify, and return the only problem found, which must be one line."""
    result = verify.verify(path)
    assert len(result.problems) == 1, result.problems
    assert "\n" not in result.problems[0]
    return result.problems[0]


def edit(folder: Path, change: Callable[[dict[str, Any]], object], sealed: bool = True) -> None:
    """Change the manifest; `sealed`: as one would who knows how it is hashed."""
    file = folder / manifest.MANIFEST
    content = json.loads(file.read_text())
    change(content)
    if sealed:
        content[manifest.SEAL] = manifest._digest(content)
    file.write_text(json.dumps(content))


def vouch_for(folder: Path) -> None:
    """Hashes and sizes in the manifest become those of the files that are there."""

    def change(content: dict[str, Any]) -> None:
        for entry in content["artifacts"]:
            path = folder / entry["file"]
            entry |= {"sha256": sha256(path), "bytes": path.stat().st_size}

    edit(folder, change)


def test_a_sound_export_passes_in_its_own_process(folder, capsys):
    assert cli.run(["verify", str(folder), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] and told["artifacts"] == [FLOAT, ROUNDED] and told["problems"] == []


def test_truncated(folder, inline):
    path = folder / FLOAT
    path.write_bytes(path.read_bytes()[:-100])
    assert "truncated or altered" in problem(folder)
    assert verify.verify(folder / ROUNDED).ok
    assert not verify.verify(folder / FLOAT).ok


def test_one_byte_flipped(folder, inline, capsys):
    path = folder / FLOAT
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 64
    path.write_bytes(content)
    assert "truncated or altered" in problem(folder)
    edit(folder, lambda c: c["artifacts"][0].update(sha256=sha256(path)), sealed=False)
    assert "edited" in problem(folder)
    assert cli.run(["verify", str(folder)]) == 1
    assert "edited" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("file", [FLOAT, ROUNDED])
def test_one_weight_altered_and_vouched_for(folder, inline, file):
    """Then only what the artifact does can tell."""
    import onnx

    model = onnx.load(folder / file)
    largest = max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    content = bytearray(largest.raw_data)
    content[3] ^= 64  # of a float32 the exponent; of int8 a bit that counts
    largest.raw_data = bytes(content)
    onnx.save(model, folder / file)
    vouch_for(folder)
    assert "other embeddings of the reference clips" in problem(folder)


def test_two_artifacts_swapped(folder, inline):
    for old, new in ((FLOAT, "kept"), (ROUNDED, FLOAT), ("kept", ROUNDED)):
        (folder / old).rename(folder / new)
    assert len(verify.verify(folder).problems) == 2
    vouch_for(folder)
    found = verify.verify(folder).problems
    assert len(found) == 2 and all("other embeddings" in line for line in found)


def test_weights_of_another_run(folder, tmp_path, inline):
    """Replace the weights by ones of the same size, as if each layer's were random again."""
    import onnx

    model = onnx.load(folder / FLOAT)
    rng = np.random.default_rng(0)
    for tensor in model.graph.initializer:
        if ".weight" in tensor.name and len(tensor.dims) == 4:
            weights = onnx.numpy_helper.to_array(tensor)
            tensor.raw_data = rng.permutation(weights.ravel()).tobytes()
    onnx.save(model, folder / FLOAT)
    vouch_for(folder)
    assert "other embeddings" in problem(folder)


def test_manifest_edited(folder, inline):
    edit(folder, lambda c: c.update(window_samples=8000), sealed=False)
    assert "edited since it was written" in problem(folder)
    edit(folder, lambda c: c.update(window_samples="many"))
    assert "manifest.schema.json" in problem(folder)
    (folder / manifest.MANIFEST).write_text("{")
    assert "not a manifest" in problem(folder)
    (folder / manifest.MANIFEST).unlink()
    assert "not found" in problem(folder)


@pytest.mark.parametrize("name", [FLOAT, reference.REFERENCE])
def test_missing_file(folder, inline, name):
    (folder / name).unlink()
    assert name in problem(folder)


def test_reference_edited(folder, inline):
    file = folder / reference.REFERENCE
    file.write_text(file.read_text().replace("60.0", "-60.0"))
    assert "altered" in problem(folder)


def test_unknown_version(folder, inline):
    edit(folder, lambda c: c.update(format_version=99))
    assert "format version 99" in problem(folder)


def test_input_shape_changed(folder, inline):
    edit(folder, lambda c: c["artifacts"][0]["input"].update(shape=["batch", 1, 64, 98]))
    assert "does not take [1, 1, 64, 98]" in problem(folder)


def test_what_is_no_export(folder, tmp_path):
    with pytest.raises(UserError, match="not found"):
        verify.verify(tmp_path / "nowhere")
    (folder / "other.onnx").write_bytes(b"")
    assert "not an artifact in" in problem(folder / "other.onnx")


def test_an_artifact_that_crashes_its_runtime(folder, monkeypatch):
    monkeypatch.setattr(verify.reference, "run_on_references", _crash)
    result = verify.verify(folder)
    assert len(result.problems) == 2
    assert all("crashes its runtime" in line for line in result.problems)


def _crash(*arguments: object) -> None:
    import os

    os.abort()
