"""The Flower ServerApp: reads the settings and runs the federation."""

from __future__ import annotations

import contextlib
from pathlib import Path

from flwr.app import Context
from flwr.serverapp import Grid, ServerApp

from tiny_audio_ssl.federated.config import FederatedConfig
from tiny_audio_ssl.federated.server_loop import Federation
from tiny_audio_ssl.utils.claim import claimed

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Run all rounds.

    Raises `UserError` for wrong settings, and if no client trained the model; Flower's log then
    ends with it.
    """
    config = FederatedConfig.from_run_config(context.run_config)
    with claimed(Path(config.out)) if config.out else contextlib.nullcontext():
        federation = Federation(config, grid, context)
        federation.run()
        federation.check_learned()
