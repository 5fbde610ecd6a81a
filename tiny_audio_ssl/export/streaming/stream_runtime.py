"""Stream: feed an artifact like a microphone, with sound of any length, and get embeddings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tiny_audio_ssl.audio.waveform import as_waveform
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.export import manifest
from tiny_audio_ssl.export.runtimes import RunAll, open_outputs

Arrays = list[np.ndarray]


@dataclass(frozen=True)
class StreamEmbedding:
    """An embedding of the sound between two samples, counted from the stream's start."""

    embedding: np.ndarray = field(repr=False)  # float32 [D]
    start_sample: int
    end_sample: int  # exclusive


class PacketStream:
    """An artifact that takes packets and a state, fed with sound of any length."""

    def __init__(self, run: RunAll, described: Mapping[str, Any]) -> None:
        """Start a stream of the artifact `run`; `described`: `stream` in its manifest entry."""
        self._run = run
        self.packet_samples = int(described["packet_samples"])
        self._shapes = [tuple(state["shape"][1:]) for state in described["state"]]
        self.reset()

    def reset(self) -> None:
        """Forget everything heard: another sound follows."""
        self._state = [np.zeros((1, *shape), np.float32) for shape in self._shapes]
        self._waiting = np.zeros(0, np.float32)

    def _steps(self, pcm: np.ndarray) -> Iterator[Arrays]:
        """Take sound and yield the outputs for every packet that it completes."""
        more = as_waveform(pcm, "[samples]", pcm16=True, may_be_empty=True)
        self._waiting = np.concatenate([self._waiting, more])
        return self._packets()

    def _packets(self) -> Iterator[Arrays]:
        while len(self._waiting) >= self.packet_samples:
            packet = self._waiting[: self.packet_samples]
            self._waiting = self._waiting[self.packet_samples :]
            found = list(self._run(packet[None], *self._state))
            count = len(found) - len(self._state)
            outputs, self._state = found[:count], found[count:]
            yield outputs


class Stream(PacketStream):
    """A stream artifact and its state.

    ```
    stream = Stream.open("runs/mine/export/encoder.stream.int8.pte")
    for found in stream.push(chunk):  # any number of samples
        print(found.end_sample, found.embedding)
    ```
    """

    def __init__(self, run: RunAll, described: Mapping[str, Any]) -> None:
        """Start a stream of the artifact `run`; `described`: `stream` in its manifest entry."""
        self._window_samples = int(described["window_samples"])
        super().__init__(run, described)

    @classmethod
    def open(cls, path: str | Path, threads: int | None = None) -> Stream:
        """Open an artifact made by `export --input stream`; manifest.json must lie beside it.

        Raises `UserError`: no such artifact, one of another kind, altered, a missing extra.
        """
        path = Path(path)
        entries = manifest.read(path.parent)["artifacts"]
        streams = [e["file"] for e in entries if "stream" in e and "product" not in e]
        entry = next((e for e in entries if e["file"] == path.name), None)
        if entry is None or path.name not in streams:
            raise UserError(
                f"{path}: not a stream artifact of its manifest; expected "
                f"{' or '.join(streams) or 'one that `export RUN --input stream` makes'}"
            )
        return cls(open_outputs(path, threads), entry["stream"])

    def reset(self) -> None:
        """Forget everything heard: another sound follows."""
        super().reset()
        self._heard_samples = 0

    def push(self, pcm: np.ndarray) -> Iterator[StreamEmbedding]:
        """Take mono sound at 16 kHz; yield an embedding for every packet that it completes.

        Args:
            pcm: `[samples]`, any number, int16, or float with full scale at -1..1. A rest that
                does not fill a packet waits for the next call.

        Until a window is full, embeddings are of the sound so far: `start_sample` is 0. The state
        moves on as the result is iterated.

        Raises `UserError`: another shape, type or scale, NaN or infinity; nothing of it is taken
        then.
        """
        return self._found(self._steps(pcm))

    def _found(self, steps: Iterator[Arrays]) -> Iterator[StreamEmbedding]:
        for embedding, *_ in steps:
            self._heard_samples += self.packet_samples
            start = max(0, self._heard_samples - self._window_samples)
            yield StreamEmbedding(embedding[0], start, self._heard_samples)
