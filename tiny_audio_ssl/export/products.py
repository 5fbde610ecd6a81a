"""Products: artifacts of the outputs of a task beside the embedding, such as unit ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.export import manifest_content
from tiny_audio_ssl.export.config import EMBEDDING, Input, Precision
from tiny_audio_ssl.export.forms import Form, as_input, grouped
from tiny_audio_ssl.export.heads import ScoreParity
from tiny_audio_ssl.export.parity import MIN_SNR_DB, Parity, compare
from tiny_audio_ssl.export.shapes import Shapes
from tiny_audio_ssl.models.checkpoint import Checkpoint
from tiny_audio_ssl.models.encoders import WaveformEncoder
from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.pretext import config_class, pretext_class
from tiny_audio_ssl.pretext.product import Product
from tiny_audio_ssl.training.run_task import trained_product

MAX_OTHER_IDS = 0.01  # share of ids that may differ from eager's, for entries about as near


class FromWaveform(nn.Module):
    """The front-end before a module that takes log-mel: samples [B, N] -> its outputs."""

    def __init__(self, frontend: LogMel, module: nn.Module) -> None:
        super().__init__()
        self.frontend, self.module = frontend, module

    def forward(self, waveform: Tensor) -> Any:
        return self.module(self.frontend(waveform))


def product_of(run: str | Path, loaded: Checkpoint) -> Product:
    """Return the product of a run's task, with the weights of its checkpoint.

    Raises `UserError`: a model without a task's heads, a task without a product.
    """
    if loaded.facts is not None:
        raise UserError(
            f"{run}: a model without the heads of its task, whose only output is the {EMBEDDING}; "
            "expected a run"
        )
    found = trained_product(loaded)
    if found is None:
        raise UserError(
            f"{run} was trained by {loaded.run.get('task')}, whose only output is the {EMBEDDING}; "
            "docs/byproducts.md lists the tasks with other outputs"
        )
    return found


def named_product(run: str | Path, loaded: Checkpoint, name: str) -> Product:
    """Return the product of that name. Raises `UserError` if the run's task gives another, and as
    `product_of` does."""
    found = product_of(run, loaded)
    if found.name != name:
        raise UserError(
            f"--product {name}: {run} was trained by {loaded.run.get('task')}, whose outputs are "
            f"{EMBEDDING} and {found.name}"
        )
    return found


def rebuilt(content: Mapping[str, Any], model: WaveformEncoder) -> Product:
    """Return the product that a manifest describes, with random weights, around a model."""
    about = content["product"]
    config = config_class(about["task"])(**about["settings"])
    pretext = pretext_class(about["task"])(config, model.encoder, model.frontend.config)
    found = pretext.eval().product(model.frontend, model.encoder)
    assert found is not None
    return found


def product_network(product: Product, frontend: LogMel, taken: Input) -> nn.Module:
    """Return the module that an artifact with this input holds."""
    if taken == "mel" or product.takes == "waveform":
        return product.module
    return FromWaveform(frontend, product.module).eval()


def forms_of(product: Product, forms: Sequence[Form]) -> list[Form]:
    """Return the forms that the product has: with log-mel as input only if it takes that.

    Raises `UserError` if that leaves none, and for a stream of a product that has none.
    """
    if product.stream is None and any(form.input == "stream" for form in forms):
        raise UserError(
            f"--product {product.name} can't be combined with --input stream; export it with "
            "--input waveform"
        )
    fitting = [form for form in forms if form.input != "mel" or product.takes == "mel"]
    if not fitting:
        raise UserError(f"{product.name} is computed from samples; export it with --input waveform")
    return [replace(form, product=product.name, sounds=product.sounds) for form in fitting]


def product_entry(
    form: Form, model: WaveformEncoder, product: Product, task: str, path: Path, shapes: Shapes
) -> dict[str, Any]:
    """Return the manifest's entry for one artifact of a product."""
    silence = torch.zeros(1, shapes.samples(shapes.frames))
    network = product_network(product, model.frontend, form.input)
    given = grouped(as_input(model, form.input, silence), form.sounds)
    found = outputs_of(network, given)
    entry = manifest_content.entry(form, model, silence.shape[1], path, None, shapes)
    batch = entry["input"]["shape"][0]
    entry["input"]["shape"] = [batch, *given.shape[1:]]
    return entry | {
        "outputs": described_outputs(product, found, batch),
        "product": product_facts(product, task),
    }


def described_outputs(
    product: Product, values: Sequence[Tensor], batch: int | str
) -> list[dict[str, Any]]:
    """Return the manifest's entries for outputs, of which `values` are an example."""
    return [
        {
            "name": output.name,
            "shape": [batch, *value.shape[1:]],
            "dtype": str(value.dtype).removeprefix("torch."),
            "meaning": output.meaning,
        }
        for output, value in zip(product.outputs, values, strict=True)
    ]


def product_facts(product: Product, task: str) -> dict[str, Any]:
    """Return the manifest's `product`: what is needed to build the product's network again."""
    return {"name": product.name, "task": task, "settings": asdict(product.config)}


@torch.no_grad()
def outputs_of(network: nn.Module, inputs: Tensor) -> list[Tensor]:
    """Return the outputs of a module as a list."""
    found = network(inputs)
    return list(found) if isinstance(found, tuple) else [found]


def compare_outputs(
    product: Product, found: Sequence[Tensor], expected: Sequence[Tensor], precision: Precision
) -> tuple[Parity | None, dict[str, ScoreParity]]:
    """Compare an artifact's outputs with eager's: signals by their ratio to the difference, of
    which the lowest is returned, and ids by the share that is equal, for each output."""
    signals, ids = [], {}
    for output, got, wanted in zip(product.outputs, found, expected, strict=True):
        if wanted.is_floating_point():
            signals.append(compare(got.flatten(1), wanted.flatten(1), MIN_SNR_DB[precision]))
        else:
            same = float((got == wanted).float().mean())
            ids[output.name] = ScoreParity(same, 1 - same, MAX_OTHER_IDS)
    return min(signals, key=lambda parity: parity.snr_db, default=None), ids
