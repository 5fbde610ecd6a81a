"""Files of a federated run besides those of any run: two lists, and Flower's logs."""

from __future__ import annotations

from pathlib import Path

from tiny_audio_ssl.utils.files import atomic_file
from tiny_audio_ssl.utils.ownership import HEAD_BYTES, check_target, mark

CLIENTS = "clients.jsonl"  # see `client_log`
LEDGER = "privacy.jsonl"  # see `privacy_ledger`
LISTS = (CLIENTS, LEDGER)
COMMAND = "federate"
_OF_OLDER_VERSIONS = (b"flwr-serverapp", b"Flower SuperNode", b"Flower SuperLink")


def run_log(run: Path) -> Path:
    """Return the log of the server, or of `flwr run`, which shows its lines."""
    return run / "flower.log"


def superlink_log(logs: Path) -> Path:
    return logs / "superlink.log"


def supernode_log(logs: Path, number: int) -> Path:
    """Return the log of the SuperNode that was added as number 0, 1, ..."""
    return logs / f"supernode-{number}.log"


def logs_of(run: Path) -> Path:
    """Return the folder of all logs but that of the run."""
    return run / "logs"


def check_logs(run: Path, clients: int = 0) -> None:
    """Raise `UserError` for a file with the name of a log that `begin_logs` did not make."""
    for path in _paths(run, clients):
        check_target(path, _is_log, option="out")


def begin_logs(run: Path, clients: int = 0) -> None:
    """Start the log of the run and, with SuperNodes, theirs and the SuperLink's, in place of older
    ones.

    Raises `UserError` as `check_logs` does.
    """
    check_logs(run, clients)
    for old in logs_of(run).glob("supernode-*.log"):
        if _is_log(old):
            old.unlink()
    for path in _paths(run, clients):
        with atomic_file(path) as work:
            work.write_text(f"# {mark(COMMAND)}: the output of Flower\n")


def _paths(run: Path, clients: int) -> list[Path]:
    logs = logs_of(run)
    nodes = [supernode_log(logs, number) for number in range(clients)]
    return [run_log(run), *([superlink_log(logs), *nodes] if nodes else [])]


def _is_log(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    return head.startswith(f"# {mark(COMMAND)}".encode()) or any(
        text in head for text in _OF_OLDER_VERSIONS
    )
