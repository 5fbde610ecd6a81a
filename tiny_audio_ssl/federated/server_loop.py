"""The server's loop: draw clients, send, validate, aggregate, evaluate, save; round after round."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Message, MessageType, RecordDict
from flwr.serverapp import Grid

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.federated import privacy
from tiny_audio_ssl.federated.client_log import ClientLog
from tiny_audio_ssl.federated.config import FederatedConfig
from tiny_audio_ssl.federated.counting_grid import CountingGrid
from tiny_audio_ssl.federated.global_model import GlobalModel
from tiny_audio_ssl.federated.privacy_ledger import PrivacyLedger
from tiny_audio_ssl.federated.reply_validation import (
    AcceptedReply,
    InvalidReplyError,
    RefusedReply,
    checked_metrics,
    last_line,
    validate_replies,
)
from tiny_audio_ssl.federated.secure_aggregation import secure_mean
from tiny_audio_ssl.federated.strategies import Aggregation
from tiny_audio_ssl.training.clip_counts import FEWEST_HELD_OUT
from tiny_audio_ssl.training.metrics_log import MetricsLog


@dataclass(frozen=True)
class RoundReplies:
    """A round's updates; with secure aggregation, their mean is the only accepted one."""

    accepted: list[AcceptedReply]
    refused: list[RefusedReply]
    node_ids: list[int]  # of the clients whose updates are in `accepted`
    loss: float | None


class Federation:
    """One run on a grid of clients. `log` is called with a line for each event."""

    def __init__(
        self,
        config: FederatedConfig,
        grid: Grid,
        context: Context,
        log: Callable[[str], None] = print,
    ) -> None:
        self.config, self.context, self.log = config, context, log
        self.connected = grid.get_node_ids
        self.grid: Any = CountingGrid(grid)
        self.model = GlobalModel.open(config)
        if config.probe_every:
            _ = self.model.labeled  # so that a fault of the labels shows now, not after a round
        self.aggregation = Aggregation(config)
        self.aggregation.load_state(self.model.strategy_state)
        self.privacy = privacy.CentralPrivacy(config, self.model.progress.clipping_norm)
        self.ledger = PrivacyLedger(Path(config.out), self.model.progress.round)
        self.client_log = ClientLog(Path(config.out))
        self.client_indices: dict[int, int] = {}  # by node id
        self._evaluated_on = 0  # recordings of the clients in the last evaluation

    def run(self) -> Path:
        """Run all rounds that are left; returns the folder of the last checkpoint.

        Raises `UserError` when too few clients are connected for `round_timeout_s`.
        """
        config, progress = self.config, self.model.progress
        if progress.round == 0:
            self.model.save({}, None)
        if config.privacy != "none" and progress.spent_before:
            self.log(
                f"epsilon includes what {config.start} and the runs behind it have spent: their "
                "devices may be the same"
            )
        self.client_log.drop_after(progress.round)
        with MetricsLog(Path(config.out), progress.round, config.rounds, show=False) as log:
            while progress.round < config.rounds:
                began = time.perf_counter()
                metrics = self._round(progress.round + 1)
                log.write(progress.round, {**metrics, "speed/round_s": time.perf_counter() - began})
        return self.model.folder.step_folder(progress.round)

    def check_learned(self) -> None:
        """Raise `UserError`, in one line, if no round has changed the weights, and say why."""
        if self.model.progress.rounds_learned:
            return
        last = self.client_log.last_reasons()
        reasons = "; ".join(f"client {index}: {reason}" for index, reason in last.items())
        raise UserError(
            f"none of {self.config.rounds} rounds changed the weights, so the model has learned "
            f"nothing. Each needs valid updates of {self.config.min_clients} clients (min-clients)."
            f" {reasons or 'All updates were zero; raise learning-rate or local-steps'}"
        )

    def _round(self, number: int) -> dict[str, float]:
        self.grid.reset()
        node_ids = self._draw_clients(number)
        if self.config.privacy != "none":
            self.ledger.ask(number, node_ids, self.connected())
        replies = self._train(number, node_ids)
        self.ledger.note_answers(self.grid.answered)
        if len(replies.node_ids) >= self.config.min_clients:
            self._aggregate(number, replies)
        else:
            self.log(
                f"round {number}: {len(replies.node_ids)} valid replies, fewer than min-clients "
                f"({self.config.min_clients}); the weights stay"
            )
        progress = self.model.progress
        progress.round = number
        progress.up_bytes += sum(self.grid.up_bytes.values())
        progress.down_bytes += sum(self.grid.down_bytes.values())
        self.model.progress.releases = self._releases()
        metrics = self._metrics(replies)
        self._log_clients(number, node_ids, replies)
        loss = self._evaluate(number, node_ids) if self._is_due("evaluate_every", number) else None
        if loss is not None:
            metrics["validation/loss"] = loss
        enough = self._evaluated_on >= FEWEST_HELD_OUT
        self.model.save(self.aggregation.state(), loss if enough else None)
        if self._is_due("probe_every", number):
            metrics["probe/accuracy"] = self.model.probe()
        self.log(f"round {number}: " + ", ".join(f"{k} {v:.4g}" for k, v in metrics.items()))
        return metrics

    def _is_due(self, setting: str, number: int) -> bool:
        every = getattr(self.config, setting)
        return every > 0 and (number % every == 0 or number == self.config.rounds)

    def _draw_clients(self, number: int) -> list[int]:
        """Return the node ids of a round's clients, drawn by the seed.

        Flower gives simulated nodes new ids in each run, so that indices are drawn; the index also
        says which part of the corpus a simulated client has.
        """
        wanted = self.config.clients if not self.client_indices else self.config.min_clients
        node_ids = self._wait_for_clients(wanted)
        self.client_indices = {node_id: index for index, node_id in enumerate(node_ids)}
        count = min(self.config.per_round, len(node_ids))
        rng = np.random.default_rng([self.config.seed, 4, number])
        return [node_ids[i] for i in sorted(rng.choice(len(node_ids), count, replace=False))]

    def _wait_for_clients(self, count: int) -> list[int]:
        deadline = time.monotonic() + self.config.round_timeout_s
        while len(node_ids := sorted(self.connected())) < count:
            if time.monotonic() > deadline:
                raise UserError(
                    f"{len(node_ids)} clients were connected within "
                    f"{self.config.round_timeout_s:g} s, {count} are needed; start more, or lower "
                    "clients and min-clients"
                )
            time.sleep(0.2)
        return node_ids

    def _contents(self, number: int, node_ids: Sequence[int]) -> dict[int, RecordDict]:
        """Return the round's message to each node."""
        weights, fixed = Array(self.model.weights), Array(self.model.fixed)
        arrays = ArrayRecord({"weights": weights, "fixed": fixed})
        contents = {}
        for node_id in node_ids:
            client = ConfigRecord({"round": number, "client": self.client_indices[node_id]})
            contents[node_id] = RecordDict({"arrays": arrays, "config": client})
        return contents

    def _send(self, number: int, node_ids: Sequence[int], message_type: str) -> list[Message]:
        messages = [
            Message(content, dst_node_id=node_id, message_type=message_type, group_id=str(number))
            for node_id, content in self._contents(number, node_ids).items()
        ]
        replies: list[Message] = self.grid.send_and_receive(
            messages, timeout=self.config.round_timeout_s
        )
        return replies

    def _train(self, number: int, node_ids: Sequence[int]) -> RoundReplies:
        if self.config.secure_aggregation:
            return self._train_securely(number, node_ids)
        replies = self._send(number, node_ids, MessageType.TRAIN)
        size = len(self.model.weights)
        accepted, refused = validate_replies(replies, node_ids, number, size, self.config)
        losses = [(one.weight, one.metrics["loss"]) for one in accepted if "loss" in one.metrics]
        return RoundReplies(accepted, refused, [one.node_id for one in accepted], _mean(losses))

    def _train_securely(self, number: int, node_ids: Sequence[int]) -> RoundReplies:
        contents = self._contents(number, node_ids)
        mean = secure_mean(self.grid, self.context, self.config, contents, number)
        done = mean.node_ids if mean else []
        silent = "its share of the secrets is missing; see secagg-threshold"
        errors = self.grid.errors
        refused = [RefusedReply(n, errors.get(n, silent)) for n in node_ids if n not in done]
        if mean is None:
            return RoundReplies([], refused, [], None)
        losses = [
            (weight, metrics["loss"])
            for weight, metrics in zip(mean.weights, mean.metrics, strict=True)
            if "loss" in metrics
        ]
        accepted = [AcceptedReply(0, mean.update, 1, {})]
        return RoundReplies(accepted, refused, sorted(done), _mean(losses))

    def _aggregate(self, number: int, replies: RoundReplies) -> None:
        accepted, progress = replies.accepted, self.model.progress
        if self.config.privacy.startswith("central"):
            if self.config.secure_aggregation:
                mean = self.privacy.add_noise(accepted[0].update, len(replies.node_ids))
            else:
                mean = self.privacy.mean([one.update for one in accepted])
            accepted = [replace(accepted[0], update=mean, weight=1)]
            progress.clipping_norm = self.privacy.clipping_norm
        weights = self.aggregation.new_weights(number, self.model.weights, accepted)
        progress.rounds_learned += not np.array_equal(weights, self.model.weights)
        self.model.load_weights(weights)
        counts = progress.taken_part = progress.taken_part or {}
        for node_id in replies.node_ids:
            name = str(self.client_indices[node_id])
            counts[name] = counts.get(name, 0) + 1

    def _metrics(self, replies: RoundReplies) -> dict[str, float]:
        config, progress = self.config, self.model.progress
        metrics = {
            "clients/accepted": float(len(replies.node_ids)),
            "clients/left_out": float(len(replies.refused)),
            "traffic/up_bytes": float(sum(self.grid.up_bytes.values())),
            "traffic/down_bytes": float(sum(self.grid.down_bytes.values())),
            "traffic/total_mb": (progress.up_bytes + progress.down_bytes) / 1e6,
        }
        if replies.loss is not None:
            metrics["train/loss"] = replies.loss
        if config.privacy != "none":
            metrics["privacy/epsilon"] = privacy.epsilon(
                config, progress.releases, progress.spent_before or ()
            )
            metrics["privacy/clipping_norm"] = self.privacy.clipping_norm
        return metrics

    def _releases(self) -> int:
        """Return how often the privacy budget was spent: every requested update counts."""
        if self.config.privacy == "none":
            return 0
        local = self.config.privacy == "local"
        return self.ledger.most_of_a_client if local else self.ledger.rounds

    def _evaluate(self, number: int, node_ids: Sequence[int]) -> float | None:
        """Return the new weights' mean pretext loss on the round's clients; None if private, as a
        loss is neither clipped nor noised."""
        if self.config.privacy != "none":
            return None
        losses = []
        for reply in self._send(number, node_ids, MessageType.EVALUATE):
            if reply.has_error():
                self.log(
                    f"round {number}: evaluation of client "
                    f"{self.client_indices.get(reply.metadata.src_node_id)} left out: "
                    f"{last_line(reply.error.reason)}"
                )
                continue
            try:
                metrics = checked_metrics(reply.content.metric_records["metrics"], number)
                weight = min(int(metrics["num-examples"]), self.config.max_weight)
                losses.append((weight, metrics["loss"]))
            except (InvalidReplyError, KeyError) as error:
                self.log(f"round {number}: evaluation of {reply.metadata.src_node_id}: {error}")
        self._evaluated_on = sum(weight for weight, _ in losses)
        return _mean(losses)

    def _log_clients(self, number: int, node_ids: Sequence[int], replies: RoundReplies) -> None:
        clients = {node_id: self.client_indices[node_id] for node_id in node_ids}
        self.client_log.write(number, clients, self.grid, replies.accepted, replies.refused)
        for one in replies.refused:
            if one.node_id in clients:
                name = f"client {clients[one.node_id]} (node {one.node_id})"
                self.log(f"round {number}: {name} left out: {one.reason}")


def _mean(weighted: Sequence[tuple[int, float]]) -> float | None:
    total = sum(weight for weight, _ in weighted)
    return sum(weight * value for weight, value in weighted) / total if total else None
