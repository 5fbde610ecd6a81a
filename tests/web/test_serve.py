"""`serve`: what it gives to a phone, by which certificate, and what it keeps to itself."""

from __future__ import annotations

import gzip
import http.client
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import segno
import trustme

from tiny_audio_ssl import UserError
from tiny_audio_ssl.export import web, web_server

ADDRESS = "127.0.0.1"


@pytest.fixture
def small_page(built: Path, tmp_path: Path) -> Path:
    """A page of a few small files, and a file beside it that is nobody's business."""
    page = tmp_path / "page"
    (page / "runtime").mkdir(parents=True)
    for name in ("index.html", "main.js", "app.webmanifest"):
        (page / name).write_bytes((built / name).read_bytes())
    (page / "runtime" / "x.wasm").write_bytes(bytes(5000))
    names = ["app.webmanifest", "index.html", "main.js", "runtime/x.wasm"]
    web._write_files(page, "model")
    (page / "private.txt").write_text("mine")
    assert web.files_of(page) == [*names, "files.js"]
    return page


@pytest.fixture
def authority(monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    made = trustme.CA()
    monkeypatch.setattr(trustme, "CA", lambda: made)
    return made


@pytest.fixture
def connection(small_page: Path, authority: trustme.CA) -> Iterator[http.client.HTTPSConnection]:
    server = web_server.open_server(small_page, ADDRESS, 0)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    context = ssl.create_default_context()
    authority.configure_trust(context)
    client = http.client.HTTPSConnection(ADDRESS, server.server_port, context=context, timeout=60)
    yield client
    client.close()
    server.shutdown()
    server.server_close()
    thread.join()


def get(connection, path, **headers):
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    return answer, answer.read()


def test_a_phone_gets_the_page_and_what_it_needs(connection, small_page):
    answer, body = get(connection, "/")  # the certificate names the address
    assert answer.status == 200 and body == (small_page / "index.html").read_bytes()
    assert answer.headers["Content-Type"] == "text/html"
    assert answer.headers["Content-Security-Policy"] in body.decode()
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
    answer, body = get(connection, "/runtime/x.wasm?now", **{"Accept-Encoding": "gzip, br"})
    assert answer.headers["Content-Type"] == "application/wasm"
    assert answer.headers["Content-Encoding"] == "gzip" and gzip.decompress(body) == bytes(5000)
    answer, _ = get(connection, "/app.webmanifest")
    assert answer.headers["Content-Type"] == "application/manifest+json"


@pytest.mark.parametrize(
    "path", ["/private.txt", "/../pyproject.toml", "/%2e%2e/x", "/runtime/", "//etc/passwd"]
)
def test_nothing_else_is_served(connection, path):
    assert get(connection, path)[0].status == 404


def test_what_cannot_be_served(small_page, tmp_path):
    with pytest.raises(UserError, match="no page there; make one with"):
        web_server.open_server(tmp_path, ADDRESS, 0)
    with (
        web_server.open_server(small_page, "localhost", 0) as server,
        pytest.raises(UserError, match=r"--port .*; name another"),
    ):
        web_server.open_server(small_page, "localhost", server.server_port)
    (small_page / "main.js").unlink()
    with pytest.raises(UserError, match=r"main\.js: can't be read"):
        web_server.open_server(small_page, ADDRESS, 0)


def test_an_address_fits_a_small_code():
    code = segno.make("https://192.168.100.100:8443/", error="l")
    assert code.symbol_size(border=2)[0] <= 33  # columns of the narrowest terminal
