"""The JSON line of the C++ runner and the Android app."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
from support.measurements import RESULT

from tiny_audio_ssl.bench.native.result import RunnerOutputError, parse_result


def test_unknown_keys_are_ignored_and_samples_are_optional():
    line = asdict(RESULT) | {"pss_kb": 5, "cpus": [4, 5]}
    del line["samples_ms"]
    found = parse_result(json.dumps(line))
    assert (found.cpus, found.samples_ms, found.p50_ms) == ((4, 5), (), RESULT.p50_ms)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (" \n", "nothing"),
        ("WARNING: linker", "no JSON: 'WARNING"),
        ("[1]", "no JSON object"),
        ('{"p50_ms": 1}', "no abi, artifact"),
    ],
)
def test_other_output_is_quoted(text, message):
    with pytest.raises(RunnerOutputError, match=message):
        parse_result(text)
