"""The file service of adb, as docs/dev/sync.md of packages/modules/adb describes it."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from support.fake_adbd import Stream


class FileService:
    """Copies files and folders from and to a phone."""

    def __init__(self, stream: Stream):
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
            for data in self._data():  # read all, since adb listens only after sending everything
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
