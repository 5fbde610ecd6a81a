"""A measurement from the starts of the C++ runner."""

from __future__ import annotations

from dataclasses import replace

from support.measurements import RESULT

from tiny_audio_ssl.bench.measurement import TimingResult


def test_starts_are_combined_as_rounds():
    starts = [
        replace(RESULT, load_ms=1.0, first_ms=9.0, peak_rss_kb=300, cpus=(4, 5)),
        replace(RESULT, load_ms=2.0, first_ms=7.0, cpus=(4, 5)),
        replace(RESULT, load_ms=9.0, first_ms=8.0, cpus=(4, 5)),
    ]
    result = TimingResult.of_starts(starts)
    assert (result.load_ms, result.first_run_ms, result.peak_rss_kb) == (2.0, 8.0, 300)
    assert result.rounds_ms.tolist() == [list(RESULT.samples_ms)] * 3
    assert (result.runtime, result.version, result.cpus) == ("onnxruntime", "1.0", (4, 5))
    assert TimingResult.of_starts([RESULT]).cpus == ()
