"""The vectors of a model: complete, without statistics, of known size."""

from __future__ import annotations

import json

import numpy as np
import pytest
from contract.task_settings import SETTINGS

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.federated import model_vectors
from tiny_audio_ssl.federated.config import FederatedConfig
from tiny_audio_ssl.federated.model_vectors import ExchangedTensors
from tiny_audio_ssl.models.checkpoint import build_model


def exchanged_tensors(task="temporal-gap", **settings):
    pretext = json.dumps(SETTINGS.get(task, {}))
    config = FederatedConfig(width=0.25, task=task, pretext=pretext, **settings)
    own = config.pretrain()
    model = build_model(own.frontend, own.encoder)
    pretext = model_vectors.build_pretext(own, model)
    return model, pretext, ExchangedTensors.of(model, pretext, config.train_only)


def test_vectors_carry_the_whole_model(task_name):
    _, _, one = exchanged_tensors(task=task_name)
    _, _, other = exchanged_tensors(task=task_name, seed=1)
    weights, fixed = (model_vectors.to_vector(part) for part in (one.weights, one.fixed))
    assert not np.array_equal(weights, model_vectors.to_vector(other.weights))
    model_vectors.load_vector(other.weights, weights)
    model_vectors.load_vector(other.fixed, fixed)
    for kind in ("weights", "fixed"):
        for name, tensor in getattr(one, kind).items():
            assert np.array_equal(tensor.detach(), getattr(other, kind)[name].detach()), name


def test_clients_send_all_parameters_and_no_statistics(task_name):
    model, pretext, exchanged = exchanged_tensors(task=task_name)
    assert not any("running" in name for name in exchanged.weights)
    parameters = [*model.encoder.parameters(), *pretext.parameters()]
    assert len(model_vectors.to_vector(exchanged.weights)) == sum(p.numel() for p in parameters)


def test_train_only_selects_parameters_by_prefix():
    _, _, everything = exchanged_tensors()
    _, _, exchanged = exchanged_tensors(train_only="encoder.body.5, pretext")
    assert {name.split(".")[0] for name in exchanged.weights} == {"encoder", "pretext"}
    assert all(n.startswith(("encoder.body.5.", "pretext.")) for n in exchanged.weights)
    total = {*exchanged.weights, *exchanged.fixed}
    assert total == {*everything.weights, *everything.fixed}
    with pytest.raises(UserError, match=r"'decoder'.*encoder\.body"):
        exchanged_tensors(train_only="decoder")


def test_vector_of_another_size_is_refused():
    _, _, exchanged = exchanged_tensors()
    with pytest.raises(ValueError, match="expected"):
        model_vectors.load_vector(exchanged.weights, np.zeros(3, np.float32))
