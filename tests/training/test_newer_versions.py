"""Checkpoints with settings that a newer version wrote are refused by one clear message."""

import json
from pathlib import Path
from typing import Any

import pytest

import tiny_audio_ssl
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.training.config import PretrainConfig, TrainingConfig

MESSAGE = (
    r"config.json: .*, written by tiny-audio-ssl 9\.9\.9; this is version .*, which reads .*\. "
    r"Install tiny-audio-ssl==9\.9\.9, or make the file again with this version"
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("newer") / "run"
    config = PretrainConfig(training=TrainingConfig(steps=1, batch_size=4))
    tiny_audio_ssl.pretrain("builtin:2", folder, config, progress=False)
    return folder


CHANGES: dict[str, Any] = {
    "unknown training setting": lambda c: c["run"]["training"].update(from_the_future=1),
    "unknown pretext setting": lambda c: c["run"]["pretext"].update(from_the_future=1),
    "unknown task": lambda c: c["run"].update(task="from-the-future"),
    "no task": lambda c: c["run"].pop("task"),
    "value out of range": lambda c: c["run"]["training"].update(steps="many"),
    "unknown encoder setting": lambda c: c["encoder"].update(from_the_future=1),
    "unknown encoder": lambda c: c["encoder"].update(name="from-the-future"),
    "unknown front-end setting": lambda c: c["frontend"].update(from_the_future=1),
    "other format": lambda c: c.update(format=99),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_resume_says_who_wrote_it_and_what_to_do(run: Path, change: Any) -> None:
    file = checkpoint.locate(run) / checkpoint.CONFIG
    written = file.read_text()
    content = json.loads(written)
    content["versions"]["tiny-audio-ssl"] = "9.9.9"
    change(content)
    try:
        file.write_text(json.dumps(content))
        with pytest.raises(UserError, match=MESSAGE):
            tiny_audio_ssl.resume(run, progress=False)
    finally:
        file.write_text(written)
