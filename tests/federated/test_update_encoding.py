"""Encodings of updates: accuracy, size, error feedback, and the refusal of anything else."""

from __future__ import annotations

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, Context, RecordDict
from support.federated_grid import made_update

from tiny_audio_ssl.federated import client_app
from tiny_audio_ssl.federated.config import FederatedConfig
from tiny_audio_ssl.federated.update_encoding import decode, encode, payload_bytes

SIZE = 10_000


@pytest.mark.parametrize(("encoding", "error"), [("float32", 0), ("float16", 5e-4), ("int8", 1e-2)])
def test_encoding_keeps_the_update(encoding, error):
    given = made_update()
    found = decode(encode(given, encoding), encoding, SIZE)
    assert np.linalg.norm(found - given) <= error * np.linalg.norm(given)


def test_smaller_encodings_are_smaller():
    sizes = [payload_bytes(encode(made_update(), kind)) for kind in ("float32", "float16", "int8")]
    assert sizes[0] < 4.1 * SIZE and sizes[1] < 2.1 * SIZE and sizes[2] < 1.1 * SIZE


def test_error_feedback_loses_nothing_for_good():
    given, residual, sent = made_update() * 1e-3, np.zeros(SIZE, np.float32), np.zeros(SIZE)
    given[0] = 1  # makes the steps of its block coarse: its neighbors round to zero each time
    without = sum(decode(encode(given, "int8"), "int8", SIZE) for _ in range(200))
    for _ in range(200):
        record = encode(given + residual, "int8")
        residual = given + residual - decode(record, "int8", SIZE)
        sent += decode(record, "int8", SIZE)
    assert not without[1:256].any()
    assert np.abs(sent[1:256] - 200 * given[1:256]).max() < 1 / 127


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"update": np.zeros(SIZE, np.float64)},
        {"update": np.zeros(SIZE + 1, np.float32)},
        {"update": np.zeros((SIZE, 1), np.float32)},
        {"update": np.zeros(SIZE, np.float32), "more": np.zeros(1)},
    ],
)
def test_unexpected_arrays_are_refused(record):
    with pytest.raises(ValueError, match="expected"):
        decode(ArrayRecord({k: Array(v) for k, v in record.items()}), "float32", SIZE)


def test_false_shape_is_refused():
    false = Array("float32", (SIZE,), "numpy.ndarray", Array(np.zeros(3, np.float32)).data)
    with pytest.raises(ValueError, match="expected"):
        decode(ArrayRecord({"update": false}), "float32", SIZE)


def test_an_update_beyond_the_encodings_range_does_not_break_later_ones():
    context = Context(run_id=1, node_id=1, node_config={}, state=RecordDict(), run_config={})
    config = FederatedConfig(encoding="float16")
    usual = made_update()
    sent = client_app._encode(np.where(np.arange(SIZE) == 3, 70_000, usual), config, context)
    assert np.isinf(sent["update"].numpy()[3])
    later = decode(client_app._encode(usual, config, context), "float16", SIZE)
    assert np.linalg.norm(later - usual) <= 5e-4 * np.linalg.norm(usual)
