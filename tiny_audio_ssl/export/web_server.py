"""Serve a page of `export --web` on the local network, with a certificate created on the spot.

Browsers allow microphone access only on secure pages: over https, and on the machine's own
localhost.
"""

from __future__ import annotations

import gzip
import mimetypes
import re
import socket
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.export import web
from tiny_audio_ssl.utils.extras import require

EXTRA = "serve"
LOCALHOST = "localhost"
CERTIFICATE_DAYS = 30
SMALLER = 0.9  # what compression must save to be worth it
TYPES = {
    ".mjs": "text/javascript",
    ".js": "text/javascript",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".onnx": "application/octet-stream",
}


@dataclass(frozen=True)
class Served:
    """A file in memory."""

    type: str
    plain: bytes
    zipped: bytes | None  # where that is smaller


def read_page(folder: Path) -> dict[str, Served]:
    """Read a page's files by their paths in it; no other file in the folder is served.

    Raises `UserError` if there is no page, or if it is incomplete.
    """
    names = web.files_of(folder)
    if names is None:
        raise UserError(
            f"{folder}: no page there; make one with: tiny-audio-ssl export RUN --web {folder}"
        )
    try:
        return {name: _served(folder / name) for name in names}
    except OSError as error:
        raise UserError(
            f"{error.filename}: can't be read ({error.strerror}); make the page again with "
            f"tiny-audio-ssl export RUN --web {folder}"
        ) from error


def open_server(folder: Path, host: str, port: int) -> ThreadingHTTPServer:
    """Open a server of a page; `serve_forever` runs it.

    Args:
        host: the address under which others reach this machine, which the certificate names; or
            `localhost`, for this machine alone and without a certificate.
        port: 0 takes any that is free.

    Raises `UserError`: no page in `folder`, a missing extra, an address or port that can't be used.
    """
    files = read_page(folder)
    policy = _policy(files[web.START].plain.decode())
    context = None if host == LOCALHOST else _tls(host)
    handler = type("PageHandler", (_Handler,), {"files": files, "policy": policy})
    try:
        server = ThreadingHTTPServer(("127.0.0.1" if context is None else "", port), handler)
    except OSError as error:
        raise UserError(f"--port {port}: {error.strerror}; name another, e.g. 8444") from error
    if context is not None:
        # Without waiting for a client's part: each has a thread of its own.
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    return server


def own_address() -> str:
    """Return this machine's address in its network. Raises `UserError` if there is no network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as chosen:
        try:
            chosen.connect(("192.0.2.1", 9))  # sends nothing, and is nobody's (RFC 5737)
        except OSError as error:
            raise UserError(
                f"no network ({error.strerror}); name this machine's address with --host, or serve "
                f"to this machine alone with --host {LOCALHOST}"
            ) from error
        return str(chosen.getsockname()[0])


def _served(path: Path) -> Served:
    plain = path.read_bytes()
    zipped = gzip.compress(plain, 6, mtime=0)
    kind = TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0]
    smaller = len(zipped) < SMALLER * len(plain)
    return Served(kind or "application/octet-stream", plain, zipped if smaller else None)


def _policy(page: str) -> str:
    """Return the page's own policy, which its workers need as a header."""
    found = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    return found[1] if found else "default-src 'none'"


def _tls(host: str) -> ssl.SSLContext:
    authority = require("trustme", EXTRA).CA()
    ends = datetime.now(UTC) + timedelta(days=CERTIFICATE_DAYS)
    try:
        certificate = authority.issue_cert(host, not_after=ends)
    except ValueError as error:
        raise UserError(f"--host {host}: {error}; expected an address or a name") from error
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as place:  # the key is on the disk for this moment
        certificate.private_key_and_cert_chain_pem.write_to_path(f"{place}/certificate.pem")
        context.load_cert_chain(f"{place}/certificate.pem")
    return context


class _Handler(BaseHTTPRequestHandler):
    files: Mapping[str, Served]
    policy: str
    protocol_version = "HTTP/1.1"
    timeout = 30  # seconds that a client may keep a connection without asking

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, with_body: bool) -> None:
        name = unquote(urlsplit(self.path).path).lstrip("/") or web.START
        found = self.files.get(name)
        if found is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        zipped = found.zipped if "gzip" in self.headers.get("Accept-Encoding", "") else None
        body = zipped or found.plain
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", found.type)
        self.send_header("Content-Length", str(len(body)))
        if zipped:
            self.send_header("Content-Encoding", "gzip")
        for header, value in {
            "Vary": "Accept-Encoding",
            "Cache-Control": "no-cache",
            "Content-Security-Policy": self.policy,
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Embedder-Policy": "require-corp",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
        }.items():
            self.send_header(header, value)
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the terminal shows the code to scan."""
