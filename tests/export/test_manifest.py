"""manifest.json: its schema, the versions that are read, and damage that is found."""

from __future__ import annotations

import json
from typing import get_args

import pytest

from tiny_audio_ssl.export import config, manifest

pytest.importorskip("jsonschema")
pytest.importorskip("executorch")
pytest.importorskip("onnxruntime")


def test_it_says_what_an_app_needs(small_export):
    content = manifest.trusted(small_export.folder)
    assert content["window_samples"] == 15_600 and content["frames"] == 96
    assert content["checkpoint"]["task"] == "temporal_gap"
    assert content["checkpoint"]["progress"] == {"step": 0}
    assert len(content["checkpoint"]["model_sha256"]) == 64
    assert {"executorch", "onnxruntime", "torch"} <= set(content["versions"])
    assert content["license"] == "not stated"
    assert manifest.learned_dim(content) == content["embedding_dim"] - 4 * 64  # mel statistics
    by_file = {entry["file"]: entry for entry in content["artifacts"]}
    assert by_file["encoder.mel.int8.pte"]["input"]["shape"] == [1, 1, 64, 96]
    assert by_file["encoder.mel.int8.onnx"]["input"]["shape"] == ["batch", 1, 64, 96]
    assert by_file["encoder.mel.int8.onnx"]["parity"]["ok"] is True


def test_an_altered_artifact_is_found(export_copy):
    path = export_copy / "encoder.mel.fp32.pte"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(manifest.ManifestError, match="altered"):
        manifest.read(export_copy)
    path.write_bytes(content[:100])
    with pytest.raises(manifest.ManifestError, match="truncated"):
        manifest.read(export_copy)
    path.unlink()
    with pytest.raises(manifest.ManifestError, match="missing"):
        manifest.read(export_copy)


def test_other_format_versions_are_refused(tmp_path):
    (tmp_path / "manifest.json").write_text(json.dumps({"format_version": 99, "artifacts": []}))
    with pytest.raises(
        manifest.ManifestError, match=r"version 99, .* reads format versions 2 and 3"
    ):
        manifest.read(tmp_path)


def test_version_2_spells_license_as_it_did(small_export):
    content = manifest.trusted(small_export.folder)
    assert content["format_version"] == manifest.FORMAT_VERSION == 3
    assert manifest.violations({**content, "format_version": 2})
    content["licence"] = content.pop("license")
    assert manifest.violations(content)
    assert manifest.violations({**content, "format_version": 2}) == []


def test_the_schema_knows_every_form():
    properties = manifest.schema()["$defs"]["artifact"]["properties"]
    assert properties["format"]["enum"] == list(get_args(config.FormatName))
    assert properties["precision"]["enum"] == list(get_args(config.Precision))
    assert properties["input"]["properties"]["kind"]["enum"] == list(get_args(config.Input))


def test_the_schema_is_valid_and_finds_what_is_missing(small_export):
    import jsonschema

    jsonschema.Draft202012Validator.check_schema(manifest.schema())
    content = manifest.trusted(small_export.folder)
    assert manifest.violations(content) == []
    for name in content:
        assert manifest.violations({k: v for k, v in content.items() if k != name})
    content["artifacts"][0]["file"] = "../elsewhere.onnx"
    assert "$.artifacts[0].file" in manifest.violations(content)[0]
