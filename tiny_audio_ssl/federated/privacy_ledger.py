"""privacy.jsonl in a run folder: every requested update, written before the request."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tiny_audio_ssl.federated.privacy import Spent, accounted_noise
from tiny_audio_ssl.federated.run_files import LEDGER
from tiny_audio_ssl.models.checkpoint import Checkpoint
from tiny_audio_ssl.utils.files import atomic_file, explained


class PrivacyLedger:
    """Count how many updates each client may have sent in the whole run.

    A client that was asked may have sent its update, whether or not it arrived, was valid, or came
    in time, and whether or not the round counted. A round that is repeated after a crash is asked
    for again. A line holds the round, and the updates asked for so far of each node in it.

    A node that is new may be a client that was known by another node id, as ids change when clients
    or the server start again without keys. So it inherits the largest count of those nodes that
    have given no sign of life since it connected: that neither connected nor answered.

    Args:
        run: folder of the run.
        rounds_done: rounds that the run has made. Those without a line, as older versions wrote
            none, count for every client.
    """

    def __init__(self, run: Path, rounds_done: int = 0) -> None:
        self.path = run / LEDGER
        self.asked: dict[str, int] = {}  # updates by node id
        self._clock = 0  # of `ask`
        self._unfinished = False  # whether the file's last line is cut
        self._connected: dict[str, int] = {}  # time at which a node was first connected
        self._alive: dict[str, int] = {}  # time at which it last connected or answered
        lines = self._lines()
        for line in lines:
            self.asked |= line["asked"]
        logged = {line["round"] for line in lines}
        self._unlogged = sum(number not in logged for number in range(1, rounds_done + 1))
        self._rounds = len(lines)

    @property
    def rounds(self) -> int:
        """Rounds in which clients were asked; one that was repeated counts twice."""
        return self._rounds + self._unlogged

    @property
    def most_of_a_client(self) -> int:
        """Number of updates requested from the client that was asked most often."""
        return max(self.asked.values(), default=0) + self._unlogged

    def ask(self, number: int, node_ids: Iterable[int], connected: Iterable[int]) -> None:
        """Write to disk that these nodes are about to be asked for an update in round `number`."""
        self._clock += 1
        for node in map(str, connected):
            self._connected.setdefault(node, self._clock)
            self._alive.setdefault(node, self._clock)
        asked = {name: self._so_far(name) + 1 for name in map(str, node_ids)}
        with explained(self.path):
            self._append({"round": number, "asked": asked})
        self.asked |= asked
        self._rounds += 1

    def _append(self, line: dict[str, Any]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self._unfinished:
            whole = self._lines()
            with atomic_file(self.path) as work:
                work.write_text("".join(json.dumps(one) + "\n" for one in whole))
        self._unfinished = True  # until it is on the disk
        with self.path.open("a") as file:
            file.write(json.dumps(line) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self._unfinished = False

    def note_answers(self, node_ids: Iterable[int]) -> None:
        """Record which nodes replied, and are thus still connected."""
        self._alive |= dict.fromkeys(map(str, node_ids), self._clock)

    def _so_far(self, node: str) -> int:
        if node in self.asked:
            return self.asked[node]
        since = self._connected.get(node, self._clock)
        gone = [n for one, n in self.asked.items() if self._alive.get(one, 0) < since]
        return max(gone, default=0)

    def _lines(self) -> list[dict[str, Any]]:
        """Read the lines, but for a last one that a killed process did not finish, as nothing was
        sent before it was."""
        if not self.path.is_file():
            return []
        lines = self.path.read_text().splitlines(keepends=True)
        if lines and not lines[-1].endswith("\n"):
            self._unfinished = True
            lines.pop()
        return [json.loads(line) for line in lines]


def spent_by_start(start: Checkpoint) -> list[Spent]:
    """Return what the run of a checkpoint has spent, and the runs that it started from.

    Devices are not known from one run to the next. So those of all these runs count as the same,
    and what was asked of the busiest in each adds up. All rounds of the run count, also those after
    the checkpoint. A federated run without privacy has spent updates without noise.
    """
    settings, progress = start.run.get("federated"), start.progress.get("federated")
    if settings is None or progress is None:
        return []
    before = [(noise, count) for noise, count in progress.get("spent_before") or ()]
    kind = settings["privacy"]
    count = progress["round"]
    if kind != "none":
        ledger = PrivacyLedger(start.folder.parents[1], progress["round"])
        asked = ledger.most_of_a_client if kind == "local" else ledger.rounds
        count = max(progress["releases"], asked)
    return [*before, (accounted_noise(kind, settings["noise_multiplier"]), count)]
