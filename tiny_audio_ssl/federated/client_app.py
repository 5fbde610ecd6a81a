"""The Flower ClientApp: unpacks messages, trains or evaluates, and packs the replies."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.federated import backends, local_training, privacy
from tiny_audio_ssl.federated.config import FederatedConfig
from tiny_audio_ssl.federated.model_vectors import Vector
from tiny_audio_ssl.federated.recordings import AUDIO, CANNOT_TAKE_PART, client_recordings
from tiny_audio_ssl.federated.secure_aggregation import secure_mod
from tiny_audio_ssl.federated.update_encoding import decode, encode

RESIDUAL = "residual"  # in the client's own state: the rounding error of the updates so far
app = ClientApp()


class SimulatedDropoutError(Exception):
    """A simulated client failed, as the setting `dropout` asks for."""


@app.train(mods=[secure_mod])
def train(message: Message, context: Context) -> Message:
    """Train on the client's recordings.

    Message: {"arrays": weights, fixed; "config": round, client}. Reply: {"arrays": update as
    `encode` makes it; "metrics": round, num-examples, seconds, and loss unless private}.
    """
    began = time.perf_counter()
    config = FederatedConfig.from_run_config(context.run_config)
    round_number, client_index = _round_and_client(message)
    _simulate_faults(config, context, round_number, client_index)
    config = backends.with_node_config(config, context.node_config)
    weights, fixed = _vectors(message)
    with _hidden_file_names(context):
        recordings = client_recordings(config, context.node_config, client_index)
        trained = local_training.train(
            config, weights, fixed, recordings, round_number, client_index
        )
    private = config.privacy != "none"
    update = privacy.protect(trained.update, config)
    metrics: dict[str, int | float | list[int] | list[float]] = {
        "round": round_number,
        "num-examples": 1 if private else min(len(recordings), config.max_weight),
        "seconds": time.perf_counter() - began,
    }
    if not private:  # a loss is neither clipped nor noised
        metrics["loss"] = trained.loss
    arrays = _encode(update, config, context)
    return Message(
        RecordDict({"arrays": arrays, "metrics": MetricRecord(metrics)}), reply_to=message
    )


@app.evaluate()
def evaluate(message: Message, context: Context) -> Message:
    """Compute the loss on the client's recordings.

    Message: as for training. Reply: {"metrics": round, num-examples, loss}.
    """
    config = FederatedConfig.from_run_config(context.run_config)
    round_number, client_index = _round_and_client(message)
    weights, fixed = _vectors(message)
    with _hidden_file_names(context):
        recordings = client_recordings(config, context.node_config, client_index)
        loss = local_training.evaluate(config, weights, fixed, recordings)
    examples = min(len(recordings), config.max_weight)
    metrics = MetricRecord({"round": round_number, "num-examples": examples, "loss": loss})
    return Message(RecordDict({"metrics": metrics}), reply_to=message)


@contextlib.contextmanager
def _hidden_file_names(context: Context) -> Iterator[None]:
    """Keep a real device's file names from the server: it learns only the kind of an error, and
    the text, which may name files, is logged on the device."""
    try:
        yield
    except backends.BackendError:
        raise
    except (UserError, OSError) as error:
        if AUDIO not in context.node_config:
            raise
        reason = "; ".join(line.strip() for line in str(error).splitlines())
        logging.getLogger(__name__).error("%s%s", CANNOT_TAKE_PART, reason)
        raise RuntimeError(f"{type(error).__name__}; see the client's log") from None


def _round_and_client(message: Message) -> tuple[int, int]:
    config = message.content["config"]
    assert isinstance(config, ConfigRecord)
    return int(str(config["round"])), int(str(config["client"]))


def _vectors(message: Message) -> tuple[Vector, Vector]:
    arrays = message.content["arrays"]
    assert isinstance(arrays, ArrayRecord)
    return arrays["weights"].numpy(), arrays["fixed"].numpy()


def _simulate_faults(
    config: FederatedConfig, context: Context, round_number: int, client_index: int
) -> None:
    """Let a simulated client fail or be late; seed, round and client decide which."""
    if AUDIO in context.node_config:
        return
    fails, is_late = np.random.default_rng([config.seed, 3, round_number, client_index]).random(2)
    if fails < config.dropout:
        raise SimulatedDropoutError(f"client {client_index} in round {round_number}")
    if is_late < config.stragglers:
        time.sleep(config.straggler_delay_s)


def _encode(update: Vector, config: FederatedConfig, context: Context) -> ArrayRecord:
    """Encode with error feedback: the encoding's rounding error is kept for the next round.

    That of an update that is not finite, which the server refuses, is not: it would break all later
    updates.
    """
    if config.encoding == "float32":
        return encode(update, config.encoding)
    kept = context.state.array_records.get(RESIDUAL)
    wanted = update if kept is None else update + kept[RESIDUAL].numpy()
    record = encode(wanted, config.encoding)
    lost = wanted - decode(record, config.encoding, len(update))
    if np.isfinite(lost).all():
        context.state[RESIDUAL] = ArrayRecord({RESIDUAL: Array(lost)})
    return record
