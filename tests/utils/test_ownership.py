"""No writer replaces an input, or a file that it did not write."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import save_file

from tiny_audio_ssl import UserError
from tiny_audio_ssl.bench import rows as bench_rows
from tiny_audio_ssl.bench.chart import check_chart
from tiny_audio_ssl.embedding import recordings as embeddings
from tiny_audio_ssl.evaluation.probing import heads, scores
from tiny_audio_ssl.federated.app_project import app_files, write_app
from tiny_audio_ssl.federated.plot import check_plot
from tiny_audio_ssl.federated.run_files import begin_logs
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.report import page, projector
from tiny_audio_ssl.report.page import Content
from tiny_audio_ssl.utils.files import atomic_file, check_writable
from tiny_audio_ssl.utils.ownership import check_distinct, check_target

# For each writer: how it checks its target, and a name that it takes.
WRITERS: dict[str, tuple[Callable[[Path], None], str]] = {
    "embed to Parquet": (lambda path: embeddings.check_out(path, ()), "x.parquet"),
    "embed to NumPy": (lambda path: embeddings.check_out(path, ()), "x.npy"),
    "table of embed": (lambda path: embeddings.check_out(path.with_suffix(".npy"), ()), "x.csv"),
    "probe --out": (scores.check_out, "x.json"),
    "probe --save-head": (lambda path: heads.check_target(path, []), "x.safetensors"),
    "report": (page.check_out, "x.html"),
    "bench --csv": (bench_rows.check_csv, "x.csv"),
    "bench --chart, PNG": (check_chart, "x.png"),
    "bench --chart, SVG": (check_chart, "x.svg"),
    "federate --centralized": (lambda path: check_plot(path.parent), "federated.png"),
    "the app's settings": (lambda path: write_app(path.parent) and None, "pyproject.toml"),
    "federate, log": (lambda path: begin_logs(path.parent), "flower.log"),
    "finetune --save": (checkpoint.check_replaceable, "x"),
    "report --projector": (projector.check_out, "x"),
}
FOREIGN = {
    "a text": b"years of work\n",
    "a table": b"path,start_s,end_s,label\na.wav,0,1.5,dog\n",
    "another JSON": b'{"format": 1, "scores_of_a_game": [3, 4]}',
    "a page": b"<!DOCTYPE html><title>tiny-audio-ssl report, my notes</title>",
    "no text": bytes(range(256)),
}


@pytest.mark.parametrize("content", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize(("check", "name"), WRITERS.values(), ids=WRITERS)
def test_files_of_others_are_refused(check, name, content, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=r"already exists and (is|was) not"):
        check(tmp_path / name)
    assert (tmp_path / name).read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(("check", "name"), WRITERS.values(), ids=WRITERS)
def test_what_can_not_be_written_is_refused_before_the_work(check, name, tmp_path):
    (tmp_path / "file").touch()
    if check is checkpoint.check_replaceable:  # `finetune` asks this
        check = check_writable
    with pytest.raises(UserError, match="cannot be written"):
        check(tmp_path / "file" / name)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("suffix", [".json", ".npy"])
def test_long_names_are_written_or_refused_at_once(suffix, tmp_path):
    for length in (200, 255 - len(suffix)):
        for letter in ("x", "é"):
            target = tmp_path / (letter * (length // len(letter.encode())) + suffix)
            check_writable(target)
            with atomic_file(target) as work:
                work.write_text("x")
            assert target.read_text() == "x"
    with pytest.raises(UserError, match="cannot be written"):
        check_writable(tmp_path / (300 * "x" + suffix))


def test_arrays_and_tensors_of_others_are_refused(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((2, 3), np.float32))
    pq.write_table(pa.table({"embedding": [1.0]}), tmp_path / "x.parquet")
    save_file({"weight": np.zeros(3)}, tmp_path / "x.safetensors")
    for check, name in list(WRITERS.values()):
        if (tmp_path / name).exists():
            with pytest.raises(UserError, match=r"already exists and (is|was) not"):
                check(tmp_path / name)


def test_own_files_are_replaced(tmp_path):
    scores.write(tmp_path / "x.json", [])
    scores.write(tmp_path / "x.json", [])
    page.write(tmp_path / "x.html", Content())
    page.write(tmp_path / "x.html", Content())
    write_app(write_app(tmp_path / "app"))
    assert {path.name for path in (tmp_path / "app").iterdir()} == set(app_files())


def test_an_empty_file_is_no_loss(tmp_path):
    (tmp_path / "x.json").touch()  # as mktemp makes it
    scores.write(tmp_path / "x.json", [])
    assert json.loads((tmp_path / "x.json").read_text())["scores"] == []


def hard_link(path: Path) -> Path:
    os.link(path, path.with_name("hard.csv"))
    return path.with_name("hard.csv")


def symbolic_link(path: Path) -> Path:
    path.with_name("soft.csv").symlink_to(path)
    return path.with_name("soft.csv")


@pytest.mark.parametrize("rename", [lambda path: path, hard_link, symbolic_link])
def test_an_input_is_refused_by_any_name_even_if_it_is_ours(rename, tmp_path):
    given = tmp_path / "given.csv"
    given.write_text("path\n")
    with pytest.raises(UserError, match="an input of this run"):
        check_target(rename(given), lambda path: True, ["builtin:4", tmp_path / "gone", given])


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["a pipe", "a folder"])
def test_what_is_no_file_is_refused(make, tmp_path):
    make(tmp_path / "x.json")
    with pytest.raises(UserError, match="not a file"):
        scores.write(tmp_path / "x.json", [])


def test_outputs_of_one_name_are_refused():
    check_distinct([("a b", "a-b"), ("c", "c")])
    for other in ("a-b", "A-B"):
        with pytest.raises(UserError, match="'a b' and 'a_b' would both be saved as"):
            check_distinct([("a b", "a-b"), ("a_b", other)])


def test_a_link_stays_a_link(tmp_path):
    scores.write(tmp_path / "real.json", [])
    (tmp_path / "x.json").symlink_to("real.json")
    scores.write(tmp_path / "x.json", [])
    assert (tmp_path / "x.json").is_symlink()


def test_the_projector_keeps_what_others_put_there(tmp_path):
    task = SimpleNamespace(
        classes=["a"],
        truth=[0],
        recordings=SimpleNamespace(clips=[SimpleNamespace(name="x", path=Path("x"))]),
        task=SimpleNamespace(name="t"),
    )
    table = np.ones((1, 4), np.float32)
    for _ in range(2):
        projector.write(tmp_path / "x", [(task, [("run", table)])])  # type: ignore[list-item]
        (tmp_path / "x" / "notes.txt").write_text("mine")
    config = (tmp_path / "x" / projector.CONFIG).read_text()
    assert config.count("embeddings {") == 1
    assert (tmp_path / "x" / "notes.txt").read_text() == "mine"
