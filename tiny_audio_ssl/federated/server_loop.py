"""The server's loop: draw devices, send, inspect, aggregate, judge, save; round after round."""

from __future__ import annotations

import json
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
from tiny_audio_ssl.federated.config import FederatedConfig
from tiny_audio_ssl.federated.counting_grid import CountingGrid
from tiny_audio_ssl.federated.global_model import GlobalModel
from tiny_audio_ssl.federated.reply_validation import (
    Accepted,
    Refused,
    Unfit,
    checked_metrics,
    inspect,
)
from tiny_audio_ssl.federated.secure_aggregation import secure_mean
from tiny_audio_ssl.federated.strategies import Aggregation
from tiny_audio_ssl.training.metrics_log import MetricsLog

DEVICES = "devices.jsonl"  # in the run's folder: each device of each round, and how it went


@dataclass(frozen=True)
class Answers:
    """What a round brought: updates, or with secure aggregation their mean as the only one."""

    accepted: list[Accepted]
    refused: list[Refused]
    nodes: list[int]  # whose updates are in `accepted`
    loss: float | None


class Federation:
    """One run on a grid of devices. `say` is told what happens, a line at a time."""

    def __init__(
        self,
        config: FederatedConfig,
        grid: Grid,
        context: Context,
        say: Callable[[str], None] = print,
    ) -> None:
        self.config, self.context, self.say = config, context, say
        self.nodes_of = grid.get_node_ids
        self.grid: Any = CountingGrid(grid)
        self.model = GlobalModel.open(config)
        if config.probe_every:
            _ = self.model.labelled  # what is wrong with the labels is said now, not after a round
        self.aggregation = Aggregation(config)
        self.aggregation.load_state(self.model.strategy_state)
        self.privacy = privacy.CentralPrivacy(config, self.model.progress.clipping_norm)
        self.ranks: dict[int, int] = {}

    def run(self) -> Path:
        """All rounds that are left; returns the folder of the last checkpoint.

        Raises `UserError` when too few devices are connected for `round_timeout_s`.
        """
        config, progress = self.config, self.model.progress
        if progress.round == 0:
            self.model.save({}, None)
        self._forget_after(progress.round)
        with MetricsLog(Path(config.out), progress.round, config.rounds, show=False) as log:
            while progress.round < config.rounds:
                began = time.perf_counter()
                numbers = self._round(progress.round + 1)
                log.write(progress.round, {**numbers, "speed/round_s": time.perf_counter() - began})
        return self.model.folder.step_folder(progress.round)

    def _round(self, number: int) -> dict[str, float]:
        self.grid.reset()
        nodes = self._draw(number)
        answers = self._train(number, nodes)
        good = len(answers.nodes) >= self.config.min_clients
        if good:
            self._take(number, answers)
        else:
            self.say(f"round {number}: {len(answers.nodes)} answers, too few; the weights stay")
        progress = self.model.progress
        progress.round = number
        progress.up_bytes += sum(self.grid.up.values())
        progress.down_bytes += sum(self.grid.down.values())
        numbers = self._numbers(answers)
        self._note(number, nodes, answers)
        loss = (
            self._evaluate(number, nodes) if self._due(number, self.config.evaluate_every) else None
        )
        if loss is not None:
            numbers["validation/loss"] = loss
        self.model.save(self.aggregation.state(), loss)
        if self._due(number, self.config.probe_every):
            numbers["probe/accuracy"] = self.model.probe()
        self.say(f"round {number}: " + ", ".join(f"{k} {v:.4g}" for k, v in numbers.items()))
        return numbers

    def _due(self, number: int, every: int) -> bool:
        return every > 0 and (number % every == 0 or number == self.config.rounds)

    def _draw(self, number: int) -> list[int]:
        """Devices of a round. A simulation numbers its nodes anew each time, so that the draw is
        of ranks, by the seed; the rank also says which part of the corpus a simulated device has.
        """
        wanted = self.config.clients if not self.ranks else self.config.min_clients
        nodes = self._wait_for(wanted)
        self.ranks = {node: rank for rank, node in enumerate(nodes)}
        count = min(self.config.per_round, len(nodes))
        rng = np.random.default_rng([self.config.seed, 4, number])
        return [nodes[i] for i in sorted(rng.choice(len(nodes), count, replace=False))]

    def _wait_for(self, count: int) -> list[int]:
        deadline = time.monotonic() + self.config.round_timeout_s
        while len(nodes := sorted(self.nodes_of())) < count:
            if time.monotonic() > deadline:
                raise UserError(
                    f"{len(nodes)} devices are connected, {count} are needed, for "
                    f"{self.config.round_timeout_s:g} s; start more, or lower clients, min-clients"
                )
            time.sleep(0.2)
        return nodes

    def _contents(self, number: int, nodes: Sequence[int]) -> dict[int, RecordDict]:
        arrays = ArrayRecord(
            {"weights": Array(self.model.weights), "fixed": Array(self.model.fixed)}
        )
        return {
            node: RecordDict(
                {
                    "arrays": arrays,
                    "config": ConfigRecord({"round": number, "rank": self.ranks[node]}),
                }
            )
            for node in nodes
        }

    def _send(self, number: int, nodes: Sequence[int], kind: str) -> list[Message]:
        contents = self._contents(number, nodes)
        messages = [
            Message(content, dst_node_id=node, message_type=kind, group_id=str(number))
            for node, content in contents.items()
        ]
        replies: list[Message] = self.grid.send_and_receive(
            messages, timeout=self.config.round_timeout_s
        )
        return replies

    def _train(self, number: int, nodes: Sequence[int]) -> Answers:
        if self.config.secure_aggregation:
            return self._train_securely(number, nodes)
        replies = self._send(number, nodes, MessageType.TRAIN)
        size = len(self.model.weights)
        accepted, refused = inspect(replies, nodes, number, size, self.config)
        losses = [(one.weight, one.metrics["loss"]) for one in accepted if "loss" in one.metrics]
        return Answers(accepted, refused, [one.node for one in accepted], _mean(losses))

    def _train_securely(self, number: int, nodes: Sequence[int]) -> Answers:
        contents = self._contents(number, nodes)
        mean = secure_mean(self.grid, self.context, self.config, contents, number)
        done = mean.nodes if mean else []
        silent = "its share of the secrets did not come; see secagg-threshold"
        refused = [Refused(n, self.grid.failed.get(n, silent)) for n in nodes if n not in done]
        if mean is None:
            return Answers([], refused, [], None)
        losses = [
            (weight, metrics["loss"])
            for weight, metrics in zip(mean.weights, mean.metrics, strict=True)
            if "loss" in metrics
        ]
        return Answers([Accepted(0, mean.update, 1, {})], refused, sorted(done), _mean(losses))

    def _take(self, number: int, answers: Answers) -> None:
        accepted, progress = answers.accepted, self.model.progress
        if self.config.privacy.startswith("central"):
            if self.config.secure_aggregation:
                mean = self.privacy.noised(accepted[0].update, len(answers.nodes))
            else:
                mean = self.privacy.mean([one.update for one in accepted])
            accepted = [replace(accepted[0], update=mean, weight=1)]
            progress.clipping_norm = self.privacy.clipping_norm
        weights = self.aggregation.new_weights(number, self.model.weights, accepted)
        self.model.become(weights)
        progress.releases += 1
        counts = progress.taken_part = progress.taken_part or {}
        for node in answers.nodes:
            name = str(self.ranks[node])
            counts[name] = counts.get(name, 0) + 1

    def _numbers(self, answers: Answers) -> dict[str, float]:
        config, progress = self.config, self.model.progress
        numbers = {
            "devices/accepted": float(len(answers.nodes)),
            "devices/left_out": float(len(answers.refused)),
            "traffic/up_bytes": float(sum(self.grid.up.values())),
            "traffic/down_bytes": float(sum(self.grid.down.values())),
            "traffic/total_mb": (progress.up_bytes + progress.down_bytes) / 1e6,
        }
        if answers.loss is not None:
            numbers["train/loss"] = answers.loss
        if config.privacy != "none":
            counts = progress.taken_part or {}
            local = max(counts.values(), default=0)
            releases = local if config.privacy == "local" else progress.releases
            numbers["privacy/epsilon"] = privacy.epsilon(config, releases)
            numbers["privacy/clipping_norm"] = self.privacy.clipping_norm
        return numbers

    def _evaluate(self, number: int, nodes: Sequence[int]) -> float | None:
        """Mean pretext loss of the round's devices, on the new weights; None if private: a loss
        is not clipped and has no noise."""
        if self.config.privacy != "none":
            return None
        found = []
        for reply in self._send(number, nodes, MessageType.EVALUATE):
            if reply.has_error():
                continue
            try:
                numbers = checked_metrics(reply.content.metric_records["metrics"], number)
                weight = min(int(numbers["num-examples"]), self.config.max_weight)
                found.append((weight, numbers["loss"]))
            except (Unfit, KeyError) as error:
                self.say(f"round {number}: evaluation of {reply.metadata.src_node_id}: {error}")
        return _mean(found)

    def _note(self, number: int, nodes: Sequence[int], answers: Answers) -> None:
        """A line for each device of the round."""
        reasons = {one.node: one.reason for one in answers.refused}
        norms = {one.node: one.norm for one in answers.accepted}
        lines = []
        for node in nodes:
            line: dict[str, Any] = {
                "round": number,
                "device": self.ranks[node],
                "node": str(node),
                "up_bytes": self.grid.up[node],
                "down_bytes": self.grid.down[node],
            }
            if node in norms:
                line["norm"] = norms[node]
            if node in reasons:
                line["left_out"] = reasons[node]
                name = f"device {self.ranks[node]} (node {node})"
                self.say(f"round {number}: {name} left out: {reasons[node]}")
            lines.append(json.dumps(line) + "\n")
        with (Path(self.config.out) / DEVICES).open("a") as file:
            file.writelines(lines)

    def _forget_after(self, number: int) -> None:
        """Lines of a round that was cut off before its checkpoint: it is done again."""
        path = Path(self.config.out) / DEVICES
        if path.is_file():
            lines = path.read_text().splitlines(keepends=True)
            kept = [
                line
                for line in lines
                if line.endswith("\n") and json.loads(line)["round"] <= number
            ]
            path.write_text("".join(kept))


def _mean(weighted: Sequence[tuple[int, float]]) -> float | None:
    total = sum(weight for weight, _ in weighted)
    return sum(weight * value for weight, value in weighted) / total if total else None
