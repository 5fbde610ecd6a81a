"""Write stream artifacts, describe them for the manifest, compare them with the offline model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from tiny_audio_ssl.export import manifest_content
from tiny_audio_ssl.export.config import EMBEDDING, FormatName, Precision
from tiny_audio_ssl.export.forms import Form
from tiny_audio_ssl.export.lowering import folded, program
from tiny_audio_ssl.export.parity import Parity, compare_kinds
from tiny_audio_ssl.export.quantize import quantized_graph
from tiny_audio_ssl.export.streaming.stream_encoder import (
    HalfMaps,
    PacketMaps,
    StreamEncoder,
    StreamShape,
    offline,
)
from tiny_audio_ssl.export.streaming.stream_runtime import Stream
from tiny_audio_ssl.export.to_executorch import Operators, write_pte
from tiny_audio_ssl.export.to_onnx import write_onnx
from tiny_audio_ssl.models.encoders import WaveformEncoder

STATE = ("past", "summaries")
INPUTS = ("packet", *STATE)
OUTPUTS = (EMBEDDING, "heard", *(f"next_{name}" for name in STATE))


def to_stream(
    network: StreamEncoder,
    format: FormatName,
    target: Path,
    precision: Precision = "fp32",
    calibration: Tensor | None = None,
) -> Operators | None:
    """Write one step of a stream, `INPUTS` -> `OUTPUTS`; ExecuTorch has them in this order.

    `calibration`: waveforms [B, N] to quantize by, N at least a packet and 15 ms; for int8.
    Raises `UserError` without the format's extra.
    """
    samples = None if calibration is None else _packets(network, calibration)
    network = folded(network)
    if precision == "fp16":
        assert isinstance(network.maps, PacketMaps)
        network.maps = HalfMaps(network.maps)
    if format == "onnx":
        given = None if samples is None else _on_its_own(network, samples)
        inputs = dict(zip(INPUTS, network.start(), strict=True))
        # Calibrated without a past, so the linear layer, which comes after the state, stays float.
        write_onnx(network, inputs, target, OUTPUTS, precision, given, float_linear=True)
        return None
    if samples is not None:
        network.maps = quantized_graph(network.maps, network.frontend(samples).contiguous())
    return write_pte(program(network, *network.start()), target)


def stream_entry(
    form: Form, model: WaveformEncoder, network: StreamEncoder, file: Path
) -> dict[str, Any]:
    """Return the manifest's entry for an artifact; its state is apart from the other outputs."""
    packet = network.start()[0].shape[1]
    entry = manifest_content.entry(form, model, packet, file)
    heard = {**entry["outputs"][0], "name": OUTPUTS[1]}
    heard["shape"] = [heard["shape"][0], 1]
    entry["outputs"].append(heard)
    entry["stream"] = describe(network, form.format)
    return entry


def describe(network: StreamEncoder, format: FormatName) -> dict[str, Any]:
    """Return the manifest's `stream`: everything an app needs to drive the artifact."""
    batch = 1 if format == "executorch" else "batch"
    packet, *state = network.start()
    hop, shape = network.frontend.config.hop, network.shape
    shapes = {name: x.shape[1:] for name, x in zip(STATE, state, strict=True)}
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


def _packets(network: StreamEncoder, waveforms: Tensor) -> Tensor:
    """Cut waveforms [B, N] into packets with the samples before them: [B', past + packet]."""
    packet, past, _ = (x.shape[1] for x in network.start())
    return waveforms.unfold(1, past + packet, packet).flatten(0, 1)


def _on_its_own(network: StreamEncoder, samples: Tensor) -> tuple[Tensor, ...]:
    """Return inputs for packets [B, past + packet] at the start of a stream: no summaries yet."""
    _, past, summaries = network.start(len(samples))
    before, packets = samples.tensor_split([past.shape[1]], dim=1)
    return packets.contiguous(), before.contiguous(), summaries
