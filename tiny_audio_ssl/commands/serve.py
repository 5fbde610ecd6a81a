"""serve: serve a page of `export --web` to phones on the same network."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from tiny_audio_ssl.commands.base import Command, err, out, show_qr_code
from tiny_audio_ssl.utils.ranges import Range, checked_number


@dataclass
class Serve(Command):
    """Serve a page of `export --web` on the local network, and show a code for phones to scan.

    Uses https with a certificate that is created on the spot, so the phone's browser warns about it
    once. Everything that the page computes stays on the phone. Ctrl-C stops the server.
    """

    page: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FOLDER")]
    """Folder written by `export RUN --web FOLDER`."""
    host: str | None = None
    """Network address of this machine, if the detected one is wrong. `localhost` serves this
    machine only, without a certificate."""
    port: int = 8443
    """Port to serve at; 0 for any free port."""

    def run(self) -> int:
        from tiny_audio_ssl.export.web_server import LOCALHOST, open_server, own_address

        checked_number("--port", self.port, Range(0, 65535, whole=True))
        host = own_address() if self.host is None else self.host
        with open_server(self.page, host, self.port) as server:
            scheme = "http" if host == LOCALHOST else "https"
            url = f"{scheme}://{host}:{server.server_port}/"
            if host != LOCALHOST:
                show_qr_code(url)
            out.print(url)
            if host != LOCALHOST:
                err.print(
                    "Scan or open this on a phone in the same network. The browser warns once, "
                    "because the certificate was created here; continue to the page. Ctrl-C stops "
                    "the server."
                )
            sys.stdout.flush()
            try:
                server.serve_forever()
            except KeyboardInterrupt:
                err.print("ended")
        return 0
