"""Scalars in the files that TensorBoard reads."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from typing import Any


class ScalarEvents:
    """A file of scalars for TensorBoard.

    Each is written at once, so that a full disk is an error where it can be told. The writer of
    PyTorch does it in a thread, which would end with a traceback.

    Args:
        folder: where to make the file.
        first_step: TensorBoard forgets what earlier files say of this step and later ones.
    """

    def __init__(self, folder: Path, first_step: int) -> None:
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.record_writer import RecordWriter

        self._event, self._summary = Event, Summary
        folder.mkdir(parents=True, exist_ok=True)
        place = f"{time.time_ns() // 10**9:010d}.{socket.gethostname()}.{os.getpid()}"
        self._file = (folder / f"events.out.tfevents.{place}.{time.time_ns() % 10**9}").open("wb")
        self._records = RecordWriter(self._file)
        self._write(file_version="brain.Event:2")
        self._write(session_log=SessionLog(status=SessionLog.START), step=first_step)

    def add(self, name: str, value: float, step: int) -> None:
        """Write one number of one step."""
        scalar = self._summary.Value(tag=name, simple_value=value)
        self._write(summary=self._summary(value=[scalar]), step=step)

    def _write(self, **content: Any) -> None:
        event = self._event(wall_time=time.time(), **content)
        self._records.write(event.SerializeToString())
        self._file.flush()

    def close(self) -> None:
        self._file.close()
