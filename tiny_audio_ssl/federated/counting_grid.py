"""What goes over the wire: a grid that counts, and remembers who failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from flwr.app import Message, RecordDict
from flwr.serverapp import Grid

from tiny_audio_ssl.federated.reply_validation import last_line
from tiny_audio_ssl.federated.update_encoding import payload_bytes


class CountingGrid:
    """The one method of Flower's grid that rounds need, and what it saw since `reset`."""

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self.reset()

    def reset(self) -> None:
        self.down: Counter[int] = Counter()  # bytes sent to each node
        self.up: Counter[int] = Counter()  # bytes received from each node
        self.failed: dict[int, str] = {}

    def send_and_receive(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> list[Message]:
        """As Flower's; replies in the order of the nodes, so that sums do not depend on who was
        first."""
        sent = list(messages)
        for message in sent:
            self.down[message.metadata.dst_node_id] += content_bytes(message.content)
        replies = list(self.grid.send_and_receive(sent, timeout=timeout))
        for reply in replies:
            node = reply.metadata.src_node_id
            if reply.has_error():
                self.failed[node] = last_line(reply.error.reason)
            else:
                self.up[node] += content_bytes(reply.content)
        return sorted(replies, key=lambda reply: reply.metadata.src_node_id)


def content_bytes(content: RecordDict) -> int:
    """Arrays, and what SecAgg+ sends as bytes; names and numbers beside them are a few hundred."""
    arrays = sum(payload_bytes(record) for record in content.array_records.values())
    values = (v for record in content.config_records.values() for v in record.values())
    return arrays + sum(_bytes_in(value) for value in values)


def _bytes_in(value: object) -> int:
    if isinstance(value, bytes):
        return len(value)
    return sum(map(_bytes_in, value)) if isinstance(value, list) else 0
