"""Which replies count: a lying, broken or late device is refused, and named."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np
from flwr.app import ArrayRecord, Message, MetricRecord

from tiny_audio_ssl.federated.config import FederatedConfig
from tiny_audio_ssl.federated.model_vectors import Vector
from tiny_audio_ssl.federated.update_encoding import decode


@dataclass(frozen=True)
class Accepted:
    node: int
    update: Vector
    weight: int
    metrics: dict[str, float]

    @property
    def norm(self) -> float:
        return float(np.linalg.norm(self.update))


@dataclass(frozen=True)
class Refused:
    node: int
    reason: str


class Unfit(Exception):
    """Why a reply does not count."""


def inspect(
    replies: Iterable[Message],
    asked: Collection[int],
    round_number: int,
    size: int,
    config: FederatedConfig,
) -> tuple[list[Accepted], list[Refused]]:
    """The replies to a round's training that count, and who is left out, both by node.

    Left out are: errors; answers to another round, of nodes that were not asked or asked once and
    answered twice; arrays of other names, types or sizes than the settings say; numbers that are
    not finite; updates far larger than the median; nodes that did not answer.
    """
    accepted: dict[int, Accepted] = {}
    refused: list[Refused] = []
    for reply in replies:
        node = reply.metadata.src_node_id
        try:
            if node not in asked:
                raise Unfit("was not asked")
            if node in accepted:
                raise Unfit("answered twice")
            accepted[node] = _read(reply, round_number, size, config)
        except Unfit as reason:
            refused.append(Refused(node, str(reason)))
    silent = set(asked) - set(accepted) - {one.node for one in refused}
    refused += [Refused(n, f"no answer within {config.round_timeout_s:g} s") for n in silent]
    huge = _huge(list(accepted.values()), config.max_norm_ratio)
    kept = [one for node, one in sorted(accepted.items()) if node not in {r.node for r in huge}]
    return kept, sorted([*refused, *huge], key=lambda one: one.node)


def _read(reply: Message, round_number: int, size: int, config: FederatedConfig) -> Accepted:
    if reply.has_error():
        raise Unfit(f"failed: {last_line(reply.error.reason)}")
    content = reply.content
    if set(content) != {"arrays", "metrics"}:
        raise Unfit(f"sent {', '.join(content) or 'nothing'}; expected arrays, metrics")
    arrays, metrics = content["arrays"], content["metrics"]
    if not isinstance(arrays, ArrayRecord) or not isinstance(metrics, MetricRecord):
        raise Unfit("sent records of other kinds than asked for")
    numbers = checked_metrics(metrics, round_number)
    try:
        update = decode(arrays, config.encoding, size)
    except (ValueError, TypeError, EOFError) as error:
        raise Unfit(f"sent an update of another form: {error}") from error
    if not np.isfinite(update).all():
        raise Unfit(f"sent {np.count_nonzero(~np.isfinite(update))} numbers that are not finite")
    examples = 1 if config.privacy != "none" else numbers["num-examples"]
    weight = min(int(examples), config.max_weight)
    own = {k: v for k, v in numbers.items() if k not in ("round", "num-examples")}
    return Accepted(reply.metadata.src_node_id, update, weight, own)


def checked_metrics(metrics: MetricRecord, round_number: int) -> dict[str, float]:
    """The numbers of a reply. Raises `Unfit`: of another round, not finite, or not numbers."""
    for name, value in metrics.items():
        if isinstance(value, list) or not math.isfinite(value):
            raise Unfit(f"said that {name} is {value}")
    numbers = {name: float(value) for name, value in metrics.items() if not isinstance(value, list)}
    if numbers.get("round") != round_number:
        raise Unfit(f"answered for round {numbers.get('round', 'none'):g}, not {round_number}")
    if numbers.get("num-examples", 0) < 1:
        raise Unfit("said that it has no recordings")
    return numbers


def _huge(accepted: list[Accepted], ratio: float) -> list[Refused]:
    if len(accepted) < 3:  # of two, nobody can say which is wrong
        return []
    norms = np.array([one.norm for one in accepted])
    limit = ratio * float(np.median(norms))
    return [
        Refused(one.node, f"sent an update of norm {norm:.3g}; the limit is {limit:.3g}")
        for one, norm in zip(accepted, norms, strict=True)
        if limit > 0 and norm > limit
    ]


def last_line(reason: str | None) -> str:
    """The end of a traceback, or what was said, without what Flower wraps it in."""
    lines = [line.strip() for line in (reason or "").splitlines() if line.strip()]
    if not lines:
        return "without a reason"
    return lines[-1].rpartition("Message: ")[2].removesuffix("'>")[:300]
