"""A proxy that cuts connections in the middle, as a phone's network does."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator, Sequence

HOST = "127.0.0.1"
PIECE_BYTES = 65_536
GONE_S = 2.0


class CuttingProxy:
    """Passes bytes on to a port of this machine, in both directions.

    As often as the bytes of all connections together reach one of `cuts`, all open ones are cut,
    and no new one is accepted for `gone_s` seconds. `cuts` are those that are still to come.
    """

    def __init__(self, target: int, cuts: Sequence[int], gone_s: float = GONE_S) -> None:
        self.target, self.cuts, self.gone_s, self.passed = target, list(cuts), gone_s, 0
        self._gone_until = 0.0
        self._open: list[socket.socket] = []
        self._passing: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._listener = socket.create_server((HOST, 0))
        self.port = int(self._listener.getsockname()[1])
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def close(self) -> None:
        """End all connections and all threads."""
        self._listener.shutdown(socket.SHUT_RDWR)  # closing alone does not end `accept`
        self._listener.close()
        self._cut()
        for thread in [self._accepting, *self._passing]:
            thread.join(10)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                device = self._listener.accept()[0]
                if time.monotonic() < self._gone_until:
                    device.close()
                    continue
                server = socket.create_connection((HOST, self.target))
                self._open += [device, server]
                for source, sink in ((device, server), (server, device)):
                    passing = threading.Thread(target=self._pass, args=(source, sink), daemon=True)
                    self._passing.append(passing)
                    passing.start()

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(PIECE_BYTES):
                sink.sendall(piece)
                with self._lock:
                    self.passed += len(piece)
                    is_due = bool(self.cuts) and self.passed >= self.cuts[0]
                    if is_due:
                        self._gone_until = time.monotonic() + self.gone_s
                        self.cuts.pop(0)
                if is_due:
                    self._cut()
        source.close()
        sink.close()

    def _cut(self) -> None:
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._open.clear()


@contextlib.contextmanager
def cutting_proxy(
    target: int, cuts: Sequence[int], gone_s: float = GONE_S
) -> Iterator[CuttingProxy]:
    """Run a proxy for a block."""
    proxy = CuttingProxy(target, cuts, gone_s)
    try:
        yield proxy
    finally:
        proxy.close()
