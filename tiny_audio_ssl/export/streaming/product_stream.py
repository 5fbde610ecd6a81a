"""Streams of products: artifacts that map packets of sound to the outputs of a task."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.export import manifest, manifest_content
from tiny_audio_ssl.export.config import FormatName
from tiny_audio_ssl.export.forms import Form
from tiny_audio_ssl.export.lowering import folded, program
from tiny_audio_ssl.export.products import described_outputs, product_facts
from tiny_audio_ssl.export.runtimes import RunAll, open_outputs
from tiny_audio_ssl.export.streaming.stream_runtime import Arrays, PacketStream
from tiny_audio_ssl.export.to_executorch import Operators, write_pte
from tiny_audio_ssl.export.to_onnx import write_onnx
from tiny_audio_ssl.models.encoders import WaveformEncoder
from tiny_audio_ssl.pretext.product import Product, ProductStream

PACKET = "packet"
Outputs = dict[str, NDArray[Any]]
Step = Callable[..., Sequence[Tensor]]  # packet and state -> outputs and next state


def stream_of(product: Product) -> ProductStream:
    """Return the stream of a product that can be streamed."""
    assert product.stream is not None
    return product.stream


def start(stream: ProductStream, batch: int = 1) -> tuple[Tensor, ...]:
    """Return a silent packet and the state that a stream starts with."""
    state = (torch.zeros(batch, *shape) for shape in stream.state.values())
    return torch.zeros(batch, stream.packet_samples), *state


def to_product_stream(product: Product, format: FormatName, target: Path) -> Operators | None:
    """Write one step of the stream: packet and state -> outputs and next state, in this order.

    Raises `UserError` without the format's extra.
    """
    stream = stream_of(product)
    network, given = folded(stream.module), start(stream)
    if format == "onnx":
        names = (PACKET, *stream.state)
        outputs = [output.name for output in product.outputs]
        outputs += [f"next_{name}" for name in stream.state]
        write_onnx(network, dict(zip(names, given, strict=True)), target, outputs)
        return None
    return write_pte(program(network, *given), target)


@torch.no_grad()
def product_stream_entry(
    form: Form, model: WaveformEncoder, product: Product, task: str, file: Path
) -> dict[str, Any]:
    """Return the manifest's entry for an artifact of a stream."""
    stream, config = stream_of(product), model.frontend.config
    entry = manifest_content.entry(form, model, stream.packet_samples, file)
    batch = entry["input"]["shape"][0]
    found = stream.module(*start(stream))[: len(product.outputs)]
    return entry | {
        "outputs": described_outputs(product, found, batch),
        "product": product_facts(product, task),
        "stream": {
            "packet_samples": stream.packet_samples,
            "packet_ms": 1000 * stream.packet_samples / config.sample_rate_hz,
            "packet_frames": stream.packet_samples // config.hop,
            "slice_frames": product.config.slice_frames(config),
            "packets": 1,
            "window_samples": stream.packet_samples + config.window - config.hop,
            "delay_samples": stream.delay_samples,
            "state": manifest_content.state_entries(stream.state, batch),
        },
    }


def on_tensors(run: RunAll) -> Step:
    """Return a step of an artifact as a function of tensors."""
    return lambda *given: [torch.from_numpy(x) for x in run(*(x.numpy() for x in given))]


@torch.no_grad()
def run_packets(step: Step, stream: ProductStream, sound: Tensor) -> list[Tensor]:
    """Stream a sound [samples] packet by packet; return each output [packets, ...]."""
    state, rows = list(start(stream)[1:]), []
    for packet in torch.split(sound, stream.packet_samples):
        if len(packet) == stream.packet_samples:
            found = step(packet[None].contiguous(), *state)
            outputs, state = found[: -len(state)], list(found[-len(state) :])
            rows.append(outputs)
    return [torch.cat(outputs) for outputs in zip(*rows, strict=True)]


class StreamedProduct(PacketStream):
    """An artifact of a product's stream and its state.

    ```
    enhance = StreamedProduct.open("runs/denoiser/export-enhanced/enhanced.stream.fp32.onnx")
    for found in enhance.push(chunk):  # any number of samples
        play(found["enhanced"])
    ```
    """

    def __init__(self, run: RunAll, entry: Mapping[str, Any]) -> None:
        """Start a stream of the artifact `run`; `entry`: that of its manifest."""
        self._names = [output["name"] for output in entry["outputs"]]
        super().__init__(run, entry["stream"])
        self.delay_samples = int(entry["stream"]["delay_samples"])  # of outputs behind packets

    @classmethod
    def open(cls, path: str | Path, threads: int | None = None) -> StreamedProduct:
        """Open an artifact made by `export --product NAME --input stream`, with manifest.json
        beside it.

        Raises `UserError`: no such artifact, one of another kind, altered, a missing extra.
        """
        path = Path(path)
        entries = manifest.read(path.parent)["artifacts"]
        fitting = [entry for entry in entries if "stream" in entry and "product" in entry]
        entry = next((entry for entry in fitting if entry["file"] == path.name), None)
        if entry is None:
            files = " or ".join(entry["file"] for entry in fitting)
            raise UserError(
                f"{path}: not a product's stream of its manifest; expected "
                f"{files or 'one that `export RUN --product NAME --input stream` makes'}"
            )
        return cls(open_outputs(path, threads), entry)

    def push(self, pcm: NDArray[Any]) -> Iterator[Outputs]:
        """Take mono sound at 16 kHz; yield the outputs by name for every packet that it completes.

        Args:
            pcm: `[samples]`, any number, int16, or float with full scale at -1..1. A rest that does
                not fill a packet waits for the next call.

        Raises `UserError`: another shape, type or scale, NaN or infinity; nothing of it is taken
        then.
        """
        return self._named(self._steps(pcm))

    def _named(self, steps: Iterator[Arrays]) -> Iterator[Outputs]:
        for outputs in steps:
            yield {name: out[0] for name, out in zip(self._names, outputs, strict=True)}
