"""A Flower grid that counts the bytes of each client and remembers its errors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from flwr.app import Message, RecordDict
from flwr.serverapp import Grid

from tiny_audio_ssl.federated.reply_validation import last_line
from tiny_audio_ssl.federated.update_encoding import payload_bytes


class CountingGrid:
    """`send_and_receive` of a grid, with counts by node id since the last `reset`."""

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self.reset()

    def reset(self) -> None:
        """Forget all counts and errors."""
        self.down_bytes: Counter[int] = Counter()
        self.up_bytes: Counter[int] = Counter()
        self.errors: dict[int, str] = {}
        self.answered: set[int] = set()  # nodes of which anything came back

    def send_and_receive(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> list[Message]:
        """Send and wait as Flower does. Replies are sorted by node id, so that sums don't depend on
        the order of arrival."""
        sent = list(messages)
        for message in sent:
            self.down_bytes[message.metadata.dst_node_id] += content_bytes(message.content)
        replies = list(self.grid.send_and_receive(sent, timeout=timeout))
        for reply in replies:
            node_id = reply.metadata.src_node_id
            self.answered.add(node_id)
            if reply.has_error():
                self.errors[node_id] = last_line(reply.error.reason)
            else:
                self.up_bytes[node_id] += content_bytes(reply.content)
        return sorted(replies, key=lambda reply: reply.metadata.src_node_id)


def content_bytes(content: RecordDict) -> int:
    """Return the bytes of arrays and of SecAgg+'s byte strings; the few hundred of names and
    numbers beside them are not counted."""
    arrays = sum(payload_bytes(record) for record in content.array_records.values())
    values = (v for record in content.config_records.values() for v in record.values())
    return arrays + sum(_bytes_in(value) for value in values)


def _bytes_in(value: object) -> int:
    if isinstance(value, bytes):
        return len(value)
    return sum(map(_bytes_in, value)) if isinstance(value, list) else 0
