"""What follows from times: made-up samples, whose answers are known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tiny_audio_ssl import UserError, cli
from tiny_audio_ssl.bench import chart, compare, roofline, statistics
from tiny_audio_ssl.bench.baseline import baseline_of
from tiny_audio_ssl.bench.roofline import Products
from tiny_audio_ssl.bench.rows import Row, rows_of, write_csv
from tiny_audio_ssl.bench.statistics import Rounds
from tiny_audio_ssl.bench.subjects import Subject
from tiny_audio_ssl.bench.tables import change_table, tables
from tiny_audio_ssl.bench.timing import OnThePhone, Settings, Timing

PHONE = OnThePhone(
    "123", "Tensor", 8, (1803, 2802), "runner", False, 0.2, 81.0, 80.0, 27.4, 28.0, None, 38.0, 0,
    True, True, False, None, "not asked for",
)  # fmt: skip


def subject(artifact: str, model: str = "mine", kind: str = "waveform") -> Subject:
    path = None if artifact.startswith("eager") else Path(__file__)
    return Subject(model, artifact, "fp32", kind, ((1, 15600),), 975.0, 1_000_000, path)


def timing(artifact: str, ms: float | Rounds, **changes: object) -> Timing:
    known = {name: changes.pop(name) for name in ("model", "kind") if name in changes}
    made = Timing(
        subject(artifact, **known), "host", "CPU", "Linux", "onnxruntime", "1.0", 1, (), 1.0, 2.0,
        np.full((10, 20), ms) if isinstance(ms, float) else ms, None, Products(100.0, 50.0),
    )  # fmt: skip
    return replace(made, **changes)


def around(ms: float, seed: int, spread: float = 0.05) -> Rounds:
    rng = np.random.default_rng(seed)
    return ms * rng.lognormal(0.0, spread, (10, 20))


# --- intervals --------------------------------------------------------------------------------


def test_what_slows_all_falls_out_of_the_ratio():
    busy = np.random.default_rng(0).uniform(1, 3, (10, 1))  # a factor on each round
    slow, fast = busy * around(2.0, 1, 0.01), busy * around(1.0, 2, 0.01)
    ratio = statistics.ratio(slow, fast)
    assert ratio.low < 2.0 < ratio.high and ratio.high - ratio.low < 0.1
    median = statistics.median(fast)
    assert median.high / median.low > 1.2  # while the medians themselves are anything


def test_intervals_hold_the_truth_as_often_as_they_say():
    found = [statistics.ratio(around(3.0, 2 * n), around(1.5, 2 * n + 1)) for n in range(200)]
    assert 0.85 < np.mean([one.low <= 2.0 <= one.high for one in found]) < 0.99


def test_one_round_is_judged_by_its_runs():
    one = statistics.median(around(1.0, 0).reshape(1, -1))
    assert one.low < one.value < one.high
    assert statistics.median(np.full((1, 1), 4.0)) == statistics.Interval(4.0, 4.0, 4.0)


def test_runs_are_rounded_up_to_whole_rounds():
    assert Settings(runs=200).shape == (10, 20)
    assert Settings(runs=25).shape == (10, 3)
    assert Settings(runs=3).shape == (3, 1)
    with pytest.raises(UserError, match="rounds 0"):
        Settings(rounds=0)


# --- roofline ---------------------------------------------------------------------------------


def test_operations_a_second(monkeypatch):
    assert roofline.gflops(1_000_000, 1.0) == 2.0  # two million operations in a millisecond
    ticks = iter(np.arange(0, 1, 0.001))  # every product takes a millisecond
    monkeypatch.setattr("time.perf_counter", lambda: next(ticks))
    found = roofline.products([roofline.few_products(), roofline.few_products()])
    assert found.peak_gflops == pytest.approx(2 * 512**3 / 1e6)
    assert found.typical_gflops == pytest.approx(2 * 256**3 / 1e6)


def test_how_close_to_the_peak():
    (row,) = rows_of([timing("a.onnx", 0.5)])
    assert (row.gflops, row.of_peak) == (4.0, 0.04)
    (unknown,) = rows_of([timing("a.onnx", 0.5, products=None)])
    assert unknown.gflops == 4.0 and unknown.of_peak is None


def test_a_matrix_product_as_artifact(tmp_path):
    pytest.importorskip("onnxruntime")
    from tiny_audio_ssl.bench.peers import read
    from tiny_audio_ssl.export.runtimes import open_artifact

    path = roofline.write_product(tmp_path, ".onnx")
    assert read(path, 975.0).multiply_adds == roofline.product_multiply_adds()
    size = roofline.ON_PHONE
    assert open_artifact(path)(np.zeros((1, size, size), np.float32)).shape == (1, size, size)


# --- baselines --------------------------------------------------------------------------------


def test_eager_of_the_same_work_is_the_baseline():
    timings = [
        timing("eager waveform", 8.0),
        timing("eager mel", 4.0, kind="mel"),
        timing("a.onnx", 1.0),
        timing("b.onnx", 1.0, kind="mel"),
        timing("a.onnx", 0.5, target="host-native"),
        timing("a.onnx", 2.0, target="adb", device="Pixel", phone=PHONE),
        timing("b.pte", 1.0, target="adb", device="Pixel", phone=PHONE),
        timing("other.onnx", 1.0, model="peer"),
    ]
    rows = rows_of(timings)
    assert [row.speedup for row in rows] == [1, 1, 8, 4, 16, 1, 2, None]
    assert rows[4].baseline == "eager waveform (host)" and rows[6].baseline == "a.onnx"


def test_a_baseline_by_name_is_the_one_most_alike():
    timings = [
        timing("a.onnx", 1.0),
        timing("a.onnx", 2.0, model="theirs"),
        timing("a.onnx", 4.0, model="theirs", target="host-native"),
        timing("x.onnx", 8.0, model="peer"),
    ]
    assert [row.speedup for row in rows_of(timings, "a.onnx")] == [1, 1, 1, 1 / 8]
    assert [row.speedup for row in rows_of(timings, "theirs/a.onnx")] == [2, 1, 1, 1 / 4]
    phone = timing("a.onnx", 1.0, device="Pixel", phone=PHONE)
    assert baseline_of(phone, timings, "a.onnx") is None  # nothing of that name there


# --- comparing with before --------------------------------------------------------------------


def lines_of(folder: Path, *timings: Timing) -> list[dict[str, str]]:
    write_csv(folder / "old.csv", rows_of(timings))
    return compare.read(folder / "old.csv")


@pytest.mark.parametrize(
    ("now_ms", "spread", "typical", "slower"),
    [
        (1.00, 0.01, 50.0, False),
        (1.04, 0.01, 50.0, False),  # for sure slower, but within what days differ by
        (1.20, 0.01, 50.0, True),
        (1.20, 0.01, 40.0, False),  # the machine is slower by more
        (1.20, 0.01, 75.0, True),  # a faster machine excuses nothing
        (1.20, 1.50, 50.0, False),  # nothing is sure
        (0.50, 0.01, 50.0, False),
    ],
)
def test_what_is_a_regression(tmp_path, now_ms, spread, typical, slower):
    before = lines_of(tmp_path, timing("a.onnx", around(1.0, 1, spread)))
    now = rows_of([timing("a.onnx", around(now_ms, 2, spread), products=Products(100.0, typical))])
    (change,) = compare.compare(before, now, tolerance=0.05).changes
    assert change.slower == slower
    assert change.ratio.low < change.ratio.value < change.ratio.high
    assert change.drift == pytest.approx(50 / typical)


def test_the_same_code_is_rarely_a_regression(tmp_path):
    found = []
    for day in range(50):
        before = lines_of(tmp_path, timing("a.onnx", around(1.0, day, 0.1)))
        now = rows_of([timing("a.onnx", around(1.0, 1000 + day, 0.1))])
        found.append(bool(compare.compare(before, now, tolerance=0.0).slower))
    assert np.mean(found) < 0.1


def test_only_the_same_is_compared(tmp_path):
    then = [timing("a.onnx", 1.0), timing("gone.onnx", 1.0)]
    before = lines_of(tmp_path, *then)
    now = rows_of([timing("a.onnx", 1.0), timing("a.onnx", 9.0, model="new")])
    found = compare.compare(before, now, 0.05)
    assert [change.row.artifact for change in found.changes] == ["a.onnx"]
    assert [row.model for row in found.new] == ["new"] and found.gone == ["gone.onnx"]
    assert not found.slower and change_table(found, 0.05).row_count == 1
    with pytest.raises(UserError, match="same threads"):
        compare.compare(before, rows_of([timing("a.onnx", 1.0, threads=2)]), 0.05)


def test_other_devices_are_refused(tmp_path):
    before = lines_of(tmp_path, timing("a.onnx", 1.0))
    now = rows_of([timing("a.onnx", 1.0), timing("a.onnx", 1.0, target="adb", device="Pixel")])
    with pytest.raises(UserError, match="target adb is 'Pixel' now, and was not timed then"):
        compare.compare(before, now, 0.05)
    code = cli.run(["bench", "nowhere", "--compare", str(tmp_path / "old.csv")])
    assert code == 2  # before anything is timed


def test_what_cannot_be_compared_with(tmp_path):
    with pytest.raises(UserError, match="can't be read"):
        compare.read(tmp_path / "nothing.csv")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match="no times in it"):
        compare.read(tmp_path / "other.csv")


# --- what is shown ----------------------------------------------------------------------------


@pytest.fixture
def rows() -> list[Row]:
    return rows_of([
        timing("eager waveform", 8.0, runtime="torch"),
        timing("a.onnx", around(1.0, 0)),
        timing("other.onnx", 2.0, model="peer"),
        timing("a.onnx", 2.0, target="adb", device="Pixel", phone=PHONE),
    ])  # fmt: skip


def test_a_csv_has_a_line_a_row_under_all_columns(tmp_path, rows):
    write_csv(tmp_path / "x.csv", rows)
    lines = compare.read(tmp_path / "x.csv")
    assert [line["phone_soc"] for line in lines] == ["", "", "", "Tensor"]
    assert lines[3]["phone_max_mhz"] == "1803 2802" and lines[3]["phone_cpu_before_c"] == ""
    assert float(lines[1]["speedup"]) == pytest.approx(rows[1].speedup, rel=1e-5)
    assert lines[0]["samples_ms"] == ""


def test_a_table_for_each_device_and_model(rows):
    made = tables(rows)
    assert [table.row_count for table in made] == [2, 1, 1]
    assert "not steady" in made[2].caption and "Pixel" in made[2].title


@pytest.mark.parametrize("ending", [".png", ".svg"])
def test_chart(tmp_path, rows, ending):
    pytest.importorskip("matplotlib")
    chart.draw(tmp_path / f"x{ending}", rows)
    first = (tmp_path / f"x{ending}").read_bytes()
    assert len(first) > 5000
    chart.draw(tmp_path / f"x{ending}", rows)
    assert ending == ".png" or (tmp_path / "x.svg").read_bytes() == first


def test_a_chart_of_another_kind(tmp_path):
    with pytest.raises(UserError, match=r"ends with \.png or \.svg"):
        chart.check(tmp_path / "x.jpg")
