"""`tiny-audio-ssl bench --target adb`, from the command line to a phone's shell.

The phone is fake and its processor emulated: its times are looked at by nobody.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from support.runs import make_run

pytest.importorskip("onnxruntime")

from tiny_audio_ssl import cli
from tiny_audio_ssl.bench import compare
from tiny_audio_ssl.export.exporter import export
from tiny_audio_ssl.models.encoders import EncoderConfig

pytestmark = pytest.mark.skipif(
    not os.environ.get("CI") and not shutil.which("adb"), reason="apt-get install adb"
)
QUICK = ["--runs", "2", "--warm-up", "0", "--max-rounds", "1", "--cool-down-s", "0"]


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = make_run(tmp_path_factory.mktemp("run"), EncoderConfig(width=0.25), recordings=4)
    form = {"format": "onnx", "precision": "fp32", "input": "mel"}
    return export(run, parity=False, **form).folder / "encoder.mel.fp32.onnx"


@pytest.mark.usefixtures("native_tools")
def test_a_phone_beside_this_machine(plug, artifact, tmp_path, capsys):
    fake = plug()
    table = tmp_path / "phone.csv"
    arguments = [str(artifact), "--target", "host", "adb", *QUICK]
    assert cli.run(["bench", *arguments, "--csv", str(table), "--json"]) == 0
    eager, here, phone = json.loads(capsys.readouterr().out)
    assert (eager["artifact"], here["target"], phone["target"]) == ("eager mel", "host", "adb")
    assert here["artifact"] == phone["artifact"] == phone["baseline"] == artifact.name
    assert (phone["device"], phone["system"]) == ("Google Pixel 6", "Android 14 arm64-v8a")
    assert (phone["rounds"], phone["runs"], phone["speedup"]) == (1, 2, 1.0)
    assert phone["peak_gflops"] > 0 and phone["of_peak"] > 0  # the product ran there too
    assert phone["phone"]["serial"] == fake.serial and not phone["phone"]["steady"]
    assert phone["phone"]["battery_before_percent"] == 81
    lines = compare.read(table)
    assert [line["phone_soc"] for line in lines] == ["", "", "Google Tensor"]
    assert len((fake.root / "started").read_text().split()) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--serial", "123"], "--serial: only phones have it; add --target adb"),
        (["--energy-s", "120"], "--energy-s: only phones have it"),
        (["--cpus", "0"], "--cpus: Python is not tied to cores"),
        (["--tolerance", "-1"], "--tolerance -1: expected 0 or more"),
        (["--chart", "x.jpg"], r"ends with .png or .svg"),
    ],
)
def test_options_that_would_do_nothing(options, message, capsys):
    assert cli.run(["bench", "nowhere", *options, "--json"]) == 2
    assert message in json.loads(capsys.readouterr().out)["error"]


def test_no_phone(server, artifact, capsys):
    assert cli.run(["bench", str(artifact), "--target", "adb", "--json"]) == 2
    assert "no phone is attached" in json.loads(capsys.readouterr().out)["error"]
