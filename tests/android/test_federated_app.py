"""The app's build with network: what its APK may do, and what it shows."""

from __future__ import annotations

import json
import re
import ssl
import subprocess
import zipfile
from pathlib import Path

import pytest
from support.paths import ROOT

pytest.importorskip("executorch")
pytest.importorskip("onnxruntime")
pytest.importorskip("flwr")

from tiny_audio_ssl.federated.credentials import server_credentials
from tiny_audio_ssl.federated.enrollment import read_enrollment

APP = ROOT / "android_demo" / "app" / "src"
PACKAGE = "org.tinyaudiossl.demo"


def told(*command: object) -> str:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


def aapt2(app: Path, *arguments: object) -> str:
    return told(app / "aapt" / "prebuilt" / "linux" / "aapt2_64", *arguments)


@pytest.fixture(scope="module")
def java(federated_app: Path) -> list[str]:
    """A command that runs the app's classes here."""
    return ["java", f"@{federated_app / 'java.args'}"]


def test_the_apk_is_another_app_and_asks_for_the_network(federated_app):
    badging = aapt2(federated_app, "dump", "badging", federated_app / "app-debug.apk")
    assert f"package: name='{PACKAGE}.federated'" in badging
    assert set(re.findall("uses-permission: name='android.permission.(.*?)'", badging)) == {
        "RECORD_AUDIO",
        "INTERNET",
        "ACCESS_NETWORK_STATE",  # of jobs that wait for an unmetered network
        "RECEIVE_BOOT_COMPLETED",  # of jobs that outlive a restart
    }
    assert "application-label:'Tiny Audio Federated'" in badging


def test_only_the_screens_that_others_may_open_are_exported(federated_app):
    tree = aapt2(
        federated_app, "dump", "xmltree", "--file", "AndroidManifest.xml",
        federated_app / "app-debug.apk",
    )  # fmt: skip
    name, exported = r':name\(.*?\)="(.*?)"', r":exported\(.*?\)=(\w+)"
    component = f"E: (?:activity|service).*?{name}.*?{exported}"
    assert dict(re.findall(component, tree, re.DOTALL)) == {
        f"{PACKAGE}.MainActivity": "true",
        f"{PACKAGE}.BenchmarkActivity": "true",
        f"{PACKAGE}.TrainingActivity": "false",
        f"{PACKAGE}.federation.FederationActivity": "true",  # links
        f"{PACKAGE}.federation.HistoryActivity": "false",
        f"{PACKAGE}.federation.FederationJob": "false",
    }
    assert '"android.permission.BIND_JOB_SERVICE"' in tree
    assert re.search(r':scheme\(.*?\)="tinyaudio"', tree)


def test_the_app_has_the_device_folder(federated_app, device_start):
    with zipfile.ZipFile(federated_app / "app-debug.apk") as archive:
        for file in (device_start / "device").iterdir():
            assert archive.read(f"assets/device/{file.name}") == file.read_bytes()


def test_the_screens_are_drawn_in_each_language(java, tmp_path):
    res = f"{APP / 'main' / 'res'}:{APP / 'federated' / 'res'}"
    told(*java, f"{PACKAGE}.drawing.FederationScreensKt", tmp_path, res)
    drawn = {file.name: file.stat().st_size for file in tmp_path.glob("*.png")}
    looks, screens = ("en-light", "de-dark", "es-large"), ("federation", "history")
    assert drawn.keys() == {f"{screen}-{look}.png" for screen in screens for look in looks}
    assert min(drawn.values()) > 30_000  # not one color


def test_the_app_reads_pythons_enrollments(java, device_start, tmp_path):
    authority = server_credentials(tmp_path).authority
    der = ssl.PEM_cert_to_DER_cert
    made = read_enrollment(device_start / "device", "fl.example.org:8000", authority)
    program = f"{PACKAGE}.participation.PhoneKt"
    for text in (made.to_json(), made.link()):
        read = json.loads(told(*java, program, "enrollment", text))
        assert (read["server"], read["artifact_sha256"]) == (made.server, made.artifact_sha256)
        assert der(read["authority"]) == der(made.authority)
