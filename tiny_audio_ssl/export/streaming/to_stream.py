"""Write stream artifacts, describe them for the manifest, compare them with the offline model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from tiny_audio_ssl.export import manifest_content
from tiny_audio_ssl.export.config import FormatName, Precision
from tiny_audio_ssl.export.forms import Form
from tiny_audio_ssl.export.lowering import folded, program
from tiny_audio_ssl.export.parity import Parity, compare_kinds
from tiny_audio_ssl.export.quantize import quantized_graph
from tiny_audio_ssl.export.streaming.sliding_encoder import SlidingEncoder
from tiny_audio_ssl.export.streaming.stream_encoder import (
    HalfMaps,
    PacketMaps,
    StreamEncoder,
    StreamShape,
    offline,
    reads_as_trained,
)
from tiny_audio_ssl.export.streaming.stream_runtime import Stream
from tiny_audio_ssl.export.to_executorch import Operators, write_pte
from tiny_audio_ssl.export.to_onnx import write_onnx
from tiny_audio_ssl.models.encoders import WaveformEncoder

PACKET = "packet"
StreamNetwork = StreamEncoder | SlidingEncoder


def to_stream(
    network: StreamNetwork,
    format: FormatName,
    target: Path,
    precision: Precision = "fp32",
    calibration: Tensor | None = None,
) -> Operators | None:
    """Write one step of a stream: packet and state -> outputs and next state, in this order.

    `calibration`: waveforms [B, N] to quantize by, N at least a slice or packet and 15 ms; for
    int8.

    Raises `UserError` without the format's extra.
    """
    given = None if calibration is None else network.steps_of(calibration)
    network = folded(network)
    if precision == "fp16":
        assert isinstance(network.maps, PacketMaps)
        network.maps = HalfMaps(network.maps)
    if format == "onnx":
        inputs = dict(zip((PACKET, *network.state), network.start(), strict=True))
        outputs = (*network.outputs, *_next(network))
        # Pooled over packets, it is calibrated without a past, so the linear layer, which comes
        # after the state, stays float.
        write_onnx(network, inputs, target, outputs, precision, given, float_linear=True)
        return None
    if given is not None:
        network.maps = quantized_graph(network.maps, network.logmel(*given).contiguous())
    return write_pte(program(network, *network.start()), target)


def _next(network: StreamNetwork) -> list[str]:
    return [f"next_{name}" for name in network.state]


def stream_entry(
    form: Form, model: WaveformEncoder, network: StreamNetwork, file: Path
) -> dict[str, Any]:
    """Return the manifest's entry for an artifact; its state is apart from the other outputs."""
    packet = network.start()[0].shape[1]
    entry = manifest_content.entry(form, model, packet, file)
    first = entry["outputs"][0]
    for name in network.outputs[1:]:
        entry["outputs"].append({**first, "name": name, "shape": [first["shape"][0], 1]})
    as_trained = reads_as_trained(model, network.shape)
    entry["stream"] = describe(network, form.format) | {"as_trained": as_trained}
    return entry


def describe(network: StreamNetwork, format: FormatName) -> dict[str, Any]:
    """Return the manifest's `stream`: everything an app needs to drive the artifact."""
    batch = 1 if format == "executorch" else "batch"
    packet, *state = network.start()
    hop, shape = network.frontend.config.hop, network.shape
    shapes = {name: x.shape[1:] for name, x in zip(network.state, state, strict=True)}
    return {
        "packet_samples": packet.shape[1],
        "packet_ms": 1000 * packet.shape[1] / network.frontend.config.sample_rate_hz,
        "packet_frames": shape.packet_frames,
        "slice_frames": shape.slice_frames,
        "packets": shape.packets,
        "window_samples": hop * shape.packets * shape.packet_frames + state[0].shape[1],
        "delay_samples": 0,  # an embedding has heard the packet's last sample
        "state": manifest_content.state_entries(shapes, batch),
    }


def stream_parity(
    stream: Stream,
    model: WaveformEncoder,
    shape: StreamShape,
    kinds: Mapping[str, Tensor],
    min_snr_db: float,
) -> Parity:
    """Compare one stream for each kind of sound with the offline model.

    `kinds`: recordings [B, N] by kind, which the stream hears end to end. Each window counts once:
    those that the stream has heard and that do not overlap.
    """
    pairs = {kind: _both(stream, model, shape, waves) for kind, waves in kinds.items()}
    return compare_kinds(pairs, min_snr_db, model.encoder.learned_dim)


def _both(
    stream: Stream, model: WaveformEncoder, shape: StreamShape, waveforms: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the embeddings [B', D] of the stream, and the expected ones."""
    stream.reset()
    sound = waveforms.flatten()
    found = [torch.from_numpy(e.embedding) for e in stream.push(sound.numpy())]
    config = model.frontend.config
    past, step = config.window - config.hop, config.hop * shape.packets * shape.packet_frames
    windows = F.pad(sound, (past, 0)).unfold(0, past + step, step)
    exact = offline(model, shape)
    with torch.no_grad():
        expected = torch.cat([exact(batch) for batch in torch.split(windows, 16)])
    ends = found[shape.packets - 1 :: shape.packets]
    return torch.stack(ends), expected
