"""Certificates and keys of a loopback deployment."""

from __future__ import annotations

import ssl
import subprocess

import pytest
import trustme
from support.tls import handshake, server_context

from tiny_audio_ssl.federated.credentials import server_credentials, supernode_key


def test_clients_accept_the_server_and_no_other(tmp_path):
    made = server_credentials(tmp_path)
    client = ssl.create_default_context(cafile=made.authority)
    for name in ("127.0.0.1", "localhost"):
        handshake(client, server_context(made.certificate, made.key), name)
    other = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1", "localhost").configure_cert(other)
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(client, other, "localhost")
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        handshake(client, server_context(made.certificate, made.key), "example.org")


def test_private_keys_are_readable_only_by_their_owner(tmp_path):
    made = server_credentials(tmp_path)
    public = supernode_key(tmp_path / "supernode")
    assert public.read_text().startswith("ecdsa-sha2-nistp384 ")
    for private in (made.key, tmp_path / "supernode"):
        assert private.stat().st_mode & 0o077 == 0
    command = ["ssh-keygen", "-y", "-f", str(tmp_path / "supernode")]
    derived = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert derived.split()[:2] == public.read_text().split()[:2]
