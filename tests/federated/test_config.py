"""One definition of the settings: the command line's, the run config's, the Flower app's."""

from __future__ import annotations

import subprocess
import sys
import tomllib

import pytest
from support.paths import ROOT

from tiny_audio_ssl import cli
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.federated.config import DEFAULTS, FederatedConfig
from tiny_audio_ssl.federated.processes import toml

PROJECT = tomllib.loads((ROOT / "federated" / "pyproject.toml").read_text())
APP = PROJECT["tool"]["flwr"]["app"]


def test_the_app_lists_every_setting_with_its_default():
    assert APP["config"] == DEFAULTS


def test_flower_has_nothing_to_install_for_a_run():
    """It would do so from a registry, for each run and on each device."""
    assert PROJECT["project"]["dependencies"] == []


def test_a_run_config_gives_the_same_settings_back():
    config = FederatedConfig(task="cola", privacy="local", encoding="int8", out="x")
    assert FederatedConfig.from_run_config(config.run_config()) == config


def test_a_run_config_survives_its_file():
    config = FederatedConfig(pretext='{"slice_ms": 475}', out='/a "b"/\\ü', delta=1e-7)
    assert FederatedConfig.from_run_config(tomllib.loads(toml(config.run_config()))) == config


def test_an_unknown_key_is_named_and_the_known_are_listed():
    with pytest.raises(UserError, match=r"local-stepz not known; the keys are task, .*local-steps"):
        FederatedConfig.from_run_config({**DEFAULTS, "local-stepz": 3})


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"strategy": "fedsgd"}, "choose from fedavg, fedprox"),
        ({"rounds": "ten"}, "rounds is 'ten'; expected a value of type int"),
        ({"rounds": 0}, "at least 1"),
        ({"clients_per_round": 20}, r"min_clients \(2\) up to clients \(10\)"),
        ({"dropout": 1.0}, "less than 1"),
        ({"pretext": '{"slice": 1}'}, "no settings of temporal-gap"),
        ({"pretext": "nonsense"}, "expected JSON"),
        ({"task": "speech"}, "choose from temporal-gap"),
        ({"secure_aggregation": True, "strategy": "krum"}, "compares single updates"),
        ({"secure_aggregation": True, "privacy": "central-adaptive"}, "choose central or local"),
        ({"secure_aggregation": True, "encoding": "int8"}, "leave it out"),
        ({"privacy": "central", "noise_multiplier": 0.0}, "noise-multiplier"),
    ],
)
def test_what_can_not_work_is_said_at_once(settings, said):
    with pytest.raises(UserError, match=said):
        FederatedConfig(**settings)


def test_the_command_line_says_it_too(capsys, tmp_path):
    arguments = ["federate", "simulate", "--out", str(tmp_path / "run"), "--source", "builtin:2"]
    assert cli.run([*arguments, "--clients", "5", "--label-column", "x"]) == 2
    assert "'group' has 2 groups for 5" in capsys.readouterr().err
    assert cli.run([*arguments, "--resume"]) == 2
    assert "no run there to go on with" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_device_needs_neither_ray_nor_plots_nor_probes():
    """What `federated-device` leaves out must not be asked for when its app starts."""
    left_out = ["ray", "opacus", "matplotlib", "sklearn", "onnx", "onnxruntime", "executorch"]
    code = f"import sys; sys.modules.update(dict.fromkeys({left_out}))\n"
    code += "import tiny_audio_ssl.federated.client_app"
    subprocess.run([sys.executable, "-c", code], check=True)
