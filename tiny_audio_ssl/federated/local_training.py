"""A client's computations on its recordings: training steps, or an evaluation of the loss.

Nothing here knows Flower: a vector comes in, a vector and a number go out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from tiny_audio_ssl.data.batches import Batches, seed_of
from tiny_audio_ssl.data.cache import Recordings
from tiny_audio_ssl.data.counter import TASK, CounterBatches, CounterGenerator
from tiny_audio_ssl.federated import backends, model_vectors
from tiny_audio_ssl.federated.config import FederatedConfig
from tiny_audio_ssl.federated.model_vectors import ExchangedTensors, Vector
from tiny_audio_ssl.models.checkpoint import untrained
from tiny_audio_ssl.training.clip_counts import check_recordings
from tiny_audio_ssl.training.config import PretrainConfig
from tiny_audio_ssl.training.fabric import CpuFabric, FabricLike
from tiny_audio_ssl.training.learner import Learner
from tiny_audio_ssl.utils.threads import torch_threads


@dataclass(frozen=True)
class LocalUpdate:
    """The result of a client's training in one round."""

    update: Vector  # new weights minus the weights that were sent
    loss: float  # mean over the steps


def train(
    config: FederatedConfig,
    weights: Vector,
    fixed: Vector,
    recordings: Recordings,
    round_number: int,
    client_index: int,
) -> LocalUpdate:
    """Train for `config.local_steps` steps of round 1, 2, ...; seed and client decide the draws.

    Raises `ValueError` when the vectors are not those of the model that the settings describe, and
    `UserError` when the task compares clips, and there are too few for that.
    """
    check_recordings(config.pretrain(), len(recordings))
    with torch_threads(1):  # simulated clients share a machine, and sums stay the same
        return _train(config, weights, fixed, recordings, round_number, client_index)


def _train(
    config: FederatedConfig,
    weights: Vector,
    fixed: Vector,
    recordings: Recordings,
    round_number: int,
    client_index: int,
) -> LocalUpdate:
    settings = _with_client_seed(config.pretrain(), client_index)
    fabric = backends.make_fabric(config)
    learner, exchanged = _learner(config, settings, weights, fixed, fabric, client_index)
    batches = _batches(config, settings, recordings, client_index)
    penalty = _proximal(exchanged, config.proximal_mu) if config.strategy == "fedprox" else None
    first = (round_number - 1) * config.local_steps
    losses = []
    for step in range(first, first + config.local_steps):
        record = learner.step(batches[step], step, penalty)
        losses.append(float(record["loss"]))
    update = model_vectors.to_vector(exchanged.weights) - weights
    return LocalUpdate(update, sum(losses) / len(losses))


def evaluate(
    config: FederatedConfig, weights: Vector, fixed: Vector, recordings: Recordings
) -> float:
    """Return the pretext loss on the middle crop of each recording, of the model in eval mode.

    Raises `UserError` when the task compares clips, and there are too few for that.
    """
    settings = config.pretrain()
    check_recordings(settings, len(recordings))
    with torch_threads(1):
        learner, _ = _learner(config, settings, weights, fixed, CpuFabric())
        found = learner.held_out_loss(recordings)
    assert found is not None  # as there are enough clips
    return found.loss


class _CounterLearner(Learner):
    """A learner whose random draws native devices can reproduce."""

    def __init__(self, key: tuple[int, ...], *learner: Any) -> None:
        super().__init__(*learner)
        self.key = key

    def generator(self, *seeds: int) -> torch.Generator:
        return CounterGenerator(*self.key, TASK, *seeds)


def _batches(
    config: FederatedConfig, settings: PretrainConfig, recordings: Recordings, client_index: int
) -> Batches:
    crop, size = settings.crop_samples, config.batch_size
    if config.draws == "counter":
        return CounterBatches(recordings, crop, size, (config.seed, client_index))
    return Batches(
        recordings,
        crop,
        size,
        settings.training.seed,
        class_lists=settings.pretext.class_lists(),
        word_columns=settings.pretext.word_columns(),
    )


def _with_client_seed(config: PretrainConfig, client_index: int) -> PretrainConfig:
    """Clients must not all draw the same masks in the same step."""
    seed = seed_of(config.training.seed, client_index)
    return replace(config, training=replace(config.training, seed=seed))


def _learner(
    config: FederatedConfig,
    settings: PretrainConfig,
    weights: Vector,
    fixed: Vector,
    fabric: FabricLike,
    client_index: int | None = None,
) -> tuple[Learner, ExchangedTensors]:
    model = untrained(settings.frontend, settings.encoder, seed=0)
    pretext = model_vectors.build_pretext(settings, model)
    exchanged = ExchangedTensors.of(model, pretext, config.train_only)
    model_vectors.load_vector(exchanged.weights, weights)
    model_vectors.load_vector(exchanged.fixed, fixed)
    model_vectors.freeze_others(model, pretext, exchanged)
    if config.draws == "counter" and client_index is not None:
        key = (config.seed, client_index)
        learner: Learner = _CounterLearner(key, settings, model, pretext, fabric)
    else:
        learner = Learner(settings, model, pretext, fabric)
    if config.norm == "frozen":
        model_vectors.freeze_statistics(model.encoder, pretext)
    return learner, exchanged


def _proximal(exchanged: ExchangedTensors, mu: float) -> Callable[[], Tensor]:
    """mu / 2 |w - w_sent|^2: Li et al. 2018, arXiv 1812.06127, equation 2."""
    sent = [tensor.detach().clone() for tensor in exchanged.weights.values()]

    def penalty() -> Tensor:
        pairs = zip(exchanged.weights.values(), sent, strict=True)
        return mu / 2 * torch.stack([((w - s) ** 2).sum() for w, s in pairs]).sum()

    return penalty
