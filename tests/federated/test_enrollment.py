"""Enrollments of phones: what the file and the link say, and what is refused."""

from __future__ import annotations

import base64
import json
import ssl
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

pytest.importorskip("flwr")

from tiny_audio_ssl import cli
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.federated.credentials import server_credentials
from tiny_audio_ssl.federated.enrollment import read_enrollment

ARTIFACT = "ab" * 32


@pytest.fixture
def device(tmp_path: Path) -> Path:
    (tmp_path / "device").mkdir()
    described = {"training": {"file": "training.pte", "sha256": ARTIFACT}}
    (tmp_path / "device" / "device.json").write_text(json.dumps(described))
    return tmp_path / "device"


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    return server_credentials(tmp_path).authority


def test_the_file_and_the_link_say_the_same(device, authority, tmp_path, capsys):
    out = tmp_path / "enrollment.json"
    arguments = [str(device), "--server", "fl.example.org:8000", "--authority", str(authority)]
    assert cli.run(["federate", "enroll", *arguments, "--out", str(out)]) == 0
    content = json.loads(out.read_text())
    assert content.pop("format_version") == 1
    assert content["server"] == "fl.example.org:8000" and content["artifact_sha256"] == ARTIFACT
    link = urlsplit(capsys.readouterr().out.strip())
    assert (link.scheme, link.netloc) == ("tinyaudio", "enroll")
    query = {name: values[0] for name, values in parse_qs(link.query).items()}
    assert (query["server"], query["artifact"]) == (content["server"], ARTIFACT)
    der = ssl.PEM_cert_to_DER_cert(content["authority"])
    assert base64.urlsafe_b64decode(query["authority"] + "==") == der
    assert len(link.geturl()) < 1_000  # a QR code that phones read from a terminal


def test_a_wrong_address_folder_or_authority_is_refused(device, authority, tmp_path):
    with pytest.raises(UserError, match="https://fl; expected HOST:PORT"):
        read_enrollment(device, "https://fl", authority)
    with pytest.raises(UserError, match="not found; make the folder with"):
        read_enrollment(tmp_path, "fl:1", authority)
    for content in ("", authority.read_text() * 2):
        (tmp_path / "other.crt").write_text(content)
        with pytest.raises(UserError, match="PEM certificates; expected one"):
            read_enrollment(device, "fl:1", tmp_path / "other.crt")
