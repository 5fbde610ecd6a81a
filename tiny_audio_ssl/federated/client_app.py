"""The Flower ClientApp: takes messages apart, lets `local` do the work, puts replies together."""

from __future__ import annotations

import logging
import time

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.federated import backends, privacy
from tiny_audio_ssl.federated import local_training as local
from tiny_audio_ssl.federated.config import FederatedConfig
from tiny_audio_ssl.federated.model_vectors import Vector
from tiny_audio_ssl.federated.recordings import AUDIO, recordings_of
from tiny_audio_ssl.federated.secure_aggregation import secure_mod
from tiny_audio_ssl.federated.update_encoding import decode, encode

RESIDUAL = "residual"  # in the device's own state: what rounding lost so far
app = ClientApp()


class SimulatedDropout(Exception):
    """The device died, as `dropout` asked for."""


@app.train(mods=[secure_mod])
def train(message: Message, context: Context) -> Message:
    """{"arrays": weights, fixed; "config": round, rank} -> {"arrays": update; "metrics"}."""
    began = time.perf_counter()
    config = FederatedConfig.from_run_config(context.run_config)
    round_number, rank = _told(message)
    _misfortune(config, context, round_number, rank)
    config = backends.of_device(config, context.node_config)
    weights, fixed = _vectors(message)
    with _discreet(context):
        recordings = recordings_of(config, context.node_config, rank)
        trained = local.train(config, weights, fixed, recordings, round_number, rank)
    private = config.privacy != "none"
    update = privacy.protect(trained.update, config)
    metrics: dict[str, int | float | list[int] | list[float]] = {
        "round": round_number,
        "num-examples": 1 if private else min(len(recordings), config.max_weight),
        "seconds": time.perf_counter() - began,
    }
    if not private:  # a loss is not clipped and has no noise
        metrics["loss"] = trained.loss
    arrays = _encoded(update, config, context)
    return Message(
        RecordDict({"arrays": arrays, "metrics": MetricRecord(metrics)}), reply_to=message
    )


@app.evaluate()
def evaluate(message: Message, context: Context) -> Message:
    """The same message -> {"metrics": loss on the device's recordings}."""
    config = FederatedConfig.from_run_config(context.run_config)
    round_number, rank = _told(message)
    weights, fixed = _vectors(message)
    with _discreet(context):
        recordings = recordings_of(config, context.node_config, rank)
        loss = local.loss_of(config, weights, fixed, recordings)
    examples = min(len(recordings), config.max_weight)
    metrics = MetricRecord({"round": round_number, "num-examples": examples, "loss": loss})
    return Message(RecordDict({"metrics": metrics}), reply_to=message)


class _discreet:
    """An error's text may name files, which are nobody's business: on a real device it is logged
    there, and the server learns its kind."""

    def __init__(self, context: Context) -> None:
        self.real_device = AUDIO in context.node_config

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, backends.Unequipped):
            return
        if self.real_device and isinstance(error, UserError | OSError):
            logging.getLogger(__name__).error("%s", error)
            raise RuntimeError(f"{type(error).__name__}; the device's log says more") from None


def _told(message: Message) -> tuple[int, int]:
    config = message.content["config"]
    assert isinstance(config, ConfigRecord)
    return int(str(config["round"])), int(str(config["rank"]))


def _vectors(message: Message) -> tuple[Vector, Vector]:
    arrays = message.content["arrays"]
    assert isinstance(arrays, ArrayRecord)
    return arrays["weights"].numpy(), arrays["fixed"].numpy()


def _misfortune(config: FederatedConfig, context: Context, round_number: int, rank: int) -> None:
    """Simulated devices die and dawdle, as seed, round and rank decide."""
    if AUDIO in context.node_config:
        return
    dies, dawdles = np.random.default_rng([config.seed, 3, round_number, rank]).random(2)
    if dies < config.dropout:
        raise SimulatedDropout(f"device {rank} in round {round_number}")
    if dawdles < config.stragglers:
        time.sleep(config.straggler_delay_s)


def _encoded(update: Vector, config: FederatedConfig, context: Context) -> ArrayRecord:
    """With error feedback: what the encoding loses is kept for the next round."""
    if config.encoding == "float32":
        return encode(update, config.encoding)
    kept = context.state.array_records.get(RESIDUAL)
    wanted = update if kept is None else update + kept[RESIDUAL].numpy()
    record = encode(wanted, config.encoding)
    lost = wanted - decode(record, config.encoding, len(update))
    context.state[RESIDUAL] = ArrayRecord({RESIDUAL: Array(lost)})
    return record
