"""STRATEGIES: Flower's strategies, by name, which turn a round's updates into new weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from flwr.app import Array, ArrayRecord, Message, MessageType, MetricRecord, RecordDict
from flwr.serverapp.strategy import (
    FedAdam,
    FedAvg,
    FedMedian,
    FedProx,
    FedTrimmedAvg,
    Krum,
)

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.federated.config import FederatedConfig, StrategyName
from tiny_audio_ssl.federated.model_vectors import Vector
from tiny_audio_ssl.federated.reply_validation import AcceptedReply

STRATEGIES: dict[StrategyName, Callable[[FederatedConfig], FedAvg]] = {
    "fedavg": lambda config: FedAvg(),  # arXiv 1602.05629
    # arXiv 1812.06127: on the server as FedAvg; the clients add the proximal term.
    "fedprox": lambda config: FedProx(proximal_mu=config.proximal_mu),
    "fedadam": lambda config: FedAdam(eta=config.server_learning_rate),  # arXiv 2003.00295
    "trimmed-mean": lambda config: FedTrimmedAvg(beta=config.trim),  # arXiv 1803.01498
    "median": lambda config: FedMedian(),  # arXiv 1803.01498
    "krum": lambda config: Krum(num_malicious_nodes=config.malicious),  # arXiv 1703.02757
}


class Aggregation:
    """A strategy with its state (FedAdam's moments), which a checkpoint keeps."""

    def __init__(self, config: FederatedConfig) -> None:
        self.strategy = STRATEGIES[config.strategy](config)

    def new_weights(
        self, round_number: int, weights: Vector, accepted: Sequence[AcceptedReply]
    ) -> Vector:
        """Return the next weights, from the weights that were sent and the updates.

        Raises `UserError` when the result is not finite.
        """
        if isinstance(self.strategy, FedAdam):
            self.strategy.current_arrays = {"weights": weights}
        replies = [_reply(weights, one) for one in accepted]
        arrays, _ = self.strategy.aggregate_train(round_number, replies)
        assert arrays is not None
        new: Vector = arrays["weights"].numpy().astype(np.float32)
        if not np.isfinite(new).all():
            raise UserError(
                f"round {round_number}: the new weights are not finite; nothing was saved over the "
                "last checkpoint. Try a smaller --learning-rate"
            )
        return new

    def state(self) -> dict[str, Vector]:
        """Return the strategy's state; empty for strategies without one."""
        moments = {
            "m": getattr(self.strategy, "m_t", None),
            "v": getattr(self.strategy, "v_t", None),
        }
        return {name: value["weights"] for name, value in moments.items() if value}

    def load_state(self, state: dict[str, Vector]) -> None:
        """Load the output of `state`."""
        if isinstance(self.strategy, FedAdam) and state:
            self.strategy.m_t = {"weights": state["m"]}
            self.strategy.v_t = {"weights": state["v"]}


def _reply(weights: Vector, one: AcceptedReply) -> Message:
    """Return a reply as Flower's strategies expect it: with new weights instead of an update."""
    content = RecordDict(
        {
            "arrays": ArrayRecord({"weights": Array(weights + one.update)}),
            "metrics": MetricRecord({"num-examples": one.weight}),
        }
    )
    return Message(content, dst_node_id=one.node_id, message_type=MessageType.TRAIN)
