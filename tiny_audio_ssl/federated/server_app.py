"""The Flower ServerApp: reads the settings and runs the federation."""

from __future__ import annotations

from flwr.app import Context
from flwr.serverapp import Grid, ServerApp

from tiny_audio_ssl.federated.config import FederatedConfig
from tiny_audio_ssl.federated.server_loop import Federation

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Run all rounds.

    Raises `UserError` for wrong settings, and when no client taught the model anything; Flower's
    log then ends with it.
    """
    config = FederatedConfig.from_run_config(context.run_config)
    federation = Federation(config, grid, context)
    federation.run()
    federation.check_learned()
