"""SecAgg+ for this app's messages: the server learns the mean of the updates but no single update.

The protocol is Flower's (Bell et al. 2020, CCS, doi 10.1145/3372297.3417885), which offers it only
for its older interface. Messages are translated between the two here, on the client (`secure_mod`)
and on the server (`secure_mean`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Message, RecordDict
from flwr.clientapp.typing import ClientAppCallable
from flwr.serverapp import Grid

from tiny_audio_ssl.federated.config import FederatedConfig
from tiny_audio_ssl.federated.model_vectors import Vector
from tiny_audio_ssl.federated.update_encoding import decode


class UpdateRangeError(Exception):
    """An update has values that the protocol would clip."""


def secure_mod(message: Message, context: Context, call_next: ClientAppCallable) -> Message:
    """Mask the app's reply on the client, if the settings require it."""
    config = FederatedConfig.from_run_config(context.run_config)
    if not config.secure_aggregation:
        return call_next(message, context)
    from flwr.client.mod import secaggplus_mod

    def app(message: Message, context: Context) -> Message:
        return _call_translated(message, context, call_next, config)

    return secaggplus_mod(message, context, app)


def _call_translated(
    message: Message, context: Context, call_next: ClientAppCallable, config: FederatedConfig
) -> Message:
    from flwr.common import Code, FitRes, Status, ndarrays_to_parameters, parameters_to_ndarrays
    from flwr.compat.common import recorddict_compat as compat

    asked = compat.recorddict_to_fitins(message.content, keep_input=True)
    weights, fixed = parameters_to_ndarrays(asked.parameters)
    arrays = ArrayRecord({"weights": Array(weights), "fixed": Array(fixed)})
    message.content = RecordDict({"arrays": arrays, "config": ConfigRecord(dict(asked.config))})
    reply = call_next(message, context)
    update = decode(reply.content.array_records["arrays"], "float32", len(weights))
    metrics = dict(reply.content.metric_records["metrics"])
    _check_range(update, config.secagg_range)
    answer = FitRes(
        Status(Code.OK, ""),
        ndarrays_to_parameters([update]),
        int(str(metrics.pop("num-examples"))),
        {name: value for name, value in metrics.items() if not isinstance(value, list)},
    )
    return Message(compat.fitres_to_recorddict(answer, keep_input=False), reply_to=message)


def _check_range(update: Vector, largest: float) -> None:
    if not np.isfinite(update).all() or np.abs(update).max() > largest:
        raise UpdateRangeError(
            f"the update's largest value is {np.abs(update).max():.3g}, beyond secagg-range "
            f"{largest:g}; raise that"
        )


@dataclass(frozen=True)
class SecureMean:
    """The mean of a round's updates, and the replies' numbers."""

    update: Vector  # weighted mean
    node_ids: list[int]  # of the clients whose updates are in it
    metrics: list[dict[str, float]]
    weights: list[int]


def secure_mean(
    grid: Grid,
    context: Context,
    config: FederatedConfig,
    messages: Mapping[int, RecordDict],
    round_number: int,
) -> SecureMean | None:
    """Run one round of the protocol on the server; `messages` are those of plain training, by node.

    Returns None when too few clients survived to unmask the mean.
    """
    from flwr.common import FitIns, ndarrays_to_parameters
    from flwr.server import LegacyContext
    from flwr.server.workflow import SecAggPlusWorkflow
    from flwr.server.workflow.constant import (
        MAIN_CONFIGS_RECORD,
        MAIN_PARAMS_RECORD,
        Key,
    )

    instructions = []
    for node_id, content in messages.items():
        arrays = content.array_records["arrays"]
        parameters = ndarrays_to_parameters([arrays["weights"].numpy(), arrays["fixed"].numpy()])
        configuration: Any = dict(content.config_records["config"])
        instructions.append((SimpleNamespace(node_id=node_id), FitIns(parameters, configuration)))
    strategy: Any = _MeanStrategy(instructions)
    legacy = LegacyContext(context=context, strategy=strategy)
    legacy.state.config_records[MAIN_CONFIGS_RECORD] = ConfigRecord(
        {Key.CURRENT_ROUND: round_number}
    )
    legacy.state.array_records[MAIN_PARAMS_RECORD] = ArrayRecord()
    SecAggPlusWorkflow(
        num_shares=config.secagg_shares,
        reconstruction_threshold=config.secagg_threshold,
        max_weight=1.0 if config.privacy != "none" else float(config.max_weight),
        clipping_range=config.secagg_range,
        timeout=config.round_timeout_s,
    )(grid, legacy)
    result: SecureMean | None = strategy.result
    return result


class _MeanStrategy:
    """A strategy as the workflow expects it: it says whom to ask, and takes the mean."""

    def __init__(self, instructions: Sequence[Any]) -> None:
        self.instructions = instructions
        self.result: SecureMean | None = None

    def configure_fit(self, *_: Any) -> Sequence[Any]:
        return self.instructions

    def aggregate_fit(
        self, _: int, results: Sequence[Any], failures: Sequence[Any]
    ) -> tuple[None, dict[str, float]]:
        from flwr.common import parameters_to_ndarrays

        (update,) = parameters_to_ndarrays(results[0][1].parameters)  # all hold the mean
        self.result = SecureMean(
            update.astype(np.float32),
            [proxy.node_id for proxy, _ in results],
            [{name: float(value) for name, value in r.metrics.items()} for _, r in results],
            [r.num_examples for _, r in results],
        )
        return None, {}
