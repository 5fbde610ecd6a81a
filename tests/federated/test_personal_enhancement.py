"""Enhancement learned by devices, each with the noisy recordings of one speaker."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from support.audio_files import write
from support.federated_grid import federate, left_out, records
from support.runs import chord

from tiny_audio_ssl import load_product

SPEAKERS = 3
PRETEXT = {"slice_ms": 175.0, "slices": 1}


def speakers_table(folder: Path) -> Path:
    """Recordings of three speakers, four each."""
    lines = ["path,speaker"]
    for index in range(4 * SPEAKERS):
        path = write(folder / f"{index}.wav", chord(index, seconds=0.5))
        lines.append(f"{path},s{index % SPEAKERS}")
    (folder / "speakers.csv").write_text("\n".join(lines) + "\n")
    return folder / "speakers.csv"


def test_each_speaker_is_a_device_and_the_run_enhances(tmp_path):
    source, run = speakers_table(tmp_path), tmp_path / "run"
    federation, _ = federate(
        run,
        source=str(source),
        group_column="speaker",
        partition="group",
        clients=SPEAKERS,
        rounds=1,
        local_steps=1,
        task="pseudo-se",
        pretext=json.dumps(PRETEXT),
    )
    assert not left_out(run)
    assert federation.model.progress.rounds_learned == 1
    assert records(run)[0]["clients/accepted"] == SPEAKERS
    window = chord(99, seconds=1).astype(np.float32)
    found = load_product(run)(window)["enhanced"]
    assert found.shape == window.shape and np.isfinite(found).all() and found.any()
