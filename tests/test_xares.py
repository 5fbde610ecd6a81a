"""X-ARES's own checker and one of its tasks, at the size of a test, over our encoder."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from tiny_audio_ssl import UserError, hear, xares
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.models.frontend_config import FrontendConfig

RATE = 16_000
FILE = "from tiny_audio_ssl import xares\n\nclass MineEncoder(xares.RunEncoder):\n    run = {!r}\n"


@pytest.fixture
def run(tmp_path) -> Path:
    torch.manual_seed(0)
    config = EncoderConfig(width=0.25, slice_frames=32)
    checkpoint.save(
        tmp_path / "run", checkpoint.build_model(FrontendConfig(), config), run={}, progress={}
    )
    return tmp_path / "run"


@pytest.fixture
def suite(torchaudio, monkeypatch):
    """xares imports torchaudio at once, whose `load` wants torchcodec; soundfile reads the same."""

    def load(path):
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        return torch.from_numpy(samples.T.copy()), rate

    monkeypatch.setattr(torchaudio, "load", load)
    return pytest.importorskip("xares.utils", reason="pip install xares")


@pytest.fixture
def encoder(run, suite, tmp_path, monkeypatch):
    """As `python -m xares.run mine_encoder.py` makes it."""
    (tmp_path / "mine_encoder.py").write_text(FILE.format(str(run)))
    monkeypatch.syspath_prepend(tmp_path)
    yield suite.attr_from_py_path("mine_encoder.py", endswith="Encoder")()
    del sys.modules["mine_encoder"]


def test_xares_checker_accepts_it(encoder):
    from xares.audio_encoder_checker import check_audio_encoder

    assert type(encoder).__name__ == "MineEncoder"
    assert check_audio_encoder(encoder)


@pytest.mark.parametrize("samples", [100, RATE, 50_000])
def test_hop_leads_from_the_output_to_the_input(encoder, samples):
    found = encoder(torch.randn(2, samples))
    assert found.shape[2] == encoder.output_dim and found.isfinite().all()
    duration_ms = 1000 * samples / encoder.sampling_rate
    assert 0 <= found.shape[1] * encoder.hop_size_in_ms - duration_ms < encoder.hop_size_in_ms


def test_same_embeddings_as_hear(encoder, run):
    audio = 2 * torch.rand(2, RATE, generator=torch.Generator().manual_seed(0)) - 1
    expected, _ = hear.get_timestamp_embeddings(audio, hear.load_model(str(run)))
    assert torch.equal(encoder(audio), expected)


def test_without_a_run():
    with pytest.raises(UserError, match="give a run's folder"):
        xares.RunEncoder()


def test_task_is_encoded_trained_and_scored(encoder, tmp_path):
    """Low and high tones: the suite's encoding, its layer on top and its nearest neighbors."""
    from xares.audiowebdataset import write_audio_tar
    from xares.task import TaskConfig, XaresTask

    config = TaskConfig(
        encoder=encoder,
        name="tones",
        env_root=tmp_path,
        k_fold_splits=[1, 2],
        label_processor=lambda row: {"low": 0, "high": 1}[row["label"]],
        output_dim=2,
        epochs=20,
        num_encoder_workers=0,
        eval_weight=16,
    )
    rng = np.random.default_rng(0)
    (tmp_path / "tones").mkdir()
    for fold in config.k_fold_splits:
        paths, labels = [], []
        for i in range(16):
            label, hz = (("low", 300), ("high", 3000))[i % 2]
            tone = np.sin(2 * np.pi * hz * rng.uniform(0.8, 1.25) * np.arange(RATE // 2) / RATE)
            paths.append(str(tmp_path / f"{fold}-{i}.wav"))
            labels.append({"label": label})
            soundfile.write(paths[-1], 0.3 * tone + 0.01 * rng.standard_normal(RATE // 2), RATE)
        write_audio_tar(
            paths, labels, str(tmp_path / f"tones/wds-audio-fold-{fold}-*.tar"), num_shards=1
        )
    (tmp_path / "tones" / config.xares_settings.audio_ready_filename).touch()

    task = XaresTask(config)
    task.make_encoded_tar()
    layer, _ = task.run_mlp()
    neighbors, _ = task.run_knn()
    assert layer > 0.9 and neighbors > 0.9
