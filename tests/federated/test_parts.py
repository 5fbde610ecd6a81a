"""Vectors, encodings, partitions and privacy, each by itself."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord
from support.federated_grid import TINY

from tiny_audio_ssl.data.corpus import Clip
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.federated import local_training as local
from tiny_audio_ssl.federated import model_vectors as vectors
from tiny_audio_ssl.federated import privacy
from tiny_audio_ssl.federated.config import FederatedConfig
from tiny_audio_ssl.federated.global_model import GlobalModel
from tiny_audio_ssl.federated.model_vectors import Travelling
from tiny_audio_ssl.federated.partitions import partition
from tiny_audio_ssl.federated.recordings import recordings_of
from tiny_audio_ssl.federated.reply_validation import Accepted
from tiny_audio_ssl.federated.strategies import Aggregation
from tiny_audio_ssl.federated.update_encoding import decode, encode, payload_bytes
from tiny_audio_ssl.models.checkpoint import build_model

SIZE = 10_000


def update(seed: int = 0, size: int = SIZE) -> np.ndarray:
    """As of layers of very different sizes."""
    rng = np.random.default_rng(seed)
    return (rng.normal(size=size) * np.geomspace(1e-4, 1, size)).astype(np.float32)


# --- vectors --------------------------------------------------------------------------------


def parts(**settings):
    config = FederatedConfig(width=0.25, **settings)
    own = config.pretrain()
    model = build_model(own.frontend, own.encoder)
    pretext = vectors.build(own, model)
    return model, pretext, Travelling.of(model, pretext, config.train_only)


def test_a_vector_carries_the_model(task_name):
    _, _, one = parts(task=task_name)
    _, _, other = parts(task=task_name, seed=1)
    assert not np.array_equal(vectors.read(one.weights), vectors.read(other.weights))
    for kind in ("weights", "fixed"):
        vectors.write(getattr(other, kind), vectors.read(getattr(one, kind)))
    for kind in ("weights", "fixed"):
        for name, tensor in getattr(one, kind).items():
            assert np.array_equal(tensor.detach(), getattr(other, kind)[name].detach()), name


def test_statistics_never_are_among_what_devices_send(task_name):
    model, pretext, travelling = parts(task=task_name)
    assert not any("running" in name for name in travelling.weights)
    parameters = [*model.encoder.parameters(), *pretext.parameters()]
    assert len(vectors.read(travelling.weights)) == sum(p.numel() for p in parameters)


def test_a_part_of_the_encoder():
    _, _, everything = parts()
    _, _, travelling = parts(train_only="encoder.body.5, pretext")
    assert {name.split(".")[0] for name in travelling.weights} == {"encoder", "pretext"}
    assert all(n.startswith(("encoder.body.5.", "pretext.")) for n in travelling.weights)
    total = {*travelling.weights, *travelling.fixed}
    assert total == {*everything.weights, *everything.fixed}
    with pytest.raises(UserError, match=r"'decoder'.*encoder\.body"):
        parts(train_only="decoder")


def test_a_vector_of_another_size_is_refused():
    _, _, travelling = parts()
    with pytest.raises(ValueError, match="numbers for"):
        vectors.write(travelling.weights, np.zeros(3, np.float32))


# --- encodings ------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "error"), [("float32", 0), ("float16", 5e-4), ("int8", 1e-2)])
def test_an_encoding_keeps_the_update(kind, error):
    given = update()
    found = decode(encode(given, kind), kind, SIZE)
    assert np.linalg.norm(found - given) <= error * np.linalg.norm(given)


def test_smaller_encodings_are_smaller():
    sizes = [payload_bytes(encode(update(), kind)) for kind in ("float32", "float16", "int8")]
    assert sizes[0] < 4.1 * SIZE and sizes[1] < 2.1 * SIZE and sizes[2] < 1.1 * SIZE


def test_error_feedback_loses_nothing_for_good():
    given, residual, sent = update() * 1e-3, np.zeros(SIZE, np.float32), np.zeros(SIZE)
    given[0] = 1  # makes the steps of its block coarse: its neighbours round to zero each time
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
def test_another_form_is_refused(record):
    with pytest.raises(ValueError, match="expected"):
        decode(ArrayRecord({k: Array(v) for k, v in record.items()}), "float32", SIZE)


def test_a_form_that_lies_about_itself_is_refused():
    liar = Array("float32", (SIZE,), "numpy.ndarray", Array(np.zeros(3, np.float32)).data)
    with pytest.raises(ValueError, match="expected"):
        decode(ArrayRecord({"update": liar}), "float32", SIZE)


# --- partitions -----------------------------------------------------------------------------


def clips(count: int = 120) -> list[Clip]:
    columns = [{"group": f"g{i % 12}", "label": f"l{i % 4}"} for i in range(count)]
    return [Clip(Path(f"{i}.wav"), columns=columns[i]) for i in range(count)]


@pytest.mark.parametrize("kind", ["group", "dirichlet", "iid"])
def test_every_clip_is_on_one_device(kind):
    config = FederatedConfig(partition=kind, clients=7, alpha=0.1)
    found = partition(clips(), config)
    assert sorted(i for part in found for i in part) == list(range(120))
    assert len(found) == 7 and all(found)
    assert partition(clips(), config) == found


def test_groups_are_kept_whole():
    found = partition(clips(), FederatedConfig(partition="group", clients=5))
    groups = [{clips()[i].columns["group"] for i in part} for part in found]
    assert sum(map(len, groups)) == 12
    assert {len(part) for part in found} == {20, 30}


def test_alpha_says_how_uneven_labels_are():
    def largest_share(alpha: float) -> float:
        config = FederatedConfig(partition="dirichlet", clients=4, alpha=alpha)
        counts = [
            Counter(clips(400)[i].columns["label"] for i in p)
            for p in partition(clips(400), config)
        ]
        return float(np.mean([max(c.values()) / c.total() for c in counts]))

    assert largest_share(0.1) > 0.5 > 0.35 > largest_share(1000)


def test_too_few_for_the_devices():
    with pytest.raises(UserError, match="12 groups for 20"):
        partition(clips(), FederatedConfig(partition="group", clients=20))
    with pytest.raises(UserError, match=r"no column 'speaker'.*group, label"):
        partition(clips(), FederatedConfig(partition="group", group_column="speaker"))


# --- aggregation ----------------------------------------------------------------------------


def mean_step(strategy: str, updates: list[np.ndarray]) -> np.ndarray:
    config = FederatedConfig(strategy=strategy, trim=0.25)
    accepted = [Accepted(node, each, 1, {}) for node, each in enumerate(updates)]
    weights = update(9)
    return Aggregation(config).new_weights(1, weights, accepted) - weights


@pytest.mark.parametrize("strategy", ["trimmed-mean", "median", "krum"])
def test_robust_strategies_withstand_a_liar(strategy):
    """Whose update is larger than the others, but not so much that it is refused."""
    honest = [update() + 0.5 * update(seed) for seed in range(1, 5)]
    lied = [-5 * honest[0], *honest[1:]]

    def cosine(strategy: str) -> float:
        one, other = mean_step(strategy, honest), mean_step(strategy, lied)
        return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))

    assert cosine(strategy) > 0.5 > 0 > cosine("fedavg")


def test_the_proximal_term_holds_devices_back(tmp_path):
    """With fedprox and a strong pull, a device stays nearer to what it was sent."""
    settings = {**TINY, "strategy": "fedprox", "warmup_steps": 0, "local_steps": 4}
    norms = []
    for number, mu in enumerate((0.0, 100.0)):
        config = FederatedConfig(proximal_mu=mu, out=str(tmp_path / str(number)), **settings)
        model = GlobalModel.open(config)
        recordings = recordings_of(config, {"partition-id": 0}, 0)
        trained = local.train(config, model.weights, model.fixed, recordings, 1, rank=0)
        norms.append(float(np.linalg.norm(trained.update)))
    assert norms[1] < 0.5 * norms[0]


# --- privacy --------------------------------------------------------------------------------


def test_epsilon_is_that_of_the_gaussian_mechanism():
    """Mironov 2017, arXiv 1702.07476: RDP alpha T / (2 z^2); the conversion of Canonne, Kamath,
    Steinke 2020, arXiv 2004.00010, proposition 12."""
    config = FederatedConfig(privacy="central", noise_multiplier=2.0, delta=1e-6)
    for releases in (1, 10, 100):
        alphas = np.linspace(1.01, 200, 100_000)
        bound = (
            alphas * releases / (2 * 2.0**2)
            + np.log1p(-1 / alphas)
            - (math.log(1e-6) + np.log(alphas)) / (alphas - 1)
        )
        assert privacy.epsilon(config, releases) == pytest.approx(bound.min(), rel=0.01)
    assert privacy.epsilon(config, 0) == 0


def test_local_privacy_counts_twice_the_clipping_norm():
    local = FederatedConfig(privacy="local", noise_multiplier=4.0)
    central = FederatedConfig(privacy="central", noise_multiplier=2.0)
    assert privacy.epsilon(local, 7) == pytest.approx(privacy.epsilon(central, 7))


def test_one_update_moves_a_private_mean_by_no_more_than_its_norm():
    config = FederatedConfig(privacy="central", clipping_norm=0.5, noise_multiplier=1e-6)
    honest = [update(seed) for seed in range(4)]
    with_liar = [*honest[:3], 1e6 * update(9)]
    means = [privacy.CentralPrivacy(config).mean(updates) for updates in (honest, with_liar)]
    assert np.linalg.norm(means[0] - means[1]) <= 2 * 0.5 / 4 + 1e-3


@pytest.mark.parametrize("kind", ["central", "local"])
def test_noise_has_the_size_that_is_accounted_for(kind):
    config = FederatedConfig(privacy=kind, clipping_norm=0.5, noise_multiplier=3.0)
    nothing = np.zeros(100_000, np.float32)
    if kind == "central":
        found, expected = privacy.CentralPrivacy(config).mean([nothing] * 5), 3 * 0.5 / 5
    else:
        found, expected = privacy.protect(nothing, config), 3 * 0.5
    assert found.std() == pytest.approx(expected, rel=0.02)
    assert not np.array_equal(found, privacy.noise(len(nothing), expected))


@pytest.mark.parametrize("start", [1e-3, 1e3])
def test_an_adaptive_norm_finds_the_updates(start):
    config = FederatedConfig(
        privacy="central-adaptive", clipping_norm=start, noise_multiplier=0.1, target_quantile=0.5
    )
    updates = [update(i) * (i + 1) for i in range(20)]
    central = privacy.CentralPrivacy(config)
    for _ in range(250):
        central.mean(updates)
    norms = sorted(float(np.linalg.norm(u)) for u in updates)
    assert norms[5] < central.clipping_norm < norms[14]
