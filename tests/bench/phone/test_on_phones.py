"""`tiny-audio-ssl bench --target adb`, from the command line to a phone's shell.

The phone is fake and its processor emulated, so no time is looked at.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.phones import needs_adb

pytest.importorskip("onnxruntime")

from tiny_audio_ssl import cli
from tiny_audio_ssl.bench.compare import read_csv

pytestmark = needs_adb
QUICK = ["--runs", "2", "--warm-up", "0", "--max-rounds", "1", "--cool-down-s", "0"]


@pytest.fixture
def artifact(mel_export: Path) -> Path:
    return mel_export / "encoder.mel.fp32.onnx"


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
    lines = read_csv(table)
    assert [line["phone_soc"] for line in lines] == ["", "", "Google Tensor"]
    assert len((fake.root / "started").read_text().split()) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--serial", "123"], "--serial: applies to phones only; add --target adb"),
        (["--energy-s", "120"], "--energy-s: applies to phones only"),
        (["--cpus", "0"], "--cpus: only the C++ runner can be pinned to cores"),
        (["--tolerance", "-1"], "--tolerance is -1.0; expected a finite number, at least 0"),
        (["--chart", "x.jpg"], r"ends with .png or .svg"),
    ],
)
def test_options_without_effect_are_refused(options, message, capsys):
    assert cli.run(["bench", "nowhere", *options, "--json"]) == 2
    assert message in json.loads(capsys.readouterr().out)["error"]


def test_no_phone(server, artifact, capsys):
    assert cli.run(["bench", str(artifact), "--target", "adb", "--json"]) == 2
    assert "no phone is attached" in json.loads(capsys.readouterr().out)["error"]
