"""reference.json: inputs that any device can compute, and the outputs of each artifact for them.

The inputs are integer arithmetic, the same to the bit on every platform and in every language, so
that an app can check itself as `tiny-audio-ssl verify` does, without a recording. Sample n of clip
`seed`, modulo 2^32 but for the last line, `>>` shifting in zeros:

    h = 2654435761 (n + 1000003 seed);   h = 2246822519 (h ^ (h >> 15));   noise = h ^ (h >> 16)
    phase_k = n (13421773 (3 k + seed + 1) + 9697 (k + 1) n)              a sweep, k = 0, 1, 2
    triangle_k = floor((|(phase_k >> 16) - 32768| - 16384) / 4)
    pcm = triangle_0 + triangle_1 + triangle_2 + (noise >> 19) - 4096

A waveform is pcm / 32768, in -0.5..0.5, and so is a stream's first packet; a log-mel [bands,
frames] is made of the same numbers, row after row, / 8192. So are the inputs of a training step, or
zeros where they are integers; what it gives is the loss and the norm of each gradient.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.export.config import EMBEDDING
from tiny_audio_ssl.export.parity import compare
from tiny_audio_ssl.export.runtimes import open_outputs
from tiny_audio_ssl.utils.files import sha256, write_json
from tiny_audio_ssl.utils.written_by import unreadable

REFERENCE = "reference.json"
FORMAT = 1
SEEDS = (0, 1, 2)
DIGITS = 7  # significant: float32 has no more
# Other processors add in another order; what is rounded to int8 may then be one step off.
MIN_SNR_DB, MIN_SNR_DB_ROUNDED = 60.0, 40.0
MAX_SCORE_ERROR, MAX_SCORE_ERROR_ROUNDED = 1e-3, 2e-2
MAX_OTHER_IDS = 2e-2  # share

Floats = NDArray[np.float32]
Outputs = dict[str, Floats]  # by name: [clips, D], or of a product [clips, ...], perhaps integers
RunOnReferences = Callable[[Path, Mapping[str, Any]], Outputs]


def pcm(seed: int, samples: int) -> NDArray[np.int64]:
    """Return the clip `seed` as whole numbers [samples] in -16384..16383."""
    u32 = np.uint32
    n = np.arange(samples, dtype=u32)
    h = (n + u32(1_000_003 * seed)) * u32(2_654_435_761)  # arrays wrap round, as they should
    h = (h ^ (h >> u32(15))) * u32(2_246_822_519)
    noise = h ^ (h >> u32(16))
    mixed = (noise >> u32(19)).astype(np.int64) - 4096
    for k in range(3):
        phase = n * (u32(13_421_773 * (3 * k + seed + 1)) + u32(9_697 * (k + 1)) * n)
        mixed += (np.abs((phase >> u32(16)).astype(np.int64) - 32_768) - 16_384) // 4
    return mixed


def run_on_references(path: Path, about: Mapping[str, Any]) -> Outputs:
    """Run the artifact at `path` on the clips; `about` is its entry in the manifest.

    Raises `UserError`: its runtime does not load it, does not take the input that the manifest
    says, or gives other outputs.
    """
    shape = [1, *about["input"]["shape"][1:]]
    scale = 8_192 if about["input"]["kind"] == "mel" else 32_768
    state = [
        np.zeros((1, *tensor["shape"][1:]), np.float32)
        for tensor in about.get("stream", {}).get("state", [])
    ]
    names = [output["name"] for output in about["outputs"]]
    run = open_outputs(path)
    rows = []
    for seed in SEEDS:
        clip = pcm(seed, int(np.prod(shape))).astype(np.float32) / np.float32(scale)
        try:
            rows.append(run(clip.reshape(shape), *state)[: len(names)])  # a stream's state follows
        except Exception as error:  # each runtime has its own
            raise UserError(f"{path}: does not take {shape} ({_first_line(error)})") from error
    sizes = [output["shape"][1:] for output in about["outputs"]]
    if [list(row.shape[1:]) for row in rows[0]] != sizes:
        raise UserError(f"{path}: gives {[row.shape for row in rows[0]]}, not {names} {sizes}")
    return {name: np.concatenate(found) for name, *found in zip(names, *rows, strict=True)}


def described(file: Path) -> dict[str, str]:
    """Return the manifest's entry for the file that `record` wrote."""
    return {"file": file.name, "sha256": sha256(file)}


def record(
    folder: Path, artifacts: Sequence[Mapping[str, Any]], run: RunOnReferences = run_on_references
) -> Path:
    """Write the outputs of the artifacts in `folder`; return the file.

    `run`: training artifacts have one of their own.
    """
    found = {about["file"]: run(folder / about["file"], about) for about in artifacts}
    content = {
        "format": FORMAT,
        "seeds": SEEDS,
        "artifacts": {
            about["file"]: {
                "limits": _limits(about),
                "outputs": {n: _rounded(rows) for n, rows in found[about["file"]].items()},
            }
            for about in artifacts
        },
    }
    write_json(folder / REFERENCE, content, indent=None)
    return folder / REFERENCE


def read(file: Path) -> dict[str, Any]:
    """Read the file of `record`, by artifact. Raises `UserError` if it is not one."""
    try:
        content = json.loads(file.read_text())
        if (content["format"], content["seeds"]) == (FORMAT, list(SEEDS)):
            return dict(content["artifacts"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{file}: no reference embeddings ({error}); export again") from error
    found = f"format {content['format']} with seeds {content['seeds']}"
    raise UserError(unreadable(file, found, f"format {FORMAT} with seeds {list(SEEDS)}", content))


def differences(
    found: Outputs, expected: Mapping[str, Any], learned_dim: int | None = None
) -> list[str]:
    """Return one line for each output that differs from the record by more than its limit.

    `learned_dim`: as `manifest.learned_dim` returns it. That part of an embedding is compared by
    itself, too, as exports do: see `parity.compare_kinds`.
    """
    limits, wrong = expected["limits"], []
    for name, rows in expected["outputs"].items():
        then, now = torch.tensor(rows), torch.from_numpy(found[name]).flatten(1)
        if name == EMBEDDING:
            snr_db = compare(now, then, limits["min_snr_db"], learned_dim).snr_db
            if not snr_db >= limits["min_snr_db"]:  # nor is NaN
                wrong.append(
                    f"gives other embeddings of the reference clips than when it was exported "
                    f"({snr_db:.1f} dB, at least {limits['min_snr_db']:g} expected)"
                )
        elif "max_other_ids" in limits:
            wrong += _other_outputs(name, now, then, limits)
        elif not (error := float((now - then).abs().max())) <= limits["max_score_error"]:
            wrong.append(
                f"gives other {name} of the reference clips than when it was exported (by "
                f"{error:.3g}, at most {limits['max_score_error']:g} expected)"
            )
    return wrong


def _limits(about: Mapping[str, Any]) -> dict[str, float]:
    exact = about["precision"] == "fp32"
    if "product" in about:
        return {"min_snr_db": MIN_SNR_DB, "max_other_ids": MAX_OTHER_IDS}
    return {
        "min_snr_db": MIN_SNR_DB if exact else MIN_SNR_DB_ROUNDED,
        "max_score_error": MAX_SCORE_ERROR if exact else MAX_SCORE_ERROR_ROUNDED,
    }


def _other_outputs(
    name: str, now: Tensor, then: Tensor, limits: Mapping[str, float]
) -> Iterator[str]:
    """Yield a line if an output of a product, ids or a signal, is not as it was."""
    if now.is_floating_point():
        snr_db = compare(now, then, limits["min_snr_db"]).snr_db
        if not snr_db >= limits["min_snr_db"]:
            yield (
                f"gives other {name} of the reference clips than when it was exported "
                f"({snr_db:.1f} dB, at least {limits['min_snr_db']:g} expected)"
            )
    elif not (share := float((now != then).float().mean())) <= limits["max_other_ids"]:
        yield (
            f"gives other {name} of the reference clips than when it was exported ({share:.1%} of "
            f"them, at most {limits['max_other_ids']:.1%} expected)"
        )


def _rounded(rows: Floats) -> list[list[float]]:
    """Return the rows [clips, ...], flattened."""
    flat = rows.reshape(len(rows), -1).tolist()
    return [[float(f"{value:.{DIGITS}g}") for value in row] for row in flat]


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
