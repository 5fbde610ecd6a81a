"""Figures in hand-written pages and help texts: each is that of a committed CSV file."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from support.paths import ROOT
from support.scripts import imported

from tiny_audio_ssl.models.encoder_config import ENCODER_NAMES, EncoderConfig


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
    mobile, separable = map(cost.training_ratio, ("mobile", "separable"))
    assert f"takes {mobile} times as long" in page
    assert f"and {separable} times with `separable`" in page


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
    found = rows.only("few_shot", model="small", task="sounds", examples="3", way="as the app")
    right, wrong, unknown = (
        f"{100 * float(found[name]):.0f} %" for name in ("correct", "wrong", "others_unknown")
    )
    expected = f"`small` names {right} correctly and {wrong} wrongly; {unknown} of other sounds"
    assert expected in shown("README.md")


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
