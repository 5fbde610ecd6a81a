"""SecAgg+ in Kotlin: each piece is Python's to the byte, and rounds of both kinds of devices."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from cryptography.fernet import Fernet

pytest.importorskip("executorch")
pytest.importorskip("flwr")

from flwr.app import Message
from flwr.common.secure_aggregation import quantization
from flwr.common.secure_aggregation.crypto import shamir
from flwr.common.secure_aggregation.crypto.symmetric_encryption import decrypt, generate_shared_key
from flwr.common.secure_aggregation.ndarrays_arithmetic import parameters_multiply
from flwr.common.secure_aggregation.secaggplus_utils import (
    pseudo_rand_gen,
    share_keys_plaintext_concat,
)
from flwr.supercore.primitives.asymmetric import (
    bytes_to_private_key,
    bytes_to_public_key,
    generate_key_pairs,
    private_key_to_bytes,
    public_key_to_bytes,
)
from support.canary import Canary
from support.federated_grid import (
    FIRST_NODE_ID,
    ONE_ROUND,
    TINY,
    federate_on,
    left_out,
    made_update,
)
from support.native_node import MixedGrid, NativeNode

from tiny_audio_ssl.federated.config import FederatedConfig
from tiny_audio_ssl.federated.device_folder import training_entry
from tiny_audio_ssl.models import checkpoint

TOOL = "org.tinyaudiossl.federated.ToolKt"
THRESHOLD, SHARES = 3, 5
SECRETS = [bytes(range(32)), b"of twenty-one bytes..", bytes(60)]
MOD_RANGES = [2**32, 2**24]
RANGE, WEIGHT = 0.7, 137
NARROW = 0.01  # secagg-range of the rounds: updates are far smaller


@dataclass(frozen=True)
class Pieces:
    """Everything that Kotlin has made, and the keys and numbers it was given."""

    found: dict[str, Any]
    private: Any
    other: Any
    secret: bytes
    update: np.ndarray
    uniform: np.ndarray


@pytest.fixture(scope="module")
def pieces(device_java, tmp_path_factory) -> Pieces:
    folder = tmp_path_factory.mktemp("pieces")
    (private, public), (other_private, other) = generate_key_pairs(), generate_key_pairs()
    secret = generate_shared_key(private, other)
    update, uniform = made_update(), np.random.default_rng(1).random(10_000)
    update.astype("<f4").tofile(folder / "update.f32")
    uniform.astype("<f8").tofile(folder / "uniform.f64")
    asked = {
        "private": private_key_to_bytes(private).decode(),
        "public": public_key_to_bytes(public).decode(),
        "other": public_key_to_bytes(other).decode(),
        "secrets": [one.hex() for one in SECRETS],
        "threshold": THRESHOLD,
        "shares": SHARES,
        "text": SECRETS[1].hex(),
        "token": Fernet(secret).encrypt(SECRETS[2]).decode(),
        "seed": secret.hex(),
        "mod_ranges": MOD_RANGES,
        "range": RANGE,
        "weight": WEIGHT,
    }
    (folder / "asked.json").write_text(json.dumps(asked))
    done = subprocess.run(
        [*device_java, TOOL, "secagg", str(folder)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found = json.loads((folder / "found.json").read_text())
    return Pieces(found, private, other_private, secret, update, uniform)


def test_keys_agree_on_pythons_secret(pieces):
    assert bytes.fromhex(pieces.found["secret"]) == pieces.secret
    private, public, secret = pieces.found["made"]
    key = bytes_to_private_key(private.encode())
    assert public_key_to_bytes(key.public_key()) == public.encode()
    agreed = generate_shared_key(pieces.other, bytes_to_public_key(public.encode()))
    assert bytes.fromhex(secret) == agreed
    assert generate_shared_key(key, pieces.other.public_key()) == agreed


def test_shares_are_pythons_and_enough_of_them_give_the_secret(pieces, monkeypatch):
    counted = itertools.count()
    drawn = iter(lambda: next(counted) % 256, None)
    monkeypatch.setattr("os.cpu_count", lambda: 1)  # one thread draws in order
    monkeypatch.setattr(
        "Crypto.Protocol.SecretSharing.rng", lambda size: bytes(next(drawn) for _ in range(size))
    )
    for secret, texts in zip(SECRETS, pieces.found["shares"], strict=True):
        counted = itertools.count()
        drawn = iter(lambda count=counted: next(count) % 256, None)
        shares = [bytes.fromhex(text) for text in texts]
        assert shares == shamir.create_shares(secret, THRESHOLD, SHARES)
        for some in itertools.combinations(shares, THRESHOLD):
            assert shamir.combine_shares(list(some)) == secret


def test_encrypted_shares_are_pythons(pieces):
    fernet = Fernet(pieces.secret)
    expected = fernet._encrypt_from_parts(SECRETS[1], 1_800_000_000, bytes(range(16)))
    assert pieces.found["token"].encode() == expected
    assert decrypt(pieces.secret, expected) == SECRETS[1]
    assert bytes.fromhex(pieces.found["text"]) == SECRETS[2]
    letter = share_keys_plaintext_concat(2**64 - 5, 9, b"\x01\x02", b"\x03")
    assert bytes.fromhex(pieces.found["letter"]) == letter


def test_masks_are_numpys(pieces):
    for found, mod_range in zip(pieces.found["masks"], MOD_RANGES, strict=True):
        factor, rest = pseudo_rand_gen(pieces.secret, mod_range, [(1,), (1_499,)])
        assert found == [*factor.tolist(), *rest.tolist()]


def test_rounding_is_pythons(pieces, monkeypatch):
    monkeypatch.setattr(np.random, "rand", lambda *shape: pieces.uniform)
    factor = round(WEIGHT / 1000 * 2**22)
    weighted = parameters_multiply([pieces.update], factor / 2**22)
    (expected,) = quantization.quantize(weighted, RANGE, 2**22)
    assert pieces.found["quantized"] == [factor, *expected.tolist()]


@pytest.fixture(scope="module")
def canary(device_start, tmp_path_factory) -> Canary:
    """Recordings of three clients, equal and one clip long."""
    return Canary(tmp_path_factory.mktemp("clips"), config_of(device_start, Path()))


@pytest.fixture(scope="module")
def native(device_java, device_program, device_start, canary) -> Iterator[NativeNode]:
    """The native device, which is the second of three nodes."""
    engine = device_program.with_name("libtinyaudio_engine.so")
    device = device_start / "device"
    clips = canary.node_configs[1]["audio"]
    node = NativeNode(
        [*device_java, TOOL, "node", str(device), str(engine), clips], device, FIRST_NODE_ID + 1
    )
    yield node
    node.close()


def config_of(start: Path, out: Path, **settings: Any) -> FederatedConfig:
    artifact = start / "run" / "export-training"
    return FederatedConfig(
        out=str(out),
        **{
            **TINY, **ONE_ROUND, "clients": 3, "start": str(start / "run"), "norm": "frozen",
            "draws": "counter", "artifact": str(artifact),
            "artifact_sha256": training_entry(artifact)["sha256"], **settings,
        },
    )  # fmt: skip


def learned(config: FederatedConfig, native: NativeNode, canary: Canary, meddle=None) -> np.ndarray:
    """Return what a round of one native and two Python devices adds to the weights."""
    start = weights(Path(config.start))
    federate_on(MixedGrid(config, native, canary.node_configs, meddle), config)
    return weights(Path(config.out)) - start


def weights(run: Path) -> np.ndarray:
    """Return the encoder's parameters in a run's last checkpoint, [n]."""
    encoder = checkpoint.load(run).model.encoder
    return torch.cat([one.detach().flatten() for one in encoder.parameters()]).numpy()


@pytest.mark.parametrize("dead", [None, 0, 1])
def test_the_mean_is_the_plain_one_whoever_drops_out(dead, native, canary, device_start, tmp_path):
    """Nobody, a Python device or the native one dies after it has shared its keys: the native
    device's shares unmask the mean, or others' shares of its key."""

    def die(sent: Message, reply: Message) -> Message | None:
        is_asked = any(name in sent.content for name in ("fitins.config", "arrays"))
        is_dead = dead is not None and reply.metadata.src_node_id == FIRST_NODE_ID + dead
        return None if is_asked and is_dead else reply

    settings = {"secure_aggregation": True, "secagg_range": NARROW}
    secure = config_of(device_start, tmp_path / "secure", **settings)
    plain = replace(secure, out=str(tmp_path / "plain"), secure_aggregation=False)
    before = len(native.sent)
    found, expected = (learned(config, native, canary, die) for config in (secure, plain))
    assert set(left_out(tmp_path / "secure")) == ({dead} if dead is not None else set())
    assert np.abs(expected).max() > 1e-4
    # A step of the quantizer, 2 x range / 2^22, over a client's share of the weight.
    assert np.abs(found - expected).max() < 2 * NARROW / 2**22 * 1000 / 3
    assert not np.array_equal(found, expected)
    check_canary(canary, native.sent[before:], device_start)


def check_canary(canary: Canary, sent: list[bytes], start: Path) -> None:
    if not hasattr(canary, "tables"):
        frontend = checkpoint.load(start / "run").model.frontend
        canary.add_log_mel(frontend(torch.from_numpy(canary.wave)[None]).detach().numpy())
    assert len(sent) > 10 and canary.is_in(b"..." + canary.wave.tobytes()[:256])
    for blob in sent:
        assert not canary.is_in(blob)
        assert os.fsencode(canary.node_configs[1]["audio"]) not in blob


@pytest.mark.parametrize("encoding", ["float16", "int8"])
def test_no_encoding_lets_a_recording_out(encoding, native, canary, device_start, tmp_path):
    """Every byte of the requests of a round, in which all updates count; float32 is above."""
    config = config_of(device_start, tmp_path / "run", encoding=encoding)
    before = len(native.sent)
    learned(config, native, canary)
    assert not left_out(tmp_path / "run")
    check_canary(canary, native.sent[before:], device_start)


def test_private_updates_are_clipped_before_they_are_masked(native, canary, device_start, tmp_path):
    settings = {"privacy": "central", "clipping_norm": 1e-3, "noise_multiplier": 1e-6}
    config = config_of(device_start, tmp_path / "run", secure_aggregation=True, **settings)
    found = learned(config, native, canary)
    assert not left_out(tmp_path / "run")
    assert 1e-4 < np.linalg.norm(found) < 1.05e-3


def test_an_update_beyond_the_range_is_refused(native, canary, device_start, tmp_path):
    config = config_of(device_start, tmp_path / "run", secure_aggregation=True, secagg_range=1e-6)
    learned(config, native, canary)
    reasons = left_out(tmp_path / "run")
    assert set(reasons) == {0, 1, 2}
    assert all("beyond secagg-range" in text for text in reasons.values())
