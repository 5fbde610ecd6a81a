"""What a device does with its recordings: some steps of training, or a look at the loss.

Nothing of this knows Flower. A vector comes in, a vector and two numbers go out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from tiny_audio_ssl.data.batches import Batches, seed_of
from tiny_audio_ssl.data.cache import Recordings
from tiny_audio_ssl.federated import backends
from tiny_audio_ssl.federated import model_vectors as vectors
from tiny_audio_ssl.federated.config import FederatedConfig
from tiny_audio_ssl.federated.model_vectors import Travelling, Vector
from tiny_audio_ssl.models.checkpoint import build_model
from tiny_audio_ssl.training.config import PretrainConfig
from tiny_audio_ssl.training.learner import CpuFabric, FabricLike, Learner


@dataclass(frozen=True)
class Trained:
    update: Vector  # new weights minus those that were sent
    loss: float  # mean over the steps


def train(
    config: FederatedConfig,
    weights: Vector,
    fixed: Vector,
    recordings: Recordings,
    round_number: int,
    rank: int,
) -> Trained:
    """`config.local_steps` steps as round 1, 2, ...; which crops and draws, seed and rank decide.

    Raises `ValueError` when the vectors are not those of the model that the settings describe.
    """
    own = _own_seed(config.pretrain(), rank)
    learner, travelling = _learner(config, own, weights, fixed, backends.process(config))
    batches = Batches(recordings, own.crop_samples, config.batch_size, own.training.seed)
    penalty = _proximal(travelling, config.proximal_mu) if config.strategy == "fedprox" else None
    first = (round_number - 1) * config.local_steps
    losses = []
    for step in range(first, first + config.local_steps):
        record = learner.step(batches[step], step, penalty)
        losses.append(float(record["loss"]))
    update = vectors.read(travelling.weights) - weights
    return Trained(update, sum(losses) / len(losses))


def loss_of(
    config: FederatedConfig, weights: Vector, fixed: Vector, recordings: Recordings
) -> float:
    """The pretext loss on the middle crop of each recording, as the model would be shipped."""
    learner, _ = _learner(config, config.pretrain(), weights, fixed, CpuFabric())
    return learner.held_out_loss(recordings)[0]


def _own_seed(config: PretrainConfig, rank: int) -> PretrainConfig:
    """Devices must not all draw the same masks in the same step."""
    seed = seed_of(config.training.seed, rank)
    return replace(config, training=replace(config.training, seed=seed))


def _learner(
    config: FederatedConfig,
    own: PretrainConfig,
    weights: Vector,
    fixed: Vector,
    process: FabricLike,
) -> tuple[Learner, Travelling]:
    torch.set_num_threads(1)  # devices share a machine in simulations, and sums stay the same
    model = build_model(own.frontend, own.encoder)
    pretext = vectors.build(own, model)
    travelling = Travelling.of(model, pretext, config.train_only)
    vectors.write(travelling.weights, weights)
    vectors.write(travelling.fixed, fixed)
    vectors.freeze_others(model.encoder, pretext, travelling)
    learner = Learner(own, model, pretext, process)
    if config.norm == "frozen":
        vectors.freeze_statistics(model.encoder, pretext)
    return learner, travelling


def _proximal(travelling: Travelling, mu: float) -> Callable[[], Tensor]:
    """mu / 2 |w - w_sent|^2: Li et al. 2018, arXiv 1812.06127, equation 2."""
    sent = [tensor.detach().clone() for tensor in travelling.weights.values()]

    def penalty() -> Tensor:
        now = travelling.weights.values()
        return (
            mu
            / 2
            * torch.stack([((w - s) ** 2).sum() for w, s in zip(now, sent, strict=True)]).sum()
        )

    return penalty
