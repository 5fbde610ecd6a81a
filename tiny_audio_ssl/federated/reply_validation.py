"""Validation of the clients' replies: false, broken and late ones are rejected, with a reason."""

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
class AcceptedReply:
    """A valid reply to a round's training."""

    node_id: int
    update: Vector
    weight: int  # number of recordings, within the limit
    metrics: dict[str, float]

    @property
    def norm(self) -> float:
        return float(np.linalg.norm(self.update))


@dataclass(frozen=True)
class RefusedReply:
    """A reply that was rejected or never arrived."""

    node_id: int
    reason: str


class InvalidReplyError(Exception):
    """A reply is invalid; the message says why."""


def validate_replies(
    replies: Iterable[Message],
    asked: Collection[int],
    round_number: int,
    size: int,
    config: FederatedConfig,
) -> tuple[list[AcceptedReply], list[RefusedReply]]:
    """Sort the replies to a round's training into valid and refused ones, both by node id.

    Rejected are: errors; replies of another round, of nodes that were not asked, and second
    replies; arrays whose names, types or sizes do not follow from the settings; numbers that are
    not finite; updates far larger than the median. Nodes in `asked` without a reply are rejected,
    too.
    """
    accepted: dict[int, AcceptedReply] = {}
    refused: list[RefusedReply] = []
    for reply in replies:
        node_id = reply.metadata.src_node_id
        try:
            if node_id not in asked:
                raise InvalidReplyError("was not asked")
            if node_id in accepted:
                raise InvalidReplyError("answered twice")
            accepted[node_id] = _checked_reply(reply, round_number, size, config)
        except InvalidReplyError as reason:
            refused.append(RefusedReply(node_id, str(reason)))
    silent = set(asked) - set(accepted) - {one.node_id for one in refused}
    no_answer = f"no answer within {config.round_timeout_s:g} s"
    refused += [RefusedReply(node_id, no_answer) for node_id in silent]
    huge = _with_huge_norm(list(accepted.values()), config.max_norm_ratio)
    for one in huge:
        del accepted[one.node_id]
    kept = [accepted[node_id] for node_id in sorted(accepted)]
    return kept, sorted([*refused, *huge], key=lambda one: one.node_id)


def _checked_reply(
    reply: Message, round_number: int, size: int, config: FederatedConfig
) -> AcceptedReply:
    if reply.has_error():
        raise InvalidReplyError(f"failed: {last_line(reply.error.reason)}")
    content = reply.content
    if set(content) != {"arrays", "metrics"}:
        raise InvalidReplyError(f"sent {', '.join(content) or 'nothing'}; expected arrays, metrics")
    arrays, metrics = content["arrays"], content["metrics"]
    if not isinstance(arrays, ArrayRecord) or not isinstance(metrics, MetricRecord):
        raise InvalidReplyError("sent records of other types than asked for")
    numbers = checked_metrics(metrics, round_number)
    try:
        update = decode(arrays, config.encoding, size)
    except (ValueError, TypeError, EOFError) as error:
        raise InvalidReplyError(f"sent an update of another form: {error}") from error
    if not np.isfinite(update).all():
        count = np.count_nonzero(~np.isfinite(update))
        raise InvalidReplyError(f"sent {count} numbers that are not finite")
    examples = 1 if config.privacy != "none" else numbers["num-examples"]
    weight = min(int(examples), config.max_weight)
    other = {k: v for k, v in numbers.items() if k not in ("round", "num-examples")}
    return AcceptedReply(reply.metadata.src_node_id, update, weight, other)


def checked_metrics(metrics: MetricRecord, round_number: int) -> dict[str, float]:
    """Return the numbers of a reply.

    Raises `InvalidReplyError`: another round, not finite, not numbers, or no recordings.
    """
    for name, value in metrics.items():
        if isinstance(value, list) or not math.isfinite(value):
            raise InvalidReplyError(f"reported {name} as {value}")
    numbers = {name: float(value) for name, value in metrics.items() if not isinstance(value, list)}
    if numbers.get("round") != round_number:
        found = f"{numbers['round']:g}" if "round" in numbers else "none"
        raise InvalidReplyError(f"answered for round {found}, not {round_number}")
    if numbers.get("num-examples", 0) < 1:
        raise InvalidReplyError("reported that it has no recordings")
    return numbers


def _with_huge_norm(accepted: list[AcceptedReply], ratio: float) -> list[RefusedReply]:
    if len(accepted) < 3:  # of two, nobody can say which is wrong
        return []
    norms = np.array([one.norm for one in accepted])
    limit = ratio * float(np.median(norms))
    return [
        RefusedReply(one.node_id, f"sent an update of norm {norm:.3g}; the limit is {limit:.3g}")
        for one, norm in zip(accepted, norms, strict=True)
        if limit > 0 and norm > limit
    ]


def last_line(reason: str | None) -> str:
    """Return the last line of a traceback or reason, without Flower's wrapping."""
    lines = [line.strip() for line in (reason or "").splitlines() if line.strip()]
    if not lines:
        return "without a reason"
    return lines[-1].rpartition("Message: ")[2].removesuffix("'>")[:300]
