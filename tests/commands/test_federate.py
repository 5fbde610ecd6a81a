"""The command `federate`: errors before anything is started."""

from __future__ import annotations

from tiny_audio_ssl import cli

SIMULATE = ["federate", "simulate", "--source", "builtin:2"]


def test_wrong_settings_are_refused_before_the_start(capsys, tmp_path):
    run = [*SIMULATE, "--out", str(tmp_path / "run")]
    assert cli.run([*run, "--clients", "5", "--label-column", "x"]) == 2
    assert "'group' has 2 groups for 5" in capsys.readouterr().err
    assert cli.run([*run, "--resume"]) == 2
    assert "no run there to continue" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_loopback_wants_a_folder_for_each_client(capsys, tmp_path):
    folder = str(tmp_path)
    run = ["federate", "loopback", folder, folder, "--clients", "3", "--out", str(tmp_path / "run")]
    assert cli.run(run) == 2
    assert "2 folders for 3 clients" in capsys.readouterr().err
