"""The budget counts every update that a client was asked for and may have sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from flwr.app import Message
from support.federated_grid import FIRST_NODE_ID, federate, records

from tiny_audio_ssl.federated import privacy
from tiny_audio_ssl.federated.privacy_ledger import PrivacyLedger
from tiny_audio_ssl.federated.run_files import LEDGER

LOCAL: dict[str, Any] = {"privacy": "local", "evaluate_every": 0, "local_steps": 1}


def spent(run: Path) -> list[float]:
    return [line["privacy/epsilon"] for line in records(run)]


def epsilons(federation: Any, *releases: int) -> list[float]:
    return [privacy.epsilon(federation.config, count) for count in releases]


def late(sent: Message, reply: Message) -> Message | None:
    return None


def refused(sent: Message, reply: Message) -> Message:
    reply.content.metric_records["metrics"]["round"] = 77
    return reply


@pytest.mark.parametrize("kind", ["local", "central"])
@pytest.mark.parametrize("meddle", [late, refused])
def test_updates_of_rounds_that_do_not_count_are_spent(kind, meddle, tmp_path):
    federation, _ = federate(tmp_path / "run", meddle, **{**LOCAL, "privacy": kind})
    assert [line["clients/accepted"] for line in records(tmp_path / "run")] == [0, 0]
    assert spent(tmp_path / "run") == epsilons(federation, 1, 2)


def test_an_update_that_is_refused_each_time_is_spent_each_time(tmp_path):
    def meddle(sent: Message, reply: Message) -> Message | None:
        one = reply.metadata.src_node_id == FIRST_NODE_ID
        return refused(sent, reply) if one else reply

    federation, _ = federate(tmp_path / "run", meddle, **LOCAL, clients_per_round=2, rounds=4)
    asked: dict[int, int] = {}
    for line in records(tmp_path / "run", "clients.jsonl"):
        asked[line["client"]] = asked.get(line["client"], 0) + 1
    assert spent(tmp_path / "run")[-1] == epsilons(federation, max(asked.values()))[0]


def test_round_that_is_repeated_after_a_crash_is_spent_twice(tmp_path):
    def crash(sent: Message, reply: Message) -> Message | None:
        raise KeyboardInterrupt

    run = tmp_path / "run"
    federate(run, **LOCAL, rounds=1)
    with pytest.raises(KeyboardInterrupt):
        federate(run, crash, **LOCAL, rounds=2, resume=True)
    federation, _ = federate(run, **LOCAL, rounds=2, resume=True)
    assert spent(run) == epsilons(federation, 1, 3)


def test_run_of_an_older_version_counts_all_its_rounds(tmp_path):
    run = tmp_path / "run"
    federate(run, **LOCAL, rounds=2)
    (run / LEDGER).unlink()
    federation, _ = federate(run, **LOCAL, rounds=3, resume=True)
    assert spent(run)[-1] == epsilons(federation, 3)[0]


def test_run_that_starts_from_another_adds_what_that_spent(tmp_path):
    first, second, third = (tmp_path / name for name in ("first", "second", "third"))
    federate(first, **LOCAL, rounds=2)
    early = first / "checkpoints" / "step-00000001"  # the second round was asked for all the same
    lines: list[str] = []
    central = {**LOCAL, "privacy": "central", "noise_multiplier": 3.0}
    federation, _ = federate(second, log=lines.append, **central, rounds=1, start=str(early))
    before = [(0.5, 2)]
    assert spent(second) == [privacy.epsilon(federation.config, 1, before)]
    assert any("epsilon includes what" in line for line in lines)
    federation, _ = federate(third, **LOCAL, rounds=1, start=str(second))
    assert spent(third) == [privacy.epsilon(federation.config, 1, [*before, (3.0, 1)])]
    federation, _ = federate(third, **LOCAL, rounds=2, start=str(second), resume=True)
    assert spent(third)[-1] == privacy.epsilon(federation.config, 2, [*before, (3.0, 1)])


def test_updates_without_noise_leave_no_bound(plain_run, tmp_path):
    federate(tmp_path / "run", **LOCAL, rounds=1, start=str(plain_run))
    assert spent(tmp_path / "run") == [float("inf")]


def test_nothing_is_written_without_privacy(plain_run):
    assert not (plain_run / LEDGER).exists()


def test_asking_is_on_disk_before_anything_is_sent(tmp_path):
    ledger = PrivacyLedger(tmp_path)
    ledger.ask(1, [5, 6], [5, 6, 7])
    (line,) = (tmp_path / LEDGER).read_text().splitlines()
    assert json.loads(line) == {"round": 1, "asked": {"5": 1, "6": 1}}
    assert PrivacyLedger(tmp_path).asked == {"5": 1, "6": 1}


def test_line_that_was_cut_off_is_dropped(tmp_path):
    PrivacyLedger(tmp_path).ask(1, [5], [5])
    with (tmp_path / LEDGER).open("a") as file:
        file.write('{"round": 2, "as')
    cut = (tmp_path / LEDGER).read_bytes()
    ledger = PrivacyLedger(tmp_path, rounds_done=1)
    assert (tmp_path / LEDGER).read_bytes() == cut  # its server may still be writing
    ledger.ask(2, [5], [5])
    assert PrivacyLedger(tmp_path, 2).most_of_a_client == 2


class TestClientsThatComeAndGo:
    def ledger(self, folder: Path, *rounds: tuple[list[int], list[int], list[int]]) -> Any:
        """Make rounds of (asked, connected, answered) nodes."""
        ledger = PrivacyLedger(folder)
        for number, (asked, connected, answered) in enumerate(rounds, 1):
            ledger.ask(number, asked, connected)
            ledger.note_answers(answered)
        return ledger

    def test_order_of_nodes_does_not_matter(self, tmp_path):
        """Node 1 is asked three times; others come before and after it in each list."""
        found = self.ledger(tmp_path, ([1], [1, 2], [1]), ([1], [0, 1], [1]), ([1], [1], [1]))
        assert found.asked == {"1": 3} and found.most_of_a_client == 3

    def test_new_node_id_inherits_from_the_one_that_is_gone(self, tmp_path):
        found = self.ledger(tmp_path, ([1], [1], [1]), ([1], [1], [1]), ([9], [9], [9]))
        assert found.asked["9"] == 3

    def test_node_that_is_still_there_leaves_nothing_to_a_new_one(self, tmp_path):
        both = ([1, 9], [1, 9], [1, 9])
        found = self.ledger(tmp_path, ([1], [1], [1]), ([1], [1], [1]), both, both)
        assert found.asked["1"] == 4 and found.asked["9"] <= 4

    def test_nodes_connected_from_the_start_are_different_clients(self, tmp_path):
        all_nodes = list(range(10))
        rounds = [([number], all_nodes, []) for number in all_nodes]
        assert self.ledger(tmp_path, *rounds).most_of_a_client == 1

    def test_server_that_starts_again_does_not_know_new_ids(self, tmp_path):
        self.ledger(tmp_path, ([1], [1, 2], [1]), ([1], [1, 2], [1]))
        resumed = PrivacyLedger(tmp_path, 2)
        resumed.ask(3, [7, 8], [7, 8])
        assert resumed.most_of_a_client == 3

    @pytest.mark.parametrize("rounds", [1, 5, 20])
    def test_no_client_is_said_to_have_spent_more_than_all_rounds(self, rounds, tmp_path):
        """Each round a client leaves and another comes."""
        found = self.ledger(
            tmp_path, *(([n, n + 1], [n, n + 1], [n, n + 1]) for n in range(rounds))
        )
        assert found.most_of_a_client + 1 >= 2 and found.most_of_a_client <= found.rounds == rounds
