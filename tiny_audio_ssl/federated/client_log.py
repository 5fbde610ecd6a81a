"""clients.jsonl in a run folder: one line per client and round."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from tiny_audio_ssl.federated.counting_grid import CountingGrid
from tiny_audio_ssl.federated.reply_validation import AcceptedReply, RefusedReply
from tiny_audio_ssl.federated.run_files import CLIENTS
from tiny_audio_ssl.utils.files import atomic_file, explained


class ClientLog:
    """Bytes and norm of each update, and the reason why a client was left out of a round."""

    def __init__(self, run: Path) -> None:
        self.path = run / CLIENTS

    def write(
        self,
        round_number: int,
        clients: Mapping[int, int],
        grid: CountingGrid,
        accepted: Sequence[AcceptedReply],
        refused: Sequence[RefusedReply],
    ) -> None:
        """Append a round; `clients` maps the node ids of the round to client indices."""
        norms = {one.node_id: one.norm for one in accepted}
        reasons = {one.node_id: one.reason for one in refused}
        with explained(self.path), self.path.open("a") as file:
            for node_id, client_index in clients.items():
                line: dict[str, object] = {
                    "round": round_number,
                    "client": client_index,
                    "node_id": str(node_id),
                    "up_bytes": grid.up_bytes[node_id],
                    "down_bytes": grid.down_bytes[node_id],
                }
                if node_id in norms:
                    line["norm"] = norms[node_id]
                if node_id in reasons:
                    line["left_out"] = reasons[node_id]
                file.write(json.dumps(line) + "\n")

    def last_reasons(self) -> dict[int, str]:
        """Return the latest reason why each client was left out, by client index."""
        lines = self.path.read_text().splitlines() if self.path.is_file() else []
        records = [json.loads(line) for line in lines]
        return {one["client"]: one["left_out"] for one in records if "left_out" in one}

    def drop_after(self, round_number: int) -> None:
        """Remove the lines of a round that was cut off before its checkpoint: it is repeated."""
        if not self.path.is_file():
            return
        lines = self.path.read_text().splitlines(keepends=True)
        kept = [
            line
            for line in lines
            if line.endswith("\n") and json.loads(line)["round"] <= round_number
        ]
        with atomic_file(self.path) as work:
            work.write_text("".join(kept))
