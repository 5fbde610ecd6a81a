"""What export refuses, leaves as it was, or tells of."""

from __future__ import annotations

import contextlib
import json
import resource
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from support.audio_files import write

from tiny_audio_ssl import UserError, cli
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoders import EncoderConfig

pytest.importorskip("executorch")
pytest.importorskip("onnxruntime")

from support.runs import chord, make_run

from tiny_audio_ssl.export import export_run, manifest


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("run"), EncoderConfig(width=0.25), 4)


@contextlib.contextmanager
def small_disk() -> Iterator[None]:
    """No file may grow beyond 20 kB: a writer sees what a full disk gives it. Nothing else may be
    written meanwhile, not even a test report."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("format", ["executorch", "onnx"])
def test_a_full_disk_leaves_what_was_there(run, tmp_path, format):
    target = tmp_path / "export"
    target.mkdir()
    (target / manifest.MANIFEST).write_text('{"artifacts": []}')
    with pytest.raises(UserError, match="no space left"), small_disk():
        export_run(run, target, [format], ["fp32"], ["mel"], parity=False)
    assert [path.name for path in tmp_path.iterdir()] == ["export"]
    assert (target / manifest.MANIFEST).read_text() == '{"artifacts": []}'


def recordings(folder: Path, level: float, count: int) -> str:
    for i in range(count):
        write(folder / f"{i}.wav", level * chord(i, 1.5))
    return str(folder)


@pytest.mark.parametrize(
    ("level", "count", "said"),
    [(1e-3, 12, "0 with sound"), (1.0, 5, "5 windows were drawn, 5 with sound")],
)
def test_a_calibration_set_that_tells_nothing(run, tmp_path, level, count, said):
    source = recordings(tmp_path / "sounds", level, count)
    with pytest.raises(UserError, match=said) as told:
        export_run(
            run,
            tmp_path / "out",
            ["onnx"],
            ["int8"],
            ["mel"],
            window_ms=1500.0,  # as long as each recording: one window of each
            calibration=source,
            parity_clips=4,
        )
    assert "--calibration" in str(told.value) and source in str(told.value)
    assert not (tmp_path / "out").exists()


def test_a_checkpoint_of_another_version(run, tmp_path):
    copy = Path(shutil.copytree(checkpoint.locate(run), tmp_path / "checkpoint"))
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "format": 7}))
    with pytest.raises(UserError, match="checkpoint format 7"):
        export_run(copy, tmp_path / "out", parity=False)
    encoder = {**config["encoder"], "dilation": 2}
    (copy / "config.json").write_text(json.dumps({**config, "encoder": encoder}))
    with pytest.raises(UserError, match="does not fit this version"):
        export_run(copy, tmp_path / "out", parity=False)


def test_no_run_is_told(capsys):
    assert cli.run(["export"]) == 2
    assert "tiny-audio-ssl export RUN" in capsys.readouterr().err


def test_operators_outside_the_delegate_are_named_with_their_share(tmp_path, capsys):
    """XNNPACK has no group normalisation."""
    run = make_run(tmp_path, EncoderConfig(width=0.25, norm="group"), 4)
    options = ["--format", "executorch", "--precision", "fp32", "--input", "mel"]
    assert cli.run(["export", str(run), *options, "--parity-clips", "2"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    entry = manifest.read(run / "export")["artifacts"][0]
    shares = entry["operators"]["portable_time_share"]
    assert any("group_norm" in name for name in shares)
    assert all(0 < share < 1 for share in shares.values()) and 0 < sum(shares.values()) < 1
    for name in shares:
        assert f"{name} is outside the fast path" in told
    assert np.all(np.diff(list(shares.values())) <= 0)
