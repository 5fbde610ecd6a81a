"""Every pretext task goes through a round: clients train it, and the server takes their updates."""

from __future__ import annotations

import json
import math

from contract.task_settings import SETTINGS
from support.federated_grid import federate, left_out, records


def test_clients_train_every_task_in_a_round(task_name, tmp_path):
    run, pretext = tmp_path / "run", json.dumps(SETTINGS.get(task_name, {}))
    settings = {"clients": 2, "rounds": 1, "local_steps": 1, "evaluate_every": 1}
    federation, _ = federate(run, task=task_name, pretext=pretext, **settings)
    assert not left_out(run)
    (line,) = records(run)
    assert line["clients/accepted"] == 2 and math.isfinite(line["validation/loss"])
    assert federation.model.progress.rounds_learned == 1
