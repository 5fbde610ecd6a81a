"""How much enhancement gains from the noisy recordings of the speakers who use it.

No clean second of these speakers is trained on. Their recordings are LibriSpeech clips to which
noise is added; other clips of the same speakers with other noises are measured. Each speaker trains
alone, or all of them train together, each as a client of a federation.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import soundfile
from byproduct_settings import ByProducts
from enhancement_measures import (
    SNR_DB,
    Row,
    enhanced_by,
    enhancing_run,
    manifest,
    mixed,
    noises,
    quality,
    speakers,
    speech_of,
    trained,
)

from tiny_audio_ssl.audio.constants import SAMPLE_RATE_HZ
from tiny_audio_ssl.federated.config import FederatedConfig
from tiny_audio_ssl.federated.simulate import last_round, simulate
from tiny_audio_ssl.pretext.configs.enhancement import NoiseConfig, PseudoSeConfig
from tiny_audio_ssl.utils.files import read_rows, write_rows

RECORDED_SNR_DB = (0.0, 5.0, 10.0, 15.0)
TRAINED_CLIPS = 7  # of the ten of a speaker
LOCAL_STEPS = 10  # of a client in a round
PSEUDO_SE = PseudoSeConfig(kinds=True)


def of_one_speaker(wanted: ByProducts) -> Iterator[Row]:
    """Yield the mean over speakers for each way to train."""
    found: dict[str, list[Row]] = {}
    together = {"pseudo-se, federated, started from speech-enhancement": federated(wanted)}
    for speaker in all_speakers(wanted)[: wanted.speakers]:
        runs = personal_runs(wanted, speaker) | together
        runs = {"speech-enhancement of others": enhancing_run(wanted), **runs}
        clips = speech_of(wanted.data, speaker)[TRAINED_CLIPS:]
        mixtures = mixed(clips, noises(wanted.data), SNR_DB, wanted.seed)
        found.setdefault("mixture", []).append(quality(mixtures.mixture, mixtures))
        for name, run in runs.items():
            found.setdefault(name, []).append(enhanced_by(run, mixtures))
    for name, rows in found.items():
        sounds = sum(row.pop("sounds") for row in rows)
        columns = {key: round(float(np.mean([row[key] for row in rows])), 3) for key in rows[0]}
        steps = "" if name == "mixture" else wanted.steps
        yield {
            "system": name,
            **{"steps": steps, "speakers": len(rows), "sounds": sounds},
            **columns,
        }


def personal_runs(wanted: ByProducts, speaker: str) -> dict[str, Path]:
    """Return runs on the recordings of one speaker."""
    source = recorded_by(wanted, speaker)
    estimator = trained(wanted, "segmental-snr", manifest(wanted), NoiseConfig(kinds=True))
    begun, pure = enhancing_run(wanted), replace(PSEUDO_SE, purify=str(estimator))
    return {
        "pseudo-se": trained(wanted, "pseudo-se", source, PSEUDO_SE, name=speaker),
        "pseudo-se, started from speech-enhancement": trained(
            wanted, "pseudo-se", source, PSEUDO_SE, name=f"{speaker}-started", start=begun
        ),
        "pseudo-se, started and purified": trained(
            wanted, "pseudo-se", source, pure, name=f"{speaker}-purified", start=begun
        ),
    }


def federated(wanted: ByProducts) -> Path:
    """Train by federated averaging, each speaker a client, from the enhancement of others.

    A client takes as many steps as the other runs have in all.
    """
    sources = [recorded_by(wanted, speaker) for speaker in all_speakers(wanted)]
    together = wanted.out / "users" / "all.csv"
    write_rows(together, [row for source in sources for row in read_rows(source)])
    run = wanted.out / f"pseudo-se-federated-started-{wanted.steps}-{wanted.seed}"
    rounds = wanted.steps // LOCAL_STEPS
    config = FederatedConfig(
        task="pseudo-se",
        pretext=json.dumps(asdict(PSEUDO_SE)),
        source=str(together),
        group_column="speaker",
        clients=len(sources),
        rounds=rounds,
        local_steps=LOCAL_STEPS,
        start=str(enhancing_run(wanted)),
        seed=wanted.seed,
        out=str(run),
        server_data=str(manifest(wanted)),
        evaluate_every=0,
        resume=(run / "last").exists(),
    )
    if last_round(run)[0] < rounds:
        simulate(config, workers=1)
    return run


def recorded_by(wanted: ByProducts, speaker: str) -> Path:
    """Write a speaker's recordings and some noises of the same place; return their table."""
    folder = wanted.out / "users" / speaker
    clips, noise = speech_of(wanted.data, speaker), noises(wanted.data, held_out=False)
    noisy = mixed(clips[:TRAINED_CLIPS], noise, RECORDED_SNR_DB, wanted.seed + 1).mixture
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for kind, waves in (("speech", noisy), ("noise", noise[:: len(noise) // len(noisy)])):
        for index, wave in enumerate(waves):
            path = (folder / f"{kind}-{index}.wav").resolve()
            soundfile.write(path, wave.clamp(-1, 1).numpy(), SAMPLE_RATE_HZ)
            rows.append({"path": str(path), "kind": kind, "speaker": speaker})
    source = folder / "recordings.csv"
    write_rows(source, rows)
    return source


def all_speakers(wanted: ByProducts) -> list[str]:
    """Return the names of the speakers, sorted."""
    return sorted(set(speakers(wanted.data)))
