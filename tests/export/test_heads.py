"""Linear probes that are kept, and put behind an encoder: the same scores wherever they run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tiny_audio_ssl import UserError, cli
from tiny_audio_ssl.embedding import embedder as embedding
from tiny_audio_ssl.evaluation.datasets.base import EvaluationTask
from tiny_audio_ssl.evaluation.probing import heads
from tiny_audio_ssl.evaluation.probing.heads import Head
from tiny_audio_ssl.evaluation.probing.labeled import OpenedTask, open_task
from tiny_audio_ssl.evaluation.probing.protocols import evaluate
from tiny_audio_ssl.evaluation.probing.store import EmbeddingStore
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoder_config import EncoderConfig

pytest.importorskip("executorch")
pytest.importorskip("onnxruntime")

from support.runs import make_run

from tiny_audio_ssl.export import manifest
from tiny_audio_ssl.export.exporter import export
from tiny_audio_ssl.export.forms import network
from tiny_audio_ssl.export.heads import compare_scores, open_heads, with_heads
from tiny_audio_ssl.export.runtimes import open_outputs

KINDS = EvaluationTask("kinds", "builtin:4", group="group", folds=2)
TWO = replace(KINDS, name="tone or not", where=("label!=hum", "label!=siren", "label!=trill"))


@pytest.fixture
def run(small_run: Path) -> Path:
    return small_run


def fitted(run: Path, task: EvaluationTask) -> tuple[Head, OpenedTask, np.ndarray]:
    model, labeled, store = embedding.load(run), open_task(task), EmbeddingStore()
    score = evaluate(model, labeled, "linear", store)
    x = store.embeddings(model, labeled.recordings, labeled.contents)
    return heads.fit(model, labeled, score, store), labeled, x


@pytest.fixture(scope="module")
def head_files(small_run: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("heads")
    for name, task in (("kinds", KINDS), ("few", TWO)):
        heads.write(folder / f"{name}.safetensors", fitted(small_run, task)[0])
    return [folder / "kinds.safetensors", folder / "few.safetensors"]


def softmax(logits: np.ndarray) -> np.ndarray:
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("labels", [2, 8])
def test_scores_are_those_of_scikit_learn(run, labels):
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    others = tuple(
        f"label!={name}" for name in ("bursts", "chirp", "clicks", "hum", "pluck", "siren")
    )
    head, labeled, x = fitted(run, replace(KINDS, where=others if labels == 2 else ()))
    assert len(head.labels) == labels and head.clips == 4 * labels
    reference = make_pipeline(
        StandardScaler(), LogisticRegression(C=head.C, tol=1e-6, max_iter=5000)
    ).fit(x, labeled.truth)
    weight, bias = head.linear()
    np.testing.assert_allclose(softmax(x @ weight.T + bias), reference.predict_proba(x), atol=2e-3)


def test_a_file_holds_all_of_a_head(head_files, run):
    head = heads.read(head_files[0])
    again = fitted(run, KINDS)[0]
    assert head.about() == again.about()
    for name in heads.TENSORS:
        np.testing.assert_array_equal(head.tensors[name], again.tensors[name])
    assert head.labels == tuple(sorted(head.labels)) and 0 <= head.accuracy <= 1


def test_a_damaged_head_is_refused(head_files, tmp_path):
    content = bytearray(head_files[0].read_bytes())
    damaged = tmp_path / "kinds.safetensors"
    flipped = bytes([*content[:-5], content[-5] ^ 1, *content[-4:]])
    for broken in (content[:-100], flipped, b"", b"label,clip\n"):
        damaged.write_bytes(broken)
        with pytest.raises(UserError, match="--save-head"):
            heads.read(damaged)
    with pytest.raises(UserError, match="No such file"):
        heads.read(tmp_path / "absent.safetensors")


def test_a_head_of_another_model_is_refused(head_files, run, tmp_path):
    other = make_run(tmp_path, EncoderConfig(width=0.375), recordings=2)
    with pytest.raises(UserError, match="made for the weights"):
        open_heads(head_files, checkpoint.load(other))
    with pytest.raises(UserError, match="--readout last mel"):
        open_heads(head_files, checkpoint.load(run, ["last"]))
    with pytest.raises(UserError, match="another head"):
        open_heads([head_files[0], head_files[0]], checkpoint.load(run))


@pytest.mark.parametrize("format", ["executorch", "onnx"])
def test_artifacts_give_embedding_and_scores(run, head_files, tmp_path, format):
    result = export(
        run,
        tmp_path / "export",
        format=format,
        precision=["fp32", "int8"] if format == "onnx" else "int8",  # the slowest to make
        input="mel",
        calibration_clips=8,
        parity_clips=8,
        min_snr_db=10.0,  # of random weights
        head=head_files,
    )
    assert result.ok
    loaded = checkpoint.load(run)
    eager = with_heads(network(loaded.model, "mel"), open_heads(head_files, loaded))
    content = manifest.trusted(result.folder)
    assert [h["output"] for h in content["heads"]] == ["scores.kinds", "scores.few"]
    assert content["heads"][0]["labels"] == list(heads.read(head_files[0]).labels)
    logmel = torch.randn(1, 1, 64, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = eager(logmel)
    for entry, artifact in zip(content["artifacts"], result.artifacts, strict=True):
        names = [output["name"] for output in entry["outputs"]]
        assert names == ["embedding", "scores.kinds", "scores.few"]
        assert set(artifact.scores) == {"kinds", "few"}
        found = open_outputs(artifact.path)(logmel.numpy())
        assert [list(f.shape)[1:] for f in found] == [o["shape"][1:] for o in entry["outputs"]]
        for scores in found[1:]:
            np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-5)
        if artifact.form.precision == "fp32":
            for one, other in zip(found, expected, strict=True):
                np.testing.assert_allclose(one, other.numpy(), atol=1e-4)
            assert all(s.top_label_agreement == 1 for s in artifact.scores.values())
        else:  # heads are float32: from the artifact's own embedding, they are exact
            again = [torch.softmax(h(torch.from_numpy(found[0])), dim=1) for h in eager.heads]
            for one, other in zip(found[1:], again, strict=True):
                np.testing.assert_allclose(one, other.detach().numpy(), atol=1e-5)
        if artifact.operators:
            assert artifact.operators.delegates == 1 and artifact.operators.portable == {}


def test_scores_too_far_off_fail():
    expected = torch.tensor([[0.6, 0.4], [0.2, 0.8]])
    assert compare_scores(expected, expected, "fp32").ok
    wrong = compare_scores(expected.flip(1), expected, "fp32")
    assert not wrong.ok and wrong.top_label_agreement == 0
    assert compare_scores(expected.flip(1), expected, "int8").ok  # reported only
    assert not compare_scores(expected * torch.nan, expected, "fp32").ok


def test_probe_saves_heads(run, tmp_path, capsys):
    probe = ["probe", str(run), "--data", "builtin:4", "--group", "group", "--no-baselines"]
    probe += ["--folds", "2"]
    assert cli.run([*probe, "--save-head", str(tmp_path / "sounds.safetensors")]) == 0
    assert heads.read(tmp_path / "sounds.safetensors").task == "label in builtin:4"
    assert cli.run([*probe, "--save-head", str(tmp_path / "all")]) == 0
    assert (tmp_path / "all" / "label-in-builtin-4.safetensors").is_file()
    for more, said in (
        (["--protocols", "knn", "--save-head", str(tmp_path)], "linear among"),
        (
            ["--save-head", str(tmp_path / "my head.safetensors")],
            "name the file of a head after its task",
        ),
    ):
        assert cli.run([*probe, *more]) == 2
        assert said in " ".join(capsys.readouterr().err.split())
