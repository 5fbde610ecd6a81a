"""A phone to test with: the daemon's side of the adb protocol on a loopback port.

Debian's `adb` connects to it as to a phone in the same network. Its storage is a folder; its shell
is the host's, with `/data`, `/sdcard`, `/proc` and `/sys` moved into that folder, `getprop`,
`dumpsys`, `cmd`, `am` and `pm` as scripts in it, and programs for aarch64 under qemu. The protocol
is that of packages/modules/adb: docs/dev/protocol.md, sync.md and shell_protocol.h.

    python tests/fake_adbd.py [KIND]     # a phone to try things on, until Ctrl-C
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
import secrets
import shutil
import signal
import socket
import socketserver
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
from support.paths import PHONES

VERSION, MAX_DATA = 0x01000001, 256 * 1024
TOKEN, SIGNATURE, PUBLIC_KEY = 1, 2, 3
STDOUT, STDERR, EXIT = 1, 2, 3
SHA1_PREFIX = bytes.fromhex("3021300906052b0e03021a05000414")


class FakePhone:
    """One phone. Its faults are attributes, to be set before what they spoil."""

    def __init__(self, root: Path, kind: str = "pixel-6-android-14"):
        self.root = root
        self.shell_v2 = not kind.endswith("android-6")  # came with Android 7
        self.asks: str | None = None  # None: no authorisation; "allow" or "ignore": its user does
        self.silent = False  # takes connections and says nothing
        self.free_bytes: int | None = None  # of storage
        self.goes_after_bytes: int | None = None  # of pushed files
        self.goes_at: str | None = None  # a part of the shell command during which it goes
        self.gone = threading.Event()
        self._trusted: set[tuple[int, int]] = set()
        self._sockets: list[socket.socket] = []
        self._shells: list[subprocess.Popen[bytes]] = []
        self._furnish(PHONES / kind)
        self._server = _Server(("127.0.0.1", 0), _Connection)
        self._server.phone = self
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def serial(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    @property
    def temporary(self) -> Path:
        """The folder that stands for /data/local/tmp."""
        return self.root / "data/local/tmp"

    def go(self) -> None:
        """Be unplugged. What runs on it goes on."""
        self.gone.set()
        for one in self._sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._sockets.clear()

    def come_back(self) -> None:
        self.gone.clear()
        self.goes_at = self.goes_after_bytes = None

    def running(self) -> list[int]:
        """The programs that were started on it and have not ended."""
        started = (self.root / "started").read_text().split()
        return [int(process) for process in started if _lives(int(process))]

    def close(self) -> None:
        self.go()
        self._server.shutdown()
        self._server.server_close()
        for shell in self._shells:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)
            shell.wait()

    def local(self, text: str) -> str:
        """Paths of the phone, as they are on this machine."""
        return re.sub(r"(?<![\w./-])/(?=(data|sdcard|proc|sys)/)", f"{self.root}/", text)

    def start(self, command: str) -> subprocess.Popen[bytes]:
        """Its shell. A program in the working folder goes through `on-arm`, as through a kernel."""
        command = re.sub(r"((?:^|[;&|] )(?:\w+=\S+ )*)\./", r"\1on-arm ./", self.local(command))
        shell = subprocess.Popen(
            ["sh", "-c", command],
            cwd=self.root,
            env={"PATH": f"{self.root}/bin:/usr/bin:/bin", "PHONE": str(self.root)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if self.shell_v2 else subprocess.STDOUT,
            start_new_session=True,
        )
        self._shells.append(shell)
        return shell

    def knows(self, signature: bytes, token: bytes) -> bool:
        """Whether a key that its user has allowed before signed the token."""
        padded = b"\x00" + SHA1_PREFIX + token
        expected = b"\x00\x01".ljust(len(signature) - len(padded), b"\xff") + padded
        number = int.from_bytes(signature, "big")
        return any(
            pow(number, exponent, modulus).to_bytes(len(signature), "big") == expected
            for modulus, exponent in self._trusted
        )

    def trust(self, key: bytes) -> None:
        """Keep a public key: words, n0inv, modulus, rr, exponent; little-endian, in base64."""
        decoded = base64.b64decode(key.split(b" ")[0].rstrip(b"\0"))
        modulus = int.from_bytes(decoded[8:264], "little")
        self._trusted.add((modulus, int.from_bytes(decoded[-4:], "little")))

    def _furnish(self, answers: Path) -> None:
        shutil.copytree(PHONES / "bin", self.root / "bin")
        shutil.copytree(answers, self.root / "answers")
        for folder in ("data/local/tmp", "sdcard", "proc"):
            (self.root / folder).mkdir(parents=True)
        (self.root / "started").touch()
        shutil.copy(answers / "cpuinfo", self.root / "proc")
        (self.root / "proc/uptime").symlink_to("/proc/uptime")
        cores = (answers / "max_khz").read_text().split()
        for number, khz in enumerate(cores):
            core = self.root / f"sys/devices/system/cpu/cpu{number}/cpufreq"
            core.mkdir(parents=True)
            (core / "cpuinfo_max_freq").write_text(f"{khz}\n")
        for name in ("possible", "present", "online"):
            (self.root / f"sys/devices/system/cpu/{name}").write_text(f"0-{len(cores) - 1}\n")


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    phone: FakePhone


class _Connection(socketserver.BaseRequestHandler):
    """The transport: packets of a 24-byte header and a payload, for many streams at once."""

    server: _Server

    def setup(self) -> None:
        self.phone = self.server.phone
        self.lock = threading.Lock()
        self.streams: dict[int, _Stream] = {}
        self.token = secrets.token_bytes(20)

    def handle(self) -> None:
        if self.phone.gone.is_set():
            return
        self.phone._sockets.append(self.request)
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
            self._authorise(first, data)
        elif command == b"OPEN":
            number = len(self.streams) + 1
            stream = self.streams[number] = _Stream(self, number, first)
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

    def _authorise(self, kind: int, data: bytes) -> None:
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


class _Stream:
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
                _Sync(self).serve()
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


class _Sync:
    """The file service."""

    def __init__(self, stream: _Stream):
        self.stream, self.phone = stream, stream.phone

    def serve(self) -> None:
        while True:
            request, length = struct.unpack("<4sI", self.stream.read(8))
            if request == b"QUIT":
                return
            name = self.phone.local(self.stream.read(length).decode())
            {
                b"STAT": self._stat, b"STA2": self._stat_v2, b"LST2": self._stat_v2,
                b"LIST": self._list, b"SEND": self._receive, b"RECV": self._send,
            }[request](request, name)  # fmt: skip

    def _stat(self, request: bytes, name: str) -> None:
        found = _stat(name)
        values = (found.st_mode, found.st_size, int(found.st_mtime)) if found else (0, 0, 0)
        self.stream.write(struct.pack("<4s3I", request, *values))

    def _stat_v2(self, request: bytes, name: str) -> None:
        found = _stat(name)
        values = (0,) * 10
        if found:
            times = [int(t) for t in (found.st_atime, found.st_mtime, found.st_ctime)]
            values = (found.st_ino, found.st_mode, found.st_nlink, 0, 0, found.st_size, *times)
            values = (found.st_dev, *values)
        self.stream.write(struct.pack("<4sIQQ4IQ3q", request, 0 if found else 2, *values))

    def _list(self, request: bytes, name: str) -> None:
        for entry in sorted(Path(name).iterdir()):
            found, encoded = entry.stat(), entry.name.encode()
            values = (found.st_mode, found.st_size, int(found.st_mtime), len(encoded))
            self.stream.write(struct.pack("<4s4I", b"DENT", *values) + encoded)
        self.stream.write(struct.pack("<4s4I", b"DONE", 0, 0, 0, 0))

    def _receive(self, request: bytes, name_and_mode: str) -> None:
        name, mode = name_and_mode.rsplit(",", 1)
        problem = None
        if os.path.isdir(name) or not os.path.isdir(os.path.dirname(name)):
            name, problem = os.devnull, "couldn't create file: Is a directory"
        with open(name, "wb") as file:
            for data in self._data():  # all of it, as adb does not listen before it is through
                if not problem and not self._fits(len(data)):
                    os.unlink(name)
                    problem = "write failed: No space left on device"
                if not problem:
                    file.write(data)
        if problem:
            return self._fail(problem)
        os.chmod(name, int(mode) & 0o777)
        self.stream.write(struct.pack("<4sI", b"OKAY", 0))

    def _fits(self, count: int) -> bool:
        phone = self.phone
        if phone.goes_after_bytes is not None:
            phone.goes_after_bytes -= count
            if phone.goes_after_bytes < 0:
                phone.go()
                raise EOFError
        if phone.free_bytes is not None:
            phone.free_bytes -= count
            return phone.free_bytes >= 0
        return True

    def _data(self) -> Iterator[bytes]:
        while True:
            kind, length = struct.unpack("<4sI", self.stream.read(8))
            if kind == b"DONE":  # the length is the time of modification
                return
            yield self.stream.read(length)

    def _send(self, request: bytes, name: str) -> None:
        try:
            with Path(name).open("rb") as file:
                while part := file.read(64 * 1024):
                    self.stream.write(struct.pack("<4sI", b"DATA", len(part)) + part)
        except OSError as error:
            return self._fail(f"open failed: {error.strerror}")
        self.stream.write(struct.pack("<4sI", b"DONE", 0))

    def _fail(self, why: str) -> None:
        self.stream.write(struct.pack("<4sI", b"FAIL", len(why)) + why.encode())


def _stat(name: str) -> os.stat_result | None:
    try:
        return os.stat(name)
    except OSError:
        return None


def _lives(process: int) -> bool:
    try:
        return psutil.Process(process).status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.NoSuchProcess:
        return False


if __name__ == "__main__":
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.default_int_handler)
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(KeyboardInterrupt):
        phone = FakePhone(Path(folder) / "phone", *sys.argv[1:])
        print(f"adb connect {phone.serial}", flush=True)
        signal.pause()
