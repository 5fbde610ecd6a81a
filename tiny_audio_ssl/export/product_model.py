"""load_product: load the output of a task beside the embedding, in one call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from tiny_audio_ssl.audio import io as audio
from tiny_audio_ssl.audio.io import SAMPLE_RATE_HZ
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.export import manifest
from tiny_audio_ssl.export.forms import FORMATS
from tiny_audio_ssl.export.products import FromWaveform, outputs_of, product_of
from tiny_audio_ssl.export.runtimes import open_outputs
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.pretext.product import Output, Product

Arrays = list[NDArray[Any]]


def load_product(path: str | Path) -> ProductModel:
    """Load the output of a task beside the embedding: unit ids, enhanced or separated sound, and so
    on.

    Args:
        path: a run or a checkpoint, which is computed with PyTorch; or an export made with
            --product, or one of its artifacts that take waveforms, which their own runtime
            computes. Of a folder, the .onnx is taken if there is one.

    Raises `UserError`: no such path, a run whose only output is the embedding, an export of
    embeddings, a missing extra.

    Examples:
        >>> import numpy as np
        >>> import tiny_audio_ssl
        >>> units = tiny_audio_ssl.load_product("runs/units")
        >>> units(np.zeros(16_000))["units"].shape  # of one second: [steps, groups]
        (23, 2)
    """
    folder = Path(path)
    if (folder / manifest.MANIFEST).is_file() or folder.suffix in _endings():
        return _of_artifact(folder)
    loaded = checkpoint.load(path)
    return _of_run(product_of(path, loaded), loaded)


class ProductModel:
    """A product that is called with sound and gives a dictionary of its outputs by name."""

    def __init__(
        self,
        name: str,
        outputs: Sequence[Output],
        run: Callable[[NDArray[np.float32]], Arrays],
        *,
        sounds: int = 1,
        shortest: int = 1,
        window_samples: int | None = None,
    ) -> None:
        """Wrap a function from waveforms to outputs, both with the axis of the batch.

        Args:
            run: takes [B, samples], or [B, sounds, samples] for a product that compares sounds.
            shortest: samples up to which zeros are appended.
            window_samples: the only length that `run` takes; None: any.
        """
        self.name = name
        self.outputs = tuple(outputs)  # each with a name, and a meaning with axes and units
        self.sounds = sounds
        self.window_samples = window_samples
        self._run, self._shortest = run, shortest

    def __call__(
        self, *waveforms: ArrayLike, sample_rate_hz: int | Sequence[int] = SAMPLE_RATE_HZ
    ) -> dict[str, NDArray[Any]]:
        """Return the outputs by name.

        Args:
            waveforms: one sound, or two for a product that compares them: float [samples], or
                several at once [B, samples], mono, -1..1 (see `audio.waveform`). A batch gives
                outputs with an axis more, the first.
            sample_rate_hz: of all, or one for each of the waveforms. Others than 16 kHz are
                resampled first; waveforms in the outputs have 16 kHz.

        Raises `UserError`: another number of waveforms, different lengths, another length than that
        of the artifact, and for samples as `Embedder.embed` does.
        """
        if len(waveforms) != self.sounds:
            raise UserError(f"{self.name} takes {self.sounds} sounds; {len(waveforms)} were given")
        rates = (
            [sample_rate_hz] * self.sounds if isinstance(sample_rate_hz, int) else sample_rate_hz
        )
        given = [audio.from_array(wave, rate) for wave, rate in zip(waveforms, rates, strict=True)]
        if len({wave.shape for wave in given}) > 1:
            shapes = " and ".join(str(list(wave.shape)) for wave in given)
            raise UserError(
                f"{self.name} compares sounds of the same length; at 16 kHz they have the shapes "
                f"{shapes}: cut the longer one"
            )
        rows = [np.atleast_2d(wave) for wave in given]
        together = rows[0] if self.sounds == 1 else np.stack(rows, axis=1)
        found = self._run(self._of_length(together))
        alone = given[0].ndim == 1
        named = zip(self.outputs, found, strict=True)
        return {output.name: values[0] if alone else values for output, values in named}

    def _of_length(self, waves: NDArray[np.float32]) -> NDArray[np.float32]:
        samples = waves.shape[-1]
        if self.window_samples not in (None, samples):
            raise UserError(
                f"{self.name}: {samples} samples at 16 kHz; this artifact takes "
                f"{self.window_samples}. Cut the sound or append zeros, or load the run, which "
                "takes any length"
            )
        missing = max(0, self._shortest - samples)
        return np.pad(waves, [(0, 0)] * (waves.ndim - 1) + [(0, missing)])


def _of_run(product: Product, loaded: checkpoint.Checkpoint) -> ProductModel:
    frontend, module, shortest = loaded.model.frontend, product.module.eval(), 1
    if product.takes == "mel":
        module = FromWaveform(frontend, module).eval()
        shortest = frontend.config.samples(product.config.slice_frames(frontend.config))

    def run(waves: NDArray[np.float32]) -> Arrays:
        return [found.numpy() for found in outputs_of(module, torch.from_numpy(waves))]

    return ProductModel(
        product.name, product.outputs, run, sounds=product.sounds, shortest=shortest
    )


def _of_artifact(path: Path) -> ProductModel:
    """Open an artifact with its manifest beside it, or the best one of a folder."""
    folder = path if path.is_dir() else path.parent
    entries = manifest.read(folder)["artifacts"]
    fitting = [entry for entry in entries if _gives_product(entry)]
    chosen = [e for e in fitting if path.is_dir() or e["file"] == path.name]
    if not chosen:
        files = ", ".join(entry["file"] for entry in fitting)
        raise UserError(
            f"{path}: no artifact that gives a product and takes waveforms; expected "
            f"{files or 'an export made with --product NAME and --input waveform'}"
        )
    entry = max(chosen, key=lambda entry: entry["format"] == "onnx")
    shape = entry["input"]["shape"]
    run, any_batch = open_outputs(folder / entry["file"]), shape[0] != 1

    def run_batch(waves: NDArray[np.float32]) -> Arrays:
        if any_batch:
            return run(np.ascontiguousarray(waves))
        rows = [run(np.ascontiguousarray(wave[None])) for wave in waves]
        return [np.concatenate(outputs) for outputs in zip(*rows, strict=True)]

    return ProductModel(
        entry["product"]["name"],
        [Output(output["name"], output["meaning"]) for output in entry["outputs"]],
        run_batch,
        sounds=shape[1] if len(shape) == 3 else 1,
        window_samples=shape[-1],
    )


def _gives_product(entry: Mapping[str, Any]) -> bool:
    return "product" in entry and entry["input"]["kind"] == "waveform"


def _endings() -> tuple[str, ...]:
    return tuple(format.suffix for format in FORMATS.values())
