"""The process of a simulation: `python -m tiny_audio_ssl.federated.simulation RUN.toml WORKERS`.

It runs the server, and forks the processes that compute for the clients.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import Any

from flwr.app import Context, RecordDict

from tiny_audio_ssl.federated import server_app
from tiny_audio_ssl.federated.config import FederatedConfig
from tiny_audio_ssl.federated.simulated_grid import SimulatedGrid


def run(settings: dict[str, Any], workers: int) -> None:
    """Run all rounds of a run config. Raises the server's `UserError`."""
    grid: Any = SimulatedGrid(FederatedConfig.from_run_config(settings), workers)
    context = Context(run_id=1, node_id=1, node_config={}, state=RecordDict(), run_config=settings)
    try:
        server_app.app(grid, context)
    finally:
        grid.close()


if __name__ == "__main__":
    run(tomllib.loads(Path(sys.argv[1]).read_text()), int(sys.argv[2]))
