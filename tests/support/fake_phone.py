"""A fake phone for tests, to which Debian's `adb` connects as to a phone in the same network.

Its storage is a folder; its shell is the host's, with `/data`, `/sdcard`, `/proc` and `/sys` moved
into that folder, `getprop`, `dumpsys`, `cmd`, `am` and `pm` as scripts in it, and programs for
aarch64 under qemu.

    PYTHONPATH=tests python -m support.fake_phone [KIND]     # a phone to try out, until Ctrl-C
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import psutil
from support.fake_adbd import AdbServer
from support.paths import PHONES

SHA1_PREFIX = bytes.fromhex("3021300906052b0e03021a05000414")


class FakePhone:
    """A phone. Its faults are attributes; set them before the operation that they affect."""

    def __init__(self, root: Path, kind: str = "pixel-6-android-14"):
        self.root = root
        self.shell_v2 = not kind.endswith("android-6")  # came with Android 7
        self.asks: str | None = None  # its user's answer: "allow" or "ignore"; None: not asked
        self.silent = False  # accepts connections and never answers
        self.free_bytes: int | None = None  # of storage
        self.goes_after_bytes: int | None = None  # of pushed files, after which it disconnects
        self.goes_at: str | None = None  # part of a shell command during which it disconnects
        self.gone = threading.Event()
        self._trusted: set[tuple[int, int]] = set()
        self.sockets: list[socket.socket] = []
        self._shells: list[subprocess.Popen[bytes]] = []
        self._furnish(PHONES / kind)
        self._server = AdbServer(self)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def serial(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    @property
    def temporary(self) -> Path:
        """The folder that represents /data/local/tmp."""
        return self.root / "data/local/tmp"

    def go(self) -> None:
        """Disconnect the phone; programs on it keep running."""
        self.gone.set()
        for one in self.sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self.sockets.clear()

    def come_back(self) -> None:
        """Accept connections again."""
        self.gone.clear()
        self.goes_at = self.goes_after_bytes = None

    def running(self) -> list[int]:
        """Return the process ids of programs that were started on it and have not ended."""
        started = (self.root / "started").read_text().split()
        return [int(process) for process in started if _lives(int(process))]

    def close(self) -> None:
        """Disconnect and kill everything that runs on it."""
        self.go()
        self._server.shutdown()
        self._server.server_close()
        for shell in self._shells:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)
            shell.wait()

    def local(self, text: str) -> str:
        """Replace the phone's paths in a command by paths on this machine."""
        return re.sub(r"(?<![\w./-])/(?=(data|sdcard|proc|sys)/)", f"{self.root}/", text)

    def start(self, command: str) -> subprocess.Popen[bytes]:
        """Start its shell; `on-arm` runs programs of the working folder, like a phone's kernel."""
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
        """Tell whether a key that its user allowed earlier signed the token."""
        padded = b"\x00" + SHA1_PREFIX + token
        expected = b"\x00\x01".ljust(len(signature) - len(padded), b"\xff") + padded
        number = int.from_bytes(signature, "big")
        return any(
            pow(number, exponent, modulus).to_bytes(len(signature), "big") == expected
            for modulus, exponent in self._trusted
        )

    def trust(self, key: bytes) -> None:
        """Store a public key: words, n0inv, modulus, rr, exponent; little-endian, in base64."""
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
