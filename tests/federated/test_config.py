"""FederatedConfig: what it accepts, and its round trip through Flower's run config."""

from __future__ import annotations

import subprocess
import sys
import tomllib

import pytest
import tomli_w

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.federated.config import DEFAULTS, FederatedConfig


def test_run_config_gives_the_same_settings_back():
    config = FederatedConfig(task="cola", privacy="local", encoding="int8", out="x")
    assert FederatedConfig.from_run_config(config.run_config()) == config


def test_run_config_survives_its_file():
    config = FederatedConfig(pretext='{"slice_ms": 475}', out='/a "b"/\\ü', delta=1e-7)
    written = tomli_w.dumps(config.run_config())
    assert FederatedConfig.from_run_config(tomllib.loads(written)) == config


def test_unknown_key_is_named_and_the_known_are_listed():
    message = r"run config .*: local-stepz not known, written by another .* task, .*local-steps"
    with pytest.raises(UserError, match=message):
        FederatedConfig.from_run_config({**DEFAULTS, "local-stepz": 3})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"strategy": "fedsgd"}, "choose from fedavg, fedprox"),
        ({"rounds": "ten"}, "rounds is 'ten'; expected a value of type int"),
        ({"rounds": 0}, "at least 1"),
        ({"clients_per_round": 20}, r"min_clients \(2\) up to clients \(10\)"),
        ({"dropout": 1.0}, "less than 1"),
        ({"pretext": '{"slice": 1}'}, "does not fit temporal-gap"),
        ({"pretext": "nonsense"}, "expected JSON"),
        ({"task": "speech"}, "choose from temporal-gap"),
        ({"backend": "executorch", "norm": "local"}, "choose norm frozen or group"),
        ({"secure_aggregation": True, "strategy": "krum"}, "compares single updates"),
        ({"secure_aggregation": True, "privacy": "central-adaptive"}, "choose central or local"),
        ({"secure_aggregation": True, "encoding": "int8"}, "leave the encoding out"),
        ({"privacy": "central", "noise_multiplier": 0.0}, "noise-multiplier"),
        ({"draws": "counter", "task": "cpc"}, "choose library"),
        ({"draws": "counter", "task": "cola", "pretext": '{"mixup": 0.3}'}, "choose library"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(UserError, match=message):
        FederatedConfig(**settings)


def test_importing_the_settings_loads_neither_torch_nor_flower():
    code = "import sys, tiny_audio_ssl.federated.config\n"
    code += "assert not {'torch', 'flwr'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_client_needs_neither_ray_nor_plots_nor_probes():
    """The extra `federated-device` leaves these packages out."""
    left_out = ["ray", "opacus", "matplotlib", "sklearn", "onnx", "onnxruntime", "executorch"]
    left_out += ["tomli_w", "trustme"]
    code = f"import sys; sys.modules.update(dict.fromkeys({left_out}))\n"
    code += "import tiny_audio_ssl.federated.client_app"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_targets_before_training_are_refused():
    with pytest.raises(UserError, match='leave "views" out'):
        FederatedConfig(task="distillation", pretext='{"views": 2}').pretrain()
