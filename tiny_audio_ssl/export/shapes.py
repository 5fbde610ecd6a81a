"""Shapes: the input sizes that an artifact accepts, which are run at both ends of each range.

An exporter may silently narrow a range, so only sizes that were run are promised.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.export.config import Input
from tiny_audio_ssl.export.forms import Form, as_input, grouped
from tiny_audio_ssl.models.encoders import WaveformEncoder

ANY_BATCH = 64  # tried where a format takes any number
MOST_BATCH = 4096
Dims = dict[int, Any]  # by axis, what torch.export calls a dimension

CORNER_SNR_DB = 10.0  # of any precision, on noise: an artifact that is wrong there is far below


@dataclass(frozen=True)
class Shapes:
    """Windows of `min_frames` to `max_frames` in steps of `step_frames`, 1 to `max_batch` of
    them at a time; comparisons and recorded outputs are of `frames`."""

    frames: int
    min_frames: int
    max_frames: int
    step_frames: int
    hop: int
    past: int  # samples of a window before its last hop
    max_batch: int | None = None  # None: 1 where a format's sizes are fixed, else any

    @property
    def any_time(self) -> bool:
        return self.max_frames > self.min_frames

    def samples(self, frames: int) -> int:
        return frames * self.hop + self.past

    def batch(self, form: Form) -> int:
        """Return the maximum number of windows that this form takes at a time."""
        return self.max_batch or (ANY_BATCH if form.format == "onnx" else 1)

    def dims(self, form: Form) -> Dims:
        """Return the dynamic axes of the form's input."""
        largest = MOST_BATCH if form.format == "onnx" else self.batch(form)
        batch: Dims = {0: Dim("batch", min=1, max=largest)} if largest > 1 else {}
        return batch | self.time_dims(form.input)

    def time_dims(self, taken: Input) -> Dims:
        if not self.any_time:
            return {}
        step = self.step_frames
        steps = Dim("steps", min=self.min_frames // step, max=self.max_frames // step)
        if taken == "mel":
            return {3: steps if step == 1 else step * steps}
        return {1: step * self.hop * steps + self.past}

    def example(self, model: WaveformEncoder, form: Form) -> Tensor:
        """Return zeros of the largest size, because a .pte exported at a smaller size takes no
        more."""
        batch = 2 if form.format == "onnx" else self.batch(form)
        zeros = torch.zeros(batch, self.samples(self.max_frames))
        return grouped(as_input(model, form.input, zeros), form.sounds)

    def corners(self, form: Form) -> list[tuple[int, int]]:
        """Return the smallest and largest sizes: (windows, samples in each)."""
        batches, frames = {1, self.batch(form)}, {self.min_frames, self.max_frames}
        return [(b, self.samples(f)) for b, f in product(sorted(batches), sorted(frames))]

    def described(self, form: Form) -> dict[str, Any]:
        """Return the manifest's entry for the input's sizes."""
        largest, step = self.batch(form), self.step_frames
        sizes = []
        if largest > 1:
            sizes.append({"name": "batch", "min": 1, "max": largest, "step": 1})
        if self.any_time and form.input == "mel":
            low, high = self.min_frames, self.max_frames
            sizes.append({"name": "frames", "min": low, "max": high, "step": step})
        elif self.any_time:
            low, high = self.samples(self.min_frames), self.samples(self.max_frames)
            sizes.append({"name": "samples", "min": low, "max": high, "step": step * self.hop})
        return {"sizes": sizes, "tried": [list(corner) for corner in self.corners(form)]}


def shapes_of(
    model: WaveformEncoder, samples: int, max_window_ms: float | None, max_batch: int | None
) -> Shapes:
    """Return the requested sizes: windows of `samples`, or up to `max_window_ms` in whole slices.

    Raises `UserError` for fewer than one window at a time, or a longest window below the shortest.
    """
    config, slice_frames = model.frontend.config, model.encoder.config.slice_frames
    if max_batch is not None and not 1 <= max_batch <= MOST_BATCH:
        raise UserError(f"--max-batch {max_batch}: expected 1 to {MOST_BATCH} windows at a time")
    past, frames = config.window - config.hop, config.frames(samples)
    if max_window_ms is None:
        # One size, samples that fill no frame included.
        past = samples - frames * config.hop
        return Shapes(frames, frames, frames, 1, config.hop, past, max_batch)
    step = slice_frames or 1
    low = slice_frames or frames
    high = config.frames(round(max_window_ms * config.sample_rate_hz / 1000)) // step * step
    if high <= low:
        raise UserError(
            f"--max-window-ms {max_window_ms:g}: a window is then {low} frames and no longer; "
            f"expected at least {config.ms(low + step):g} ms (two sizes, in steps of {step} "
            "frames, which this encoder reads at a time), or leave it out"
        )
    middle = min(max(low, frames // step * step), high)
    return Shapes(middle, low, high, step, config.hop, past, max_batch)


def try_corners(
    shapes: Shapes,
    form: Form,
    model: WaveformEncoder,
    network: nn.Module,
    run: Callable[..., Any],
    path: Path,
) -> None:
    """Run an artifact at the ends of its ranges, on noise, beside the model.

    Raises `UserError` if it does not run, or if its output differs.
    """
    rng = torch.Generator().manual_seed(0)
    for batch, samples in shapes.corners(form):
        noise = 0.1 * torch.randn(batch + form.sounds - 1, samples, generator=rng)
        given = grouped(as_input(model, form.input, noise), form.sounds)[:batch]
        with torch.no_grad():
            expected = network(given)
        expected = expected[0] if isinstance(expected, tuple) else expected
        size = f"{path.name}: with a batch of {batch} and {samples} samples"
        try:
            found = torch.from_numpy(run(given.numpy())[0])
        except Exception as error:  # each runtime has its own
            raise UserError(f"{size} it does not run ({error}); ask for a smaller range") from error
        snr_db = 10 * torch.log10(expected.square().sum() / (found - expected).square().sum())
        if found.shape != expected.shape or not snr_db >= CORNER_SNR_DB:
            raise UserError(
                f"{size} it gives {list(found.shape)} at {float(snr_db):.1f} dB; expected "
                f"{list(expected.shape)} at {CORNER_SNR_DB:g} dB; ask for a smaller range"
            )
