"""Output of libraries is discarded in the program, and nothing else is."""

from __future__ import annotations

import os
import sys

from tiny_audio_ssl.utils.quiet import as_program, executorch_hushed


def test_output_past_python_and_through_it_is_discarded(capfd):
    with as_program(), executorch_hushed():
        os.write(2, b"past Python\n")
        print("through sys.stderr", file=sys.stderr)
    print("afterwards", file=sys.stderr)
    assert capfd.readouterr().err == "afterwards\n"


def test_stderr_that_a_progress_bar_replaced_comes_back(monkeypatch, capsys):
    replaced = sys.stderr
    with as_program(), executorch_hushed():
        assert sys.stderr is not replaced
    assert sys.stderr is replaced
