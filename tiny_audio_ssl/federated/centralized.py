"""Centralized training on the clients' recordings: the baseline for federated training.

It makes as many optimizer steps as all clients together, from the same start, and is evaluated
after as many steps as a round has.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tiny_audio_ssl.data.batches import Batches
from tiny_audio_ssl.federated.config import FederatedConfig
from tiny_audio_ssl.federated.global_model import GlobalModel
from tiny_audio_ssl.federated.recordings import all_recordings
from tiny_audio_ssl.training import clip_counts
from tiny_audio_ssl.training.fabric import CpuFabric
from tiny_audio_ssl.training.learner import Learner
from tiny_audio_ssl.training.metrics_log import MetricsLog

FOLDER = "centralized"  # in the federated run's folder


def train(config: FederatedConfig, report: Callable[[int, dict[str, float]], None]) -> Path:
    """Train into OUT/centralized; returns the folder of the last checkpoint.

    `report` is called after each round's worth of steps, with its number and metrics.
    """
    out = Path(config.out) / FOLDER
    config = replace(config, out=str(out), resume=(out / "last").exists())
    model = GlobalModel.open(config)
    steps = config.per_round * config.local_steps  # in the time of a round
    options = replace(model.pretrain.training, steps=config.rounds * steps)
    settings = replace(model.pretrain, training=options)
    learner = Learner(settings, model.model, model.pretext, CpuFabric())
    recordings = all_recordings(config)
    clip_counts.check_recordings(settings, len(recordings))
    batches = Batches(
        recordings,
        settings.crop_samples,
        config.batch_size,
        config.seed,
        class_lists=settings.pretext.class_lists(),
        word_columns=settings.pretext.word_columns(),
    )
    progress = model.progress
    with MetricsLog(out, progress.round, config.rounds, show=False) as log:
        while progress.round < config.rounds:
            began = time.perf_counter()
            learner.module.train()
            for step in range(progress.round * steps, (progress.round + 1) * steps):
                learner.step(batches[step], step)
            progress.round += 1
            found = learner.held_out_loss(recordings)
            assert found is not None  # as there are enough clips
            model.save({}, found.loss)
            metrics = {"validation/loss": found.loss, "speed/round_s": time.perf_counter() - began}
            if config.probe_every and progress.round % config.probe_every == 0:
                metrics["probe/accuracy"] = model.probe()
            log.write(progress.round, metrics)
            report(progress.round, metrics)
    return model.folder.step_folder(progress.round)
