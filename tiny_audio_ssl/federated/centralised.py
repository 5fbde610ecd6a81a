"""What the same recordings give in one place: the line that federated training is held against.

As many optimizer steps as all devices make together, from the same start, judged after each as many
steps as a round has.
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
from tiny_audio_ssl.training.learner import CpuFabric, Learner
from tiny_audio_ssl.training.metrics_log import MetricsLog

FOLDER = "centralised"  # in the federated run's


def train(config: FederatedConfig, report: Callable[[int, dict[str, float]], None]) -> Path:
    """Into OUT/centralised; returns the folder of the last checkpoint."""
    out = Path(config.out) / FOLDER
    config = replace(config, out=str(out), resume=(out / "last").exists())
    model = GlobalModel.open(config)
    steps = config.per_round * config.local_steps  # in the time of a round
    options = replace(model.pretrain.training, steps=config.rounds * steps)
    own = replace(model.pretrain, training=options)
    learner = Learner(own, model.model, model.pretext, CpuFabric())
    recordings = all_recordings(config)
    batches = Batches(recordings, own.crop_samples, config.batch_size, config.seed)
    now = model.progress
    with MetricsLog(out, now.round, config.rounds, show=False) as log:
        while now.round < config.rounds:
            began = time.perf_counter()
            learner.module.train()
            for step in range(now.round * steps, (now.round + 1) * steps):
                learner.step(batches[step], step)
            now.round += 1
            loss = learner.held_out_loss(recordings)[0]
            model.save({}, loss)
            numbers = {"validation/loss": loss, "speed/round_s": time.perf_counter() - began}
            if config.probe_every and now.round % config.probe_every == 0:
                numbers["probe/accuracy"] = model.probe()
            log.write(now.round, numbers)
            report(now.round, numbers)
    return model.folder.step_folder(now.round)
