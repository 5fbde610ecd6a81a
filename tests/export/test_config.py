"""Settings of an export: one value for a tuple, and no setting that another silently overrules."""

from __future__ import annotations

from pathlib import Path

import pytest

from tiny_audio_ssl import UserError
from tiny_audio_ssl.export.config import ExportConfig


def test_a_single_value_or_a_list_stands_for_a_tuple():
    config = ExportConfig(precision="int8", input=["mel"], head="a.safetensors", probes=[Path("b")])
    assert (config.precision, config.input) == (("int8",), ("mel",))
    assert (config.head, config.probes) == ((Path("a.safetensors"),), (Path("b"),))
    assert config == ExportConfig(
        precision=("int8",), input=("mel",), head=(Path("a.safetensors"),), probes=(Path("b"),)
    )


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"input": "stream", "head": "a.safetensors"}, "--input stream .* --head"),
        ({"input": ("mel", "stream"), "target_snr_db": 20.0}, "--input stream .* target"),
        ({"input": "stream", "max_probe_drop": 1.0}, "--input stream .* target"),
        ({"input": "stream", "max_batch": 2}, "--input stream .* --max-batch"),
        ({"input": "stream", "max_window_ms": 2000.0}, "--input stream .* --max-window-ms"),
        ({"packet_ms": 80.0}, "--packet-ms 80 .* --input stream"),
        ({"target_snr_db": 20.0, "parity": False}, "leave out --no-parity"),
        ({"min_snr_db": 20.0, "parity": False}, "--min-snr-db 20 .* leave out --no-parity"),
    ],
)
def test_settings_that_exclude_each_other_are_refused_in_words(settings, said):
    with pytest.raises(UserError, match=said):
        ExportConfig(**settings).check()


def test_the_defaults_go_together():
    ExportConfig().check()
    ExportConfig(input=("waveform", "stream"), packet_ms=80.0).check()
