"""The daemon's side of the adb protocol: connections and streams, and the shell service.

The protocol is that of packages/modules/adb: docs/dev/protocol.md and shell_protocol.h.
"""

from __future__ import annotations

import contextlib
import secrets
import socket
import socketserver
import struct
import threading
import time
from typing import TYPE_CHECKING

from support.fake_adb_files import FileService

if TYPE_CHECKING:
    from support.fake_phone import FakePhone

VERSION, MAX_DATA = 0x01000001, 256 * 1024
TOKEN, SIGNATURE, PUBLIC_KEY = 1, 2, 3
STDOUT, STDERR, EXIT = 1, 2, 3


class AdbServer(socketserver.ThreadingTCPServer):
    """The daemon of one phone, on a free port of the loopback interface."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, phone: FakePhone):
        super().__init__(("127.0.0.1", 0), _Connection)
        self.phone = phone


class _Connection(socketserver.BaseRequestHandler):
    """The transport: packets of a 24-byte header and a payload, shared by many streams."""

    server: AdbServer

    def setup(self) -> None:
        self.phone = self.server.phone
        self.lock = threading.Lock()
        self.streams: dict[int, Stream] = {}
        self.token = secrets.token_bytes(20)

    def handle(self) -> None:
        if self.phone.gone.is_set():
            return
        self.phone.sockets.append(self.request)
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(EOFError, OSError):
            while True:
                command, first, second, length, _, _ = struct.unpack("<4s5I", self._read(24))
                self._packet(command, first, second, self._read(length))
        for stream in self.streams.values():
            stream.end()

    def send(self, command: bytes, first: int, second: int, data: bytes = b"") -> None:
        magic = int.from_bytes(command, "little") ^ 0xFFFFFFFF
        header = struct.pack("<4s5I", command, first, second, len(data), sum(data), magic)
        with self.lock, contextlib.suppress(OSError):
            self.request.sendall(header + data)

    def _packet(self, command: bytes, first: int, second: int, data: bytes) -> None:
        if command == b"CNXN":
            if self.phone.asks:
                self.send(b"AUTH", TOKEN, 0, self.token)
            elif not self.phone.silent:
                self._welcome()
        elif command == b"AUTH":
            self._authorize(first, data)
        elif command == b"OPEN":
            number = len(self.streams) + 1
            stream = self.streams[number] = Stream(self, number, first)
            self.send(b"OKAY", number, first)
            service = data.rstrip(b"\0").decode()
            threading.Thread(target=stream.serve, args=[service], daemon=True).start()
        elif stream := self.streams.get(second):
            if command == b"WRTE":
                stream.feed(data)
                self.send(b"OKAY", second, first)
            elif command == b"OKAY":
                stream.writable.set()
            elif command == b"CLSE":
                stream.end()

    def _authorize(self, kind: int, data: bytes) -> None:
        if kind == SIGNATURE and self.phone.knows(data, self.token):
            self._welcome()
        elif kind == SIGNATURE:
            self.token = secrets.token_bytes(20)
            self.send(b"AUTH", TOKEN, 0, self.token)
        elif kind == PUBLIC_KEY and self.phone.asks == "allow":
            self.phone.trust(data)
            self._welcome()

    def _welcome(self) -> None:
        features = "shell_v2,cmd,stat_v2" if self.phone.shell_v2 else "cmd"
        banner = f"device::ro.product.name=fake;ro.product.model=Fake;features={features}"
        self.send(b"CNXN", VERSION, MAX_DATA, banner.encode())

    def _read(self, count: int) -> bytes:
        found = bytearray()
        while len(found) < count:
            part = self.request.recv(count - len(found))
            if not part:
                raise EOFError
            found += part
        return bytes(found)


class Stream:
    """One service on one connection."""

    def __init__(self, connection: _Connection, number: int, remote: int):
        self.connection, self.phone = connection, connection.phone
        self.number, self.remote = number, remote
        self.writable = threading.Event()
        self.writable.set()
        self.changed = threading.Condition()
        self.received = bytearray()
        self.ended = False

    def feed(self, data: bytes) -> None:
        with self.changed:
            self.received += data
            self.changed.notify()

    def end(self) -> None:
        with self.changed:
            self.ended = True
            self.changed.notify()
        self.writable.set()

    def serve(self, service: str) -> None:
        with contextlib.suppress(EOFError):
            if service.startswith("sync:"):
                FileService(self).serve()
            elif service.startswith("shell"):
                kind, _, command = service.partition(":")
                self._shell(command, v2=",v2" in kind)
        self.connection.send(b"CLSE", self.number, self.remote)

    def read(self, count: int) -> bytes:
        with self.changed:
            self.changed.wait_for(lambda: self.ended or len(self.received) >= count)
            if len(self.received) < count:
                raise EOFError
            found = bytes(self.received[:count])
            del self.received[:count]
            return found

    def write(self, data: bytes) -> None:
        for begin in range(0, len(data), MAX_DATA):
            self.writable.wait()
            if self.ended:
                raise EOFError
            self.writable.clear()
            part = data[begin : begin + MAX_DATA]
            self.connection.send(b"WRTE", self.number, self.remote, part)

    def _shell(self, command: str, v2: bool) -> None:
        shell = self.phone.start(command)
        if self.phone.goes_at and self.phone.goes_at in command:
            time.sleep(0.3)
            self.phone.go()
        if not v2:
            for line in shell.stdout:
                self.write(line.replace(b"\n", b"\r\n"))  # a terminal is between
            shell.wait()
            return
        errors = threading.Thread(target=self._pump, args=[shell.stderr, STDERR], daemon=True)
        errors.start()
        self._pump(shell.stdout, STDOUT)
        errors.join()
        self.write(struct.pack("<BIB", EXIT, 1, shell.wait() & 0xFF))

    def _pump(self, pipe, number: int) -> None:
        with contextlib.suppress(EOFError):
            while part := pipe.read1(16 * 1024):
                self.write(struct.pack("<BI", number, len(part)) + part)
