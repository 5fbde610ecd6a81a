"""The files of `federated/deploy`: certificates that work, units that systemd and Flower accept."""

from __future__ import annotations

import configparser
import re
import shutil
import ssl
import subprocess
import sysconfig
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_ssh_private_key, load_ssh_public_key
from support.paths import ROOT
from support.tls import handshake, server_context

from tiny_audio_ssl.federated.processes import program

DEPLOY = ROOT / "federated" / "deploy"
UNITS = sorted(DEPLOY.glob("flower-*.service"))
NATIVE = DEPLOY / "tiny-audio-device.service"


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in command], capture_output=True, text=True)


@pytest.mark.parametrize("name", ["fl.example.org", "192.0.2.7"])
def test_clients_accept_the_made_certificate(name, tmp_path):
    done = run(DEPLOY / "make_certificates.sh", name, tmp_path / "new")
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "new"
    client = ssl.create_default_context(cafile=folder / "ca.crt")
    server = server_context(folder / "server.crt", folder / "server.key")
    handshake(client, server, name)
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        handshake(client, server, "other.example.org")
    assert (folder / "server.key").stat().st_mode & 0o077 == 0


def test_supernode_key_has_the_type_that_flower_expects(tmp_path):
    done = run(DEPLOY / "make_supernode_key.sh", tmp_path / "supernode")
    assert done.returncode == 0, done.stderr
    private = load_ssh_private_key((tmp_path / "supernode").read_bytes(), password=None)
    public = load_ssh_public_key((tmp_path / "supernode.pub").read_bytes())
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    assert isinstance(public, ec.EllipticCurvePublicKey) and public == private.public_key()


@pytest.mark.parametrize("script", ["make_certificates.sh", "make_supernode_key.sh"])
def test_scripts_explain_their_arguments(script):
    done = run(DEPLOY / script)
    assert done.returncode == 2 and done.stderr.startswith("usage: ")


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_flower_has_every_option_of_the_unit(unit):
    command = service_of(unit)["ExecStart"].split()
    program = command[: next(i for i, word in enumerate(command) if word.startswith("--"))]
    known = run(Path(sysconfig.get_path("scripts")) / Path(program[0]).name, *program[1:], "--help")
    assert unit.stem in known.stdout
    options = [word for word in command if word.startswith("--")]
    assert len(options) > 3
    assert [option for option in options if not re.search(rf"{option}\b", known.stdout)] == []


def service_of(unit: Path) -> configparser.SectionProxy:
    """Return the settings of a unit's service."""
    parsed = configparser.ConfigParser(strict=False)
    # Keeps the case of the keys, as systemd reads them; typeshed takes it for a method.
    parsed.optionxform = str  # type: ignore[assignment,method-assign]
    parsed.read_string(unit.read_text().replace("\\\n", ""))
    return parsed["Service"]


def test_the_native_device_has_every_option_of_its_unit():
    service = service_of(NATIVE)
    command = service["ExecStart"].split()
    assert command[command.index("--state") + 1] == f"/var/lib/{service['StateDirectory']}"
    options = re.findall(r"--(\w+)", service["ExecStart"])
    main = next((ROOT / "android_demo" / "federated").rglob("Main.kt")).read_text()
    assert len(options) == 5
    assert [option for option in options if f"  --{option} " not in main] == []


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_systemd_accepts_the_unit(unit, tmp_path):
    if not shutil.which("systemd-analyze"):
        pytest.xfail("no systemd here; the test above parses the unit")
    scripts = str(Path(program(unit.stem)).parent)
    copy = tmp_path / unit.name
    copy.write_text(unit.read_text().replace("/opt/tiny-audio-ssl/bin", scripts))
    done = run("systemd-analyze", "verify", "--man=no", copy)
    assert unit.name not in done.stdout + done.stderr, done.stderr
