"""Rounds on one phone, until their medians agree."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.measurements import PHONE_RUN
from support.phones import QUICK, needs_adb, result_json, script_bundle

from tiny_audio_ssl.bench.phone.run import run_on_phones

pytestmark = needs_adb


def test_rounds_end_once_their_medians_agree(plug, job, tmp_path):
    plug()
    count = tmp_path / "count"
    line = result_json().replace('"p50_ms": 1.0', "\"p50_ms\": '$n'")
    script = f"echo >>{count}; n=$(wc -l <{count}); [ $n -gt 2 ] && n=3; echo '{line}'"
    bundles = {"onnxruntime": script_bundle(tmp_path / "first", script)}
    (run,) = run_on_phones([job], bundles, QUICK)
    assert [result.p50_ms for result in run.results] == [1, 2, 3] and not run.steady
    assert run.spread == pytest.approx(1 / 2.5)
    count.unlink()
    (run,) = run_on_phones([job], bundles, replace(QUICK, max_rounds=9))
    assert [result.p50_ms for result in run.results] == [1, 2, 3, 3] and run.steady
    assert [result.p50_ms for result in run.counted] == [3, 3]


def test_a_single_round_is_never_steady():
    alone = replace(PHONE_RUN, results=PHONE_RUN.results[:1])
    assert alone.spread == 0.0 and not alone.steady
    settings = replace(PHONE_RUN.settings, agreeing_rounds=1)
    assert not replace(alone, settings=settings).steady
    assert replace(PHONE_RUN, settings=replace(settings, max_spread=0.2)).steady
