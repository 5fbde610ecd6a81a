"""A client's training."""

from __future__ import annotations

import numpy as np
from support.federated_grid import TINY

from tiny_audio_ssl.federated.config import FederatedConfig
from tiny_audio_ssl.federated.global_model import GlobalModel
from tiny_audio_ssl.federated.local_training import train
from tiny_audio_ssl.federated.recordings import client_recordings


def test_proximal_term_keeps_weights_near_the_sent_ones(tmp_path):
    """With fedprox and a strong pull, the update is less than half as long."""
    settings = {**TINY, "strategy": "fedprox", "warmup_steps": 0, "local_steps": 4}
    norms = []
    for number, mu in enumerate((0.0, 100.0)):
        config = FederatedConfig(proximal_mu=mu, out=str(tmp_path / str(number)), **settings)
        model = GlobalModel.open(config)
        recordings = client_recordings(config, {"partition-id": 0}, 0)
        trained = train(config, model.weights, model.fixed, recordings, 1, client_index=0)
        norms.append(float(np.linalg.norm(trained.update)))
    assert norms[1] < 0.5 * norms[0]
