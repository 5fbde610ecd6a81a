"""verify finds what is wrong with an export, whatever it is, and says so in a line."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from tiny_audio_ssl import UserError, cli
from tiny_audio_ssl.models.encoders import EncoderConfig

pytest.importorskip("executorch")
pytest.importorskip("onnxruntime")

from support.runs import make_run

from tiny_audio_ssl.export import export_run, forms, manifest, reference, verify
from tiny_audio_ssl.utils.files import sha256

FLOAT, ROUNDED, PTE = "encoder.mel.fp32.onnx", "encoder.mel.int8.onnx", "encoder.mel.fp32.pte"


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Of two runs with other weights."""
    made = []
    for width, precisions in ((0.25, ("fp32", "int8")), (0.125, ("fp32",))):
        # Of 0.125 the channels are rounded to 8 as those of other narrow layers, not all.
        run = make_run(tmp_path_factory.mktemp("run"), EncoderConfig(width=width), 12)
        options: dict[str, Any] = {"inputs": ["mel"], "calibration_clips": 8, "parity_clips": 4}
        made.append(export_run(run, None, ["onnx"], precisions, **options).folder)
    return made[0], made[1]


@pytest.fixture
def folder(exports: tuple[Path, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(exports[0], tmp_path / "export"))


class Here:
    """Stands for the other process, which takes seconds to start."""

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Any:
        class Done:
            def result(self) -> Any:
                return function(*arguments)

        return Done()


@pytest.fixture
def inline(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextlib.contextmanager
    def here() -> Iterator[Here]:
        yield Here()

    monkeypatch.setattr(verify, "_own_process", here)


def problem(path: Path) -> str:
    """The one line that is said of it."""
    verdict = verify.verify(path)
    assert len(verdict.problems) == 1, verdict.problems
    assert "\n" not in verdict.problems[0]
    return verdict.problems[0]


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


def test_weights_of_another_run(folder, exports, inline):
    shutil.copy(exports[1] / FLOAT, folder / FLOAT)
    assert "truncated or altered" in problem(folder)
    vouch_for(folder)
    assert problem(folder)


def test_manifest_edited(folder, inline):
    edit(folder, lambda c: c.update(window_samples=8000), sealed=False)
    assert "edited since it was written" in problem(folder)
    edit(folder, lambda c: c.update(window_samples="many"))
    assert "manifest.schema.json" in problem(folder)
    (folder / manifest.MANIFEST).write_text("{")
    assert "not a manifest" in problem(folder)
    (folder / manifest.MANIFEST).unlink()
    assert "not there" in problem(folder)


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
    with pytest.raises(UserError, match="not there"):
        verify.verify(tmp_path / "nowhere")
    (folder / "other.onnx").write_bytes(b"")
    assert "not an artifact of it" in problem(folder / "other.onnx")


def test_an_artifact_that_takes_its_runtime_down(exports, tmp_path, monkeypatch):
    monkeypatch.setattr(verify.reference, "run_on_references", _crash)
    verdict = verify.verify(exports[0])
    assert len(verdict.problems) == 2
    assert all("takes its runtime down" in line for line in verdict.problems)


def _crash(*arguments: object) -> None:
    import os

    os.abort()


def test_reference_clips_are_the_same_everywhere():
    """Against the formula in whole numbers of any size, as an app would write it."""

    def sample(seed: int, n: int) -> int:
        full = 2**32 - 1
        h = 2654435761 * (n + 1000003 * seed) & full
        h = 2246822519 * (h ^ (h >> 15)) & full
        total = ((h ^ (h >> 16)) >> 19) - 4096
        for k in range(3):
            phase = n * (13421773 * (3 * k + seed + 1) + 9697 * (k + 1) * n) & full
            total += (abs((phase >> 16) - 32768) - 16384) // 4
        return total

    for seed in reference.SEEDS:
        found = reference.pcm(seed, 15_600)
        assert found.tolist() == [sample(seed, n) for n in range(15_600)]
        assert found.min() >= -16_384 and found.max() < 16_384 and found.std() > 3000
    assert not np.array_equal(reference.pcm(0, 100), reference.pcm(1, 100))


def test_the_schema_knows_every_form():
    properties = manifest.schema()["$defs"]["artifact"]["properties"]
    assert properties["format"]["enum"] == list(get_args(forms.FormatName))
    assert properties["precision"]["enum"] == list(get_args(forms.Precision))
    assert properties["input"]["properties"]["kind"]["enum"] == list(get_args(forms.Input))


def test_the_schema_is_one_and_finds_what_is_missing(exports):
    import jsonschema

    jsonschema.Draft202012Validator.check_schema(manifest.schema())
    content = manifest.trusted(exports[0])
    assert manifest.violations(content) == []
    for name in content:
        assert manifest.violations({k: v for k, v in content.items() if k != name})
    content["artifacts"][0]["file"] = "../elsewhere.onnx"
    assert "$.artifacts[0].file" in manifest.violations(content)[0]
