"""Time a packet with each of its savings left out, and with others that were tried and lost.

python benchmarks/packet_forms.py small

All forms give the same embedding, and take turns in the C++ runner.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import torch
import tyro
from frontend_forms import StoredWeights
from native_turns import timed
from torch import Tensor

from tiny_audio_ssl.audio.io import WINDOW_SAMPLES
from tiny_audio_ssl.bench.machine import device_name
from tiny_audio_ssl.bench.native.options import RUNTIMES, RunnerOptions
from tiny_audio_ssl.bench.statistics import median, ratio
from tiny_audio_ssl.export.config import FormatName
from tiny_audio_ssl.export.streaming import stream_encoder
from tiny_audio_ssl.export.streaming.stream_encoder import StreamEncoder, StreamShape, stream_shape
from tiny_audio_ssl.export.streaming.to_stream import to_stream
from tiny_audio_ssl.export.streaming.window_readout import WindowReadout
from tiny_audio_ssl.models import checkpoint, mel_spectrum
from tiny_audio_ssl.models.encoders import WaveformEncoder
from tiny_audio_ssl.models.names import folder_of
from tiny_audio_ssl.utils.files import write_rows

RESULTS = Path(__file__).parent / "results" / "packet_forms.csv"
SHIPPED = "as shipped"
SUFFIXES: dict[FormatName, str] = {"executorch": ".pte", "onnx": ".onnx"}


@dataclass(frozen=True)
class PacketFormsBenchmark:
    """One row for each form and runtime, in float32."""

    model: tyro.conf.Positional[str] = "small"
    """Run, or model that comes with the package."""
    packet_ms: float = 80.0
    rounds: int = 15
    timed_packets: int = 300
    """Timed runs of each form in each round."""
    csv: Path = RESULTS


class SummedByHalves(WindowReadout):
    """Sums over packets as the halves of the rows, added again and again."""

    def sums(self, summaries: Tensor, present: Tensor) -> Tensor:
        return summaries.sum(dim=1)


def shipped(model: WaveformEncoder, shape: StreamShape) -> StreamEncoder:
    return StreamEncoder(model, shape).eval()


def frames_cut_out(stored: bool) -> Callable[[WaveformEncoder, StreamShape], StreamEncoder]:
    """Return a maker of streams with the front-end of a window."""

    def make(model: WaveformEncoder, shape: StreamShape) -> StreamEncoder:
        made = shipped(model, shape)
        made.frontend = model.frontend
        if stored:
            made.frontend.spectrum = StoredWeights(model.frontend.config)
        return made

    return make


def statistics_once_a_band(model: WaveformEncoder, shape: StreamShape) -> StreamEncoder:
    made = shipped(model, shape)
    made.frontend.mean = made.frontend.mean[:, :, :1].clone()
    made.frontend.inverse_std = made.frontend.inverse_std[:, :, :1].clone()
    return made


def whole_kernels(model: WaveformEncoder, shape: StreamShape) -> StreamEncoder:
    with patch.object(stream_encoder, "drop_padded_columns"):
        return shipped(model, shape)


def sums_by_halves(model: WaveformEncoder, shape: StreamShape) -> StreamEncoder:
    with patch.object(stream_encoder, "WindowReadout", SummedByHalves):
        return shipped(model, shape)


def absent_packets_masked(model: WaveformEncoder, shape: StreamShape) -> StreamEncoder:
    made = shipped(model, shape)
    made.readout.masks_absent = True
    return made


def wider_products_of_bands(bands: int) -> Callable[[WaveformEncoder, StreamShape], StreamEncoder]:
    """Fewer operators, and larger weights."""

    def make(model: WaveformEncoder, shape: StreamShape) -> StreamEncoder:
        with patch.object(mel_spectrum, "BANDS_AT_ONCE", bands):
            model.frontend.spectrum = mel_spectrum.mel_spectrum(model.frontend.config)
        return shipped(model, shape)

    return make


FORMS = {
    SHIPPED: shipped,
    "frames cut out, weights made of tables": frames_cut_out(stored=False),
    "frames cut out, weights stored": frames_cut_out(stored=True),
    "statistics once a band": statistics_once_a_band,
    "whole kernels": whole_kernels,
    "sums by halves": sums_by_halves,
    "absent packets masked": absent_packets_masked,
    "32 bands at once": wider_products_of_bands(32),
    "64 bands at once": wider_products_of_bands(64),
}


def main(wanted: PacketFormsBenchmark) -> None:
    with TemporaryDirectory(prefix="packet-forms-") as folder:
        files, differences = written(wanted, Path(folder))
        options = RunnerOptions(runs=wanted.timed_packets, stream=True, samples=True)
        times = timed(files, lambda _: options, wanted.rounds)
        sizes = {key: path.stat().st_size for key, path in files.items()}
    rows = []
    for form, suffix in times:
        gain = ratio(times[form, suffix], times[SHIPPED, suffix])
        rows.append(
            {
                "model": wanted.model,
                "packet_ms": wanted.packet_ms,
                "runtime": RUNTIMES[suffix],
                "form": form,
                "p50_ms": round(median(times[form, suffix]).value, 4),
                "times_as_shipped": round(gain.value, 3),
                "low_95": round(gain.low, 3),
                "high_95": round(gain.high, 3),
                "bytes": sizes[form, suffix],
                "difference": f"{differences[form]:.1e}",
                "device": device_name(),
            }
        )
        print(*rows[-1].values(), sep=", ")
    write_rows(wanted.csv, rows)


@torch.no_grad()
def written(
    wanted: PacketFormsBenchmark, folder: Path
) -> tuple[dict[tuple[str, str], Path], dict[str, float]]:
    """Write every form; return files by form and suffix, and how far a first embedding is off."""
    files: dict[tuple[str, str], Path] = {}
    outputs: dict[str, Tensor] = {}
    for form, make in FORMS.items():
        model = checkpoint.load(folder_of(wanted.model)).model
        network = make(model, stream_shape(model, wanted.packet_ms, WINDOW_SAMPLES))
        packet, *state = network.start()
        noise = torch.randn(packet.shape, generator=torch.Generator().manual_seed(0))
        outputs[form] = network(0.1 * noise, *state)[0]
        for format, suffix in SUFFIXES.items():
            files[form, suffix] = folder / f"{len(files)}{suffix}"
            to_stream(network, format, files[form, suffix])
    exact = outputs[SHIPPED]
    return files, {form: float((found - exact).abs().max()) for form, found in outputs.items()}


if __name__ == "__main__":
    main(tyro.cli(PacketFormsBenchmark, description=__doc__))
