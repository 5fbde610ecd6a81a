"""Updates as float32, float16 or int8 arrays.

Error feedback: a client keeps the rounding error and adds it to its next update, so that no
rounding error is lost (Seide et al., Interspeech 2014; Karimireddy et al. 2019, arXiv 1901.09847,
algorithm 2).
"""

from __future__ import annotations

import numpy as np
from flwr.app import Array, ArrayRecord

from tiny_audio_ssl.federated.config import Encoding
from tiny_audio_ssl.federated.model_vectors import Vector

BLOCK = 256  # int8: numbers that share a scale; layers differ in size by a hundred times
DTYPES: dict[str, type[np.generic]] = {
    "float32": np.float32,
    "float16": np.float16,
    "int8": np.int8,
}


def encode(update: Vector, encoding: Encoding) -> ArrayRecord:
    """Return {"update": [n] in the encoding, and for int8 "scales": float32 [blocks]}."""
    if encoding != "int8":
        with np.errstate(over="ignore"):  # to infinity, which the server refuses by name
            return ArrayRecord({"update": Array(update.astype(DTYPES[encoding]))})
    blocks = _blocks(update)
    scales = np.abs(blocks).max(axis=1) / 127
    steps = blocks / np.where(scales > 0, scales, 1)[:, None]
    rounded = np.rint(steps).astype(np.int8).ravel()[: len(update)]
    return ArrayRecord({"update": Array(rounded), "scales": Array(scales.astype(np.float32))})


def decode(record: ArrayRecord, encoding: Encoding, size: int) -> Vector:
    """Decode the output of `encode`; returns the update, float32 [size].

    Raises `ValueError` if the record does not have the arrays that `encode` makes for this size.
    """
    expected = {"update", "scales"} if encoding == "int8" else {"update"}
    if set(record) != expected:
        raise ValueError(f"arrays {', '.join(record) or 'none'}; expected {', '.join(expected)}")
    update = _array(record, "update", (size,), DTYPES[encoding])
    if encoding != "int8":
        return update.astype(np.float32)
    scales = _array(record, "scales", (-(-size // BLOCK),), np.float32)
    blocks = _blocks(update.astype(np.float32)) * scales[:, None]
    decoded: Vector = blocks.ravel()[:size]
    return decoded


def payload_bytes(record: ArrayRecord) -> int:
    """Return the size of the arrays as they are sent, in bytes."""
    return sum(len(array.data) for array in record.values())


def _blocks(vector: Vector) -> Vector:
    padded: Vector = np.pad(vector, (0, -len(vector) % BLOCK)).reshape(-1, BLOCK)
    return padded


def _array(
    record: ArrayRecord, name: str, shape: tuple[int, ...], dtype: type[np.generic]
) -> np.ndarray:
    array = record[name]
    # First by what the record announces, before anything is unpacked; then by the array itself.
    found = array.numpy() if tuple(array.shape) == shape and array.dtype == dtype.__name__ else None
    if found is None or found.shape != shape or found.dtype != dtype:
        raise ValueError(
            f"{name}: {array.dtype} {tuple(array.shape)}; expected {dtype.__name__} {shape}"
        )
    return found
