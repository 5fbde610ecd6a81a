"""Figures in hand-written pages and help texts: each is that of a committed CSV file."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from support.paths import ROOT
from support.scripts import imported

from tiny_audio_ssl.models.encoder_config import ENCODER_NAMES, EncoderConfig
from tiny_audio_ssl.pretext.registry import TASKS


@pytest.fixture(scope="module")
def tables():
    """The modules `tables.rows`, `tables.federation` and `tables.cost`, imported as scripts do."""
    with imported("results_table", "encoders") as (script, encoders):
        yield script.rows, script.federation, script.cost, encoders


def shown(page: str) -> str:
    """Return the text of a page on one line."""
    return " ".join((ROOT / page).read_text(encoding="utf-8").split())


def sentences_on_federation(federation) -> Iterator[str]:
    """Yield parts of docs/federated.md, with the figures of federation.csv."""
    value = federation.value
    norms = {n: f"{value('norms', n, 'accuracy'):.3f}"[1:] for n in ("local", "group", "frozen")}
    yield f"{norms['local']} (`local`), {norms['group']} (`group`) and {norms['frozen']} (`frozen`)"
    yield f"as many steps reaches {value('quality', 'in one place', 'accuracy'):.3f}".replace(
        "0.", "."
    )
    encoder, whole = (
        value("bytes", f"audio2vec-cbow, mobile, {part}, float32", "update_bytes") / 1e6
        for part in ("encoder", "all")
    )
    yield f"`mobile` are {encoder:.2f} MB"
    yield f"an update has {whole:.1f} MB"
    ours, flower = "1 step a round, TLS", "1 step a round, TLS, flower-supernode"
    yield f"it uses {value('device', ours, 'waiting_mb'):.0f} MB of memory"
    yield f"at most {value('device', ours, 'most_mb'):.0f} MB during"
    yield f"A round takes {value('device', ours, 'core_s_per_round'):.1f} s"
    yield f"the first takes {value('device', ours, 'first_core_s'):.1f} s"
    yield f"every round takes {value('device', flower, 'core_s_per_round'):.1f} s"
    yield f"memory reaches {value('device', flower, 'most_mb'):.0f} MB"


def test_federation(tables):
    _, federation, *_ = tables
    page = shown("docs/federated.md")
    assert [part for part in sentences_on_federation(federation) if part not in page] == []


def test_the_strategy_to_start_with_is_the_nearest_to_centralized_training(tables):
    _, federation, *_ = tables
    values = {name: federation.value("quality", name, "accuracy") for name in federation.SETTINGS}
    assert max(values, key=values.get) == "in one place"
    del values["in one place"]
    assert max(values, key=values.get) == "fedadam"
    assert "`fedadam`, which came nearest to centralized training" in shown("docs/federated.md")


def test_a_packet_of_several_slices(tables):
    rows, *_ = tables
    same = ("model", "runtime", "precision")
    alone, together = (
        {tuple(row[key] for key in same): float(row["packet_p50_ms"]) for row in found}
        for found in (
            rows.where("streaming", packet_ms="80.0", slice_ms="80"),
            rows.where("streaming", packet_ms="320.0", slice_ms="80"),
        )
    )
    ratio = rows.between(together[key] / alone[key] for key in alone)
    assert f"A step takes {ratio} times as long as one of 80 ms" in shown("docs/streaming.md")


def test_the_size_of_a_packets_front_end(tables):
    rows, *_ = tables
    sizes = [
        int(rows.only("packet_forms", runtime="executorch", form=f"frames cut out, {how}")["bytes"])
        for how in ("weights stored", "weights made of tables")
    ]
    assert f"to save {(sizes[0] - sizes[1]) / 1000:.0f} kB" in shown("docs/streaming.md")


def test_training_steps_on_a_device(tables):
    *_, cost, _ = tables
    page = shown("docs/training-on-device.md")
    mobile, dense, separable = map(cost.training_ratio, ("mobile", "dense", "separable"))
    assert f"takes {mobile} times as long" in page
    assert f"{dense} times with `dense`, and {separable} times with `separable`" in page


def test_gradients_on_a_device(tables):
    rows, *_ = tables
    errors = [float(row["gradient_error"]) for row in rows.rows("training_step")]
    small = sum(error < 1e-5 for error in errors)
    expected = f"by at most {max(errors):.0e} of their length, and by less than 1e-05 in {small} of"
    assert f"{expected} {len(errors)} cases" in shown("docs/training-on-device.md")


def test_precisions_of_artifacts(tables):
    rows, *_ = tables
    page = shown("docs/export.md")
    assert "an .onnx is little more than half the size, but a .pte is no smaller" in page
    assert ".onnx only: the smallest download, but no faster" in page
    for model in ("tiny", "small"):
        pte, onnx = (
            {
                row["precision"]: row
                for row in rows.where("artifacts", model=model, input="waveform", runtime=runtime)
            }
            for runtime in ("executorch", "onnxruntime")
        )
        sizes = {precision: int(row["bytes"]) for precision, row in onnx.items()}
        assert 0.5 < sizes["fp16"] / sizes["fp32"] < 0.6
        assert int(pte["fp16"]["bytes"]) >= int(pte["fp32"]["bytes"])
        assert min(sizes, key=sizes.get) == "int8-weights"
        times = [float(onnx[name]["p50_ms"]) for name in ("int8-weights", "fp32")]
        assert times[0] / times[1] == pytest.approx(1, abs=0.1)


def test_parameters_of_peers(tables):
    rows, *_ = tables
    page = shown("docs/hear.md")
    words = {
        "openWakeWord embedding": "(arXiv 2002.01322), {:.2f} M parameters",
        "Resemblyzer": "(arXiv 1710.10467), {:.1f} M parameters",
        "YAMNet": "(`pip install ai-edge-litert`), {:.1f} M parameters",
        "mn04_as": "of which this embedding needs {:.2f} M",
    }
    for model, text in words.items():
        parameters = int(rows.only("comparison", model=model)["parameters"])
        assert text.format(parameters / 1e6) in page


@pytest.mark.parametrize("model", ["small", "tiny"])
def test_probes_on_the_cards_of_shipped_models(tables, model):
    rows, *_ = tables
    card = shown(f"tiny_audio_ssl/weights/{model}/MODEL_CARD.md")
    names = (model, f"{model}, full readout")
    first, second = (
        {r["task"]: r for r in rows.where("comparison_tasks", embedding=n)} for n in names
    )
    lines = [
        f"| {task} | {float(row['accuracy']):.3f} | {float(second[task]['accuracy']):.3f} |"
        for task, row in first.items()
    ]
    assert len(lines) == 10 and [line for line in lines if line not in card] == []


def test_a_native_device_takes_a_tenth_of_the_time(tables):
    rows, *_ = tables
    python, native = (
        float(rows.only("native_device", device=device, measure="core_s_per_round")["value"])
        for device in ("python", "native")
    )
    assert "in a tenth of the processor time of a Python client" in shown("README.md")
    assert native / python == pytest.approx(0.1, abs=0.02)


def test_taught_sounds(tables):
    rows, *_ = tables
    listens = {"model": "small", "artifact": "stream.int8", "where": "desktop"}
    found = rows.only("page_few_shot", **listens, task="sounds", examples="3")
    right, wrong, unknown = (
        f"{100 * float(found[name]):.0f} %" for name in ("correct", "wrong", "others_unknown")
    )
    named = f"the int8 stream of `small` names {right} correctly and {wrong} wrongly"
    assert f"{named}; {unknown} of other sounds" in shown("README.md")


def test_where_taught_sounds_lose(tables):
    rows, *_ = tables
    page = shown("docs/results.md")
    assert "words by voices that were not taught are recognized less than half of the time" in page
    words = rows.where("few_shot", task="words", examples="3", way="as the app")
    assert all(float(row["correct"]) < 0.5 for row in words)
    assert "both recognize fewer sounds than without" in page
    way = "learned part, over 2 s, clearly the nearest"
    for row in rows.where("few_shot", task="sounds", examples="3", way=way):
        for change in ("centered", "standardized"):
            changed = rows.only(
                "few_shot",
                **{
                    **{key: row[key] for key in ("model", "task", "examples")},
                    "way": f"{way}, {change}",
                },
            )
            assert float(changed["correct_at_80_unknown"]) < float(row["correct_at_80_unknown"])
            assert float(changed["others_unknown"]) < float(row["others_unknown"])


def test_the_number_of_pretext_tasks():
    assert f"by one of [{len(TASKS)} tasks](docs/pretext-tasks.md)" in shown("README.md")


def test_costs_of_encoders_are_what_they_are(tables):
    rows, *_, encoders = tables
    counted = [{k: str(v) for k, v in encoders.count(name).items()} for name in ENCODER_NAMES]
    assert counted == rows.rows("encoders"), "run python benchmarks/encoders.py; make results"


def test_the_help_text_has_the_multiply_adds(tables):
    rows, *_ = tables
    source = shown("tiny_audio_ssl/models/encoder_config.py")
    found = dict(re.findall(r"`([\w-]+)`: [^;]*?, (\d+) M\b", source))
    expected = {
        row["encoder"]: f"{float(row['multiply_adds']) / 1e6:.0f}" for row in rows.rows("encoders")
    }
    assert found == {name: expected[name] for name in found}
    assert set(found) == {"mobile", "separable", "dense", "shared"}
    assert EncoderConfig().name in found


def test_two_threads_are_faster_than_two_processes(tables):
    rows, *_ = tables
    threads, processes = (
        sum(float(row["times_one_core"]) for row in rows.where("two_cores", way=way)) / 2
        for way in ("two threads", "two processes")
    )
    said = f"two threads train {threads:.1f} times as fast as one, two processes {processes:.1f}"
    assert said in shown("docs/training.md")
