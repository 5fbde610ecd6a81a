"""Enrollments: the data that a phone needs to take part, as a file or as a link for a QR code.

Nothing in an enrollment is secret. The phone makes its own key; the operator registers its public
half at the server (docs/federated.md).
"""

from __future__ import annotations

import base64
import json
import re
import ssl
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlencode

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.federated.device_folder import DESCRIPTION

FORMAT_VERSION = 1
SCHEME = "tinyaudio://enroll"
CERTIFICATE = re.compile("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True)
class Enrollment:
    """The server and the training artifact of the runs that a phone takes part in."""

    server: str  # HOST:PORT of the SuperLink
    authority: str  # PEM certificate by which the phone verifies the server
    artifact_sha256: str  # of the training artifact of the runs

    def to_json(self) -> str:
        """Return the content of an enrollment file."""
        return json.dumps({"format_version": FORMAT_VERSION, **asdict(self)}, indent=1) + "\n"

    def link(self) -> str:
        """Return the same content as a link that the app opens, short enough for a QR code."""
        der = ssl.PEM_cert_to_DER_cert(self.authority)
        authority = base64.urlsafe_b64encode(der).decode().rstrip("=")
        query = {"server": self.server, "artifact": self.artifact_sha256, "authority": authority}
        return f"{SCHEME}?{urlencode(query)}"


def read_enrollment(device: Path, server: str, authority: Path) -> Enrollment:
    """Return the enrollment for phones that hold the artifact of a device folder.

    Args:
        device: the folder that `make_device_folder` makes.
        server: `HOST:PORT` of the SuperLink.
        authority: PEM file of the certificate authority.

    Raises `UserError`: no such folder, address or certificate.
    """
    if not re.fullmatch(r"[A-Za-z0-9.-]+:\d{1,5}", server):
        raise UserError(f"--server {server}; expected HOST:PORT, such as fl.example.org:8000")
    description = device / DESCRIPTION
    if not description.is_file():
        raise UserError(
            f"{description}: not found; make the folder with "
            "`tiny-audio-ssl federate device-folder`"
        )
    found = CERTIFICATE.findall(authority.read_text() if authority.is_file() else "")
    if len(found) != 1:
        raise UserError(f"--authority {authority}: {len(found)} PEM certificates; expected one")
    artifact = json.loads(description.read_text())["training"]["sha256"]
    return Enrollment(server, found[0] + "\n", artifact)
