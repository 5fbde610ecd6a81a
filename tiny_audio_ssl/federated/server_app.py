"""The Flower ServerApp: reads the settings and runs the federation."""

from __future__ import annotations

from flwr.app import Context
from flwr.serverapp import Grid, ServerApp

from tiny_audio_ssl.federated.config import FederatedConfig
from tiny_audio_ssl.federated.server_loop import Federation

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Run all rounds. Raises `UserError` for wrong settings; Flower's log then ends with it."""
    config = FederatedConfig.from_run_config(context.run_config)
    Federation(config, grid, context).run()
