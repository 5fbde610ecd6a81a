"""The report: what its table says, its map, its sounds; and the page itself in a browser."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tiny_audio_ssl import UserError, cli
from tiny_audio_ssl.commands.probe import Questions
from tiny_audio_ssl.commands.report import Report
from tiny_audio_ssl.data.cache import open_cache
from tiny_audio_ssl.data.corpus import open_corpus
from tiny_audio_ssl.evaluation.datasets.base import EvaluationTask
from tiny_audio_ssl.evaluation.probing import scores
from tiny_audio_ssl.evaluation.probing.labelled import open_task
from tiny_audio_ssl.evaluation.probing.scores import Fit, Score
from tiny_audio_ssl.report import Content, maps, projector
from tiny_audio_ssl.report.artifacts import read_export, tabulate_artifacts
from tiny_audio_ssl.report.charts import learning, ticks
from tiny_audio_ssl.report.listening import Sounds, loudest, mp3
from tiny_audio_ssl.report.page import render
from tiny_audio_ssl.report.results import in_order, read_results
from tiny_audio_ssl.report.runs import read_curves, read_run, short_names
from tiny_audio_ssl.report.table import recoveries, tabulate

# What would run, or break out of its place, if it got into the page as markup.
HOSTILE = ("<script>document.title='taken'</script>", '"><img src=x onerror=alert(1)>', "{{ 7*7 }}")


def score(model: str, right: int, task="t", protocol="linear", **details: str) -> Score:
    """Ten recordings of two classes in one test part, `right` of them predicted right."""
    truth = np.arange(10) % 2
    predicted = np.where(np.arange(10) < right, truth, 1 - truth)
    trial = Fit(0, 0, np.arange(10), predicted)
    return Score(task, model, protocol, ["a", "b"], truth, [trial], dict(details))


# --- the table ---------------------------------------------------------------------------------


def test_table_marks_the_best_of_each_protocol_and_says_what_is_missing():
    found = tabulate(
        [score("x", 8), score("y", 6), score("x", 4, "u"), score("z", 9, protocol="knn")]
    )
    assert [(m.protocol, m.model) for m in found.methods] == [
        ("linear", "x"), ("linear", "y"), ("knn", "z"),
    ]  # fmt: skip
    x, y, z = found.tasks[0].cells
    assert (x.value, x.best, y.value, y.best) == (0.8, True, 0.6, False)
    assert x.low <= x.value <= x.high
    assert z.value == 0.9 and not z.best  # nothing to be better than
    assert found.tasks[1].cells[1].missing == "not measured"
    assert found.average.cells[0].value == pytest.approx(0.6)
    assert found.average.cells[1].missing == "1 of 2 tasks"


def test_recovery_compares_with_the_references_of_the_same_encoder():
    every = [
        score("run-a", 7), score("run-b", 7), score("log-mel statistics", 7),
        score("random weights of run-a", 5), score("random weights of run-b", 6),
        score("random weights (mobile)", 9, protocol="supervised", encoder="mobile"),
        score("random weights (separable)", 8, protocol="supervised", encoder="separable"),
    ]  # fmt: skip
    found, reason = recoveries(tabulate(every), every, {"run-a": "mobile", "run-b": "separable"})
    assert not reason and [m.model for m in found.methods] == ["run-a", "run-b"]
    assert [cell.value for cell in found.tasks[0].cells] == pytest.approx([2 / 4, 1 / 2])


def test_recovery_without_references_says_which():
    every = [score("run", 7), score("random weights", 5)]
    assert recoveries(tabulate(every), every, {})[1] == "The results hold no supervised training."
    every += [score("random weights", 5, protocol="supervised")]  # no better than random
    found, reason = recoveries(tabulate(every), every, {})
    assert not found.methods and reason


def test_results_of_several_files_under_short_names(tmp_path):
    logmel = score("log-mel statistics", 5)
    scores.write(tmp_path / "a.json", [score("/runs/a", 7), logmel])
    scores.write(tmp_path / "b.json", [score("random weights of /runs/a", 6), logmel])
    found = read_results([tmp_path / "a.json", tmp_path / "b.json"], {"/runs/a": "a"})
    assert [s.model for s in found] == ["a", "log-mel statistics", "random weights of a"]


def test_results_that_can_and_that_cannot_be_told_apart(tmp_path):
    file = tmp_path / "x.json"
    both = [score("random weights", 6, encoder="e"), score("random weights", 7, encoder="f")]
    scores.write(file, both)
    assert [s.model for s in read_results([file], {})] == [
        "random weights (e)", "random weights (f)",
    ]  # fmt: skip
    scores.write(file, [replace(one, details={}) for one in both])
    with pytest.raises(UserError, match="two different figures of random weights"):
        read_results([file], {})


def test_results_in_the_order_that_was_asked_for():
    given = [
        score("x", 5, "b", "supervised"),
        score("x", 6, "c"),
        score("x", 7, "b"),
        score("x", 8, "a"),
    ]
    found = [(s.task, s.protocol) for s in in_order(given, ["a", "b"])]
    assert found == [("a", "linear"), ("b", "linear"), ("b", "supervised"), ("c", "linear")]


# --- the map -----------------------------------------------------------------------------------


def test_choose_is_even_over_classes_from_the_first_on():
    truth = np.repeat([0, 1, 2], [50, 10, 4])
    chosen = maps.choose(truth, 12)
    assert np.bincount(truth[chosen]).tolist() == [4, 4, 4]
    assert sorted(truth[chosen[:3]]) == [0, 1, 2]
    assert len(maps.choose(truth, 1000)) == len(set(maps.choose(truth, 1000))) == 64


def test_neighbours_are_those_of_a_literal_search():
    x = np.random.default_rng(0).standard_normal((30, 8)).astype(np.float32) + 5
    unit = maps.directions(x)
    nearest, cosines = maps.neighbours(unit, 4)
    standard = (x - x.mean(0)) / x.std(0)
    for i, row in enumerate(standard):
        said = [
            (float(row @ other / np.linalg.norm(row) / np.linalg.norm(other)), j)
            for j, other in enumerate(standard)
            if j != i
        ]
        wanted = sorted(said, reverse=True)[:4]
        assert [j for _, j in wanted] == nearest[i].tolist()
        np.testing.assert_allclose(cosines[i], [cosine for cosine, _ in wanted], atol=1e-5)


def test_layout_keeps_two_heaps_apart_and_repeats_itself():
    rng = np.random.default_rng(0)
    heaps = np.repeat([0, 1], 20)
    x = rng.standard_normal((40, 6)) + 12 * heaps[:, None]
    unit = maps.directions(x.astype(np.float32))
    places, how = maps.layout(unit)
    assert how.startswith("UMAP") and places.min() >= 0 and places.max() <= 1
    np.testing.assert_array_equal(places, maps.layout(unit)[0])
    centres = [places[heaps == i].mean(0) for i in (0, 1)]
    widest = max(np.linalg.norm(places[heaps == i] - centres[i], axis=1).max() for i in (0, 1))
    assert np.linalg.norm(centres[0] - centres[1]) > 2 * widest


@pytest.mark.parametrize(
    ("x", "said"),
    [
        (np.random.default_rng(0).standard_normal((9, 4)), "9 sounds are too few for UMAP"),
        (np.ones((40, 4)), "collapsed"),
        (np.outer(np.arange(40), np.ones(4)), "collapsed"),
        (np.random.default_rng(0).standard_normal((9, 1)), "too few"),
    ],
)
def test_layout_without_umap_says_why(x, said):
    places, how = maps.layout(maps.directions(x.astype(np.float32)))
    assert said in how and places.shape == (len(x), 2) and np.isfinite(places).all()


def test_no_map_of_nan():
    with pytest.raises(UserError, match="NaN"):
        maps.directions(np.full((20, 3), np.nan, np.float32))


# --- sounds ------------------------------------------------------------------------------------


def test_loudest_part():
    wave = np.full(1000, 0.01, np.float32)
    wave[600:700] = 0.5
    assert (loudest(wave, 100) == 0.5).all()
    assert loudest(wave, 2000) is wave


@pytest.mark.parametrize("samples", [1, 200, 16_000, 33_333])
def test_mp3_is_what_went_in(samples):
    wave = 0.3 * np.sin(2 * np.pi * 440 / 16_000 * np.arange(samples))
    read, rate_hz = soundfile.read(BytesIO(mp3(wave.astype(np.float32))))
    assert rate_hz == 16_000 and samples <= len(read) <= samples + 4 * 1152
    if samples > 10_000:
        peak = np.fft.rfft(read).__abs__().argmax() * rate_hz / len(read)
        assert peak == pytest.approx(440, abs=2)


def test_sounds_stay_within_their_limit_and_are_kept_once():
    recordings = open_cache(open_corpus("builtin:2"), progress=False)
    sounds = Sounds.for_clips(len(recordings), seconds=2.0, limit_mb=0.03)
    assert sounds.seconds == 1.0  # rather fewer than shorter
    for turn in range(2):
        where = [sounds.add(f"hash {i}", recordings, i) for i in range(len(recordings))]
        assert len(sounds.encoded) + sounds.left_out == len(recordings), turn
    assert sounds.bytes <= 30_000 and sounds.left_out == where.count(None) > 0
    plenty = Sounds.for_clips(len(recordings), seconds=2.0, limit_mb=10)
    assert plenty.seconds == 2.0


# --- runs --------------------------------------------------------------------------------------


def test_curves_of_a_killed_run(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text(
        '{"step": 10, "train/loss": 1.5, "train/spread": 0.5, "speed/clips_per_s": 9}\n'
        '{"step": 20, "train/loss": NaN}\n[1]\n{"step": 30, "train/lo'
    )
    assert read_curves(path) == {"train/loss": [(10, 1.5)], "train/spread": [(10, 0.5)]}
    assert read_curves(tmp_path / "none.jsonl") == {}


@pytest.mark.parametrize(("low", "high"), [(0, 1500), (0.51, 0.68), (3, 3), (-2, 5), (0, 1e-9)])
def test_ticks_are_round_and_enclose(low, high):
    found = ticks(low, high)
    steps = np.diff(found)
    assert found[0] <= low and found[-1] >= high and 2 <= len(found) <= 9
    assert np.allclose(steps, steps[0]) and f"{steps[0]:e}"[0] in "125"


def test_short_names():
    paths = [Path("/a/x/run"), Path("/a/y/run")]
    assert short_names(paths) == ["x/run", "y/run"]
    assert short_names([Path("/a/x/run"), Path("/a/x/other")]) == ["run", "other"]
    with pytest.raises(UserError, match="twice"):
        short_names([Path("/a/run"), Path("/a/run")])


# --- the whole ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with one artifact, a suite of two tasks, and results with a supervised reference."""
    os.environ["TINY_AUDIO_SSL_CACHE"] = str(tmp_path_factory.getbasetemp() / "cache")
    place = tmp_path_factory.mktemp("report")
    fast = ["--encoder.width", "0.25", "--steps", "6", "--batch-size", "8", "--accelerator", "cpu"]
    assert cli.run(["pretrain", "builtin:4", "--out", str(place / "run"), *fast]) == 0
    form = ["--format", "onnx", "--precision", "fp32", "--input", "mel", "--parity-clips", "4"]
    assert cli.run(["export", str(place / "run"), *form]) == 0
    rng = np.random.default_rng(0)
    with (place / "list.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label"])
        for i in range(30):
            noise = 0.1 * rng.standard_normal(16_000 + 8_000 * (i % 2)) * (1 + i % 3)
            soundfile.write(place / f"<b>&{i}.wav", noise / 5, 16_000)
            writer.writerow([f"<b>&{i}.wav", HOSTILE[i % 3]])
    (place / "suite.toml").write_text(
        '[[task]]\nname = "noises </script>"\nsource = "list.csv"\nfolds = 3\n'
        '[[task]]\nname = "made up"\nsource = "builtin:4"\ngroup = "group"\nfolds = 2\n'
    )
    task = open_task(EvaluationTask("made up", "builtin:4", group="group", folds=2))
    trials = [Fit(i, 0, one.test, task.truth[one.test]) for i, one in enumerate(task.splits)]
    best = Score("made up", "random weights", "supervised", task.classes, task.truth, trials)
    scores.write(place / "supervised.json", [best])
    return place


@pytest.fixture(scope="module")
def page(folder: Path) -> Path:
    command = Report(
        (folder / "run",),
        results=(folder / "supervised.json",),
        questions=Questions(suite=folder / "suite.toml"),
        bench=True,
        projector=folder / "projector",
        out=folder / "page.html",
    )
    assert command.run() == 0
    return folder / "page.html"


def shown(page: Path) -> str:
    """The text that needs no script, without tags."""
    body = page.read_text().partition("<main>")[2].partition("</main>")[0]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", body))


def test_page_says_what_it_should(page, folder):
    text = shown(page)
    for wanted in (
        "log-mel statistics", "random weights", "Recovery", "not measured", "1 of 2 tasks",
        "temporal-gap", "validation", "encoder.mel.fp32.onnx", "p50, ms", "itself", "timed on",
        "multiply-adds", "sha256",
    ):  # fmt: skip
        assert wanted in text, wanted
    config = json.loads((folder / "run" / "last" / "config.json").read_text())
    assert config["sha256"]["model.safetensors"] in text
    found = scores.read(folder / "supervised.json")[0]
    assert f"{found.accuracy:.3f}" in text


def test_nothing_from_files_becomes_markup(page):
    text = page.read_text()
    for label in HOSTILE[:2]:
        assert label not in text
    assert text.count("<script") == 2 and text.count("</script>") == 2  # data, and our own
    assert "&lt;/script&gt;" in text  # the name of a task, in the table


def test_page_asks_for_nothing(page):
    text = page.read_text()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy and policy[1].startswith("default-src 'none'") and "http" not in policy[1]
    assert not re.search(r"""(src|href|url|@import)\s*[=(]?\s*["']?\s*(https?:)?//""", text)


def test_empty_content_says_what_is_missing(tmp_path):
    text = render(Content())
    for said in ("No results.", "No map.", "No run was given."):
        assert said in text


def test_a_run_that_has_only_a_checkpoint(folder, tmp_path):
    shutil.copytree(folder / "run" / "last", tmp_path / "bare")
    run = read_run(tmp_path / "bare", "bare")
    assert "no metrics.jsonl" in render(Content([run]))
    assert "bare: not exported" in tabulate_artifacts([run]).notes[0]
    assert learning([run])[0].charts == []


def test_latencies_that_were_measured_before(folder, tmp_path):
    export = tmp_path / "export"
    shutil.copytree(folder / "run" / "export", export)
    found = read_export(export, "another")
    assert any("another checkpoint" in note for note in found.notes)
    assert found.artifacts[0].p50_ms is None
    assert cli.run(["bench", str(export), "--runs", "3", "--csv", str(export / "bench.csv")]) == 0
    found = read_export(export, "another")
    assert [a.name for a in found.artifacts] == ["eager mel", "encoder.mel.fp32.onnx"]
    assert all(a.p50_ms and a.p90_ms for a in found.artifacts)
    (export / "bench.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match=r"bench\.csv: no times in it"):
        read_export(export, "")


def test_projector_gets_every_embedding(page, folder):
    places = sorted(path.parent for path in (folder / "projector").rglob("tensors.tsv"))
    found = []
    for place in places:
        rows = (place / "metadata.tsv").read_text().splitlines()
        assert rows[0] == "label\tfile" and {row.count("\t") for row in rows} == {1}
        vectors = np.loadtxt(place / "tensors.tsv", delimiter="\t")
        assert len(vectors) == len(rows) - 1
        found.append(len(vectors))
    assert found == [32, 30]
    assert (folder / "projector" / "projector_config.pbtxt").is_file()


def test_projector_metadata_stay_in_their_cells(tmp_path):
    labelled = open_task(EvaluationTask("t", "builtin:2", folds=2))
    labelled.table.classes[0] = "a\tb\nc"
    projector.write(tmp_path, [(labelled, [("run", np.eye(len(labelled), dtype=np.float32))])])
    (path,) = tmp_path.rglob("metadata.tsv")
    assert "a b c\t" in path.read_text()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "nothing to report on"),
        ({"runs": (Path("/nowhere"),)}, "no checkpoint there"),
        ({"results": (Path("/nowhere.json"),)}, "probe --out"),
        ({"runs": (Path("x"),), "clips": 1}, "at least 2"),
        ({"runs": (Path("x"),), "audio_s": 0.0}, "more than 0"),
        ({"runs": (Path("x"),), "protocols": ("quadratic",)}, "choose from linear"),
        ({"runs": (Path("x"),), "projector": Path("y")}, "--projector needs recordings"),
    ],
)
def test_what_is_wrong_is_told(settings, said, tmp_path):
    with pytest.raises(UserError, match=said):
        Report(**{"runs": (), "out": tmp_path / "x.html"} | settings).run()
    assert not (tmp_path / "x.html").exists()


# --- in a browser ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser():
    """Headless Chromium, which writes down its console and every request."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        reason = "no Chromium; install Debian's chromium and chromium-driver"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--mute-audio"):
        options.add_argument(argument)
    # Else the page is still scrolling smoothly to what had the focus when the next click comes.
    options.add_argument("--force-prefers-reduced-motion")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(driver, log_output=subprocess.DEVNULL)
    found = webdriver.Chrome(options=options, service=service)
    yield found
    found.quit()


@pytest.fixture
def opened(browser, page):
    """The page, freshly loaded 1280 pixels wide; afterwards it must have been quiet."""
    browser.get_log("performance"), browser.get_log("browser")
    browser.set_window_size(1280, 1000)
    browser.get(page.as_uri())
    yield browser
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    ]
    assert asked and {url for url in asked if not url.startswith("data:")} == {page.as_uri()}
    assert browser.get_log("browser") == []


def point(browser, label: str):
    """The first point on the map with that label."""
    every = browser.find_elements("css selector", ".point")
    return next(p for p in every if p.get_attribute("aria-label").startswith(f"{label}, "))


def listened(browser) -> dict[str, object]:
    """The state of the player, when it knows its sound or has failed to."""
    from selenium.webdriver.support.ui import WebDriverWait

    script = """const audio = document.querySelector('#listen audio');
        return audio && (audio.readyState > 0 || audio.error) &&
            {duration: audio.duration, error: audio.error && audio.error.message, src: audio.src}"""
    return WebDriverWait(browser, 20).until(lambda b: b.execute_script(script))


def choose(form, name: str, option: str) -> None:
    from selenium.webdriver.support.ui import Select

    box = form.find_element("xpath", f".//label[contains(., '{name}')]/select")
    Select(box).select_by_visible_text(option)


def test_a_click_plays_the_sound_and_lists_neighbours(opened):
    show = "document.getElementById('plot').scrollIntoView({block: 'center', behavior: 'instant'})"
    opened.execute_script(show)
    from selenium.webdriver import ActionChains

    # A neighbour may lie on top: the nearest point is taken, whatever element gets the click.
    target = point(opened, HOSTILE[0])
    ActionChains(opened).move_to_element(target).click().perform()
    heading = opened.find_element("css selector", "#listen h3").text
    assert heading in HOSTILE and opened.title == "run"
    first = listened(opened)
    assert first["error"] is None and 0.9 < first["duration"] < 2.5
    rows = opened.find_elements("css selector", "#listen tbody tr")
    assert len(rows) == 7
    assert all("<b>&" in row.text for row in rows)
    cosines = [float(row.find_elements("css selector", "td")[1].text) for row in rows[1:]]
    assert cosines == sorted(cosines, reverse=True) and -1 <= cosines[-1] <= cosines[0] <= 1
    rows[3].find_element("css selector", "button").click()
    second = listened(opened)
    assert second["src"] != first["src"] and second["error"] is None and second["duration"] > 0.9
    assert len(opened.find_elements("css selector", ".point.near")) == 6


def test_keyboard_and_legend(opened):
    from selenium.webdriver.common.keys import Keys

    start = opened.find_element("css selector", ".point[tabindex='0']")
    opened.execute_script("arguments[0].focus()", start)
    tip = opened.find_element("css selector", ".tip")
    assert tip.is_displayed() and "<b>&" in tip.text
    for key in (Keys.ARROW_RIGHT, Keys.ARROW_LEFT, Keys.ARROW_UP, Keys.ARROW_DOWN):
        opened.switch_to.active_element.send_keys(key)
    opened.switch_to.active_element.send_keys(Keys.ENTER)
    assert listened(opened)["duration"] > 0.9
    legend = opened.find_elements("css selector", "#legend button")
    assert [button.text for button in legend] == [f"{name} (10)" for name in sorted(HOSTILE)]
    legend[1].click()
    assert len(opened.find_elements("css selector", ".point.dim")) == 20
    assert legend[1].get_attribute("aria-pressed") == "true"
    legend[1].click()
    assert not opened.find_elements("css selector", ".point.dim")


def test_selectors_change_map_and_confusion(opened, folder):
    assert len(opened.find_elements("css selector", ".point")) == 30
    choose(opened.find_element("id", "map-controls"), "task", "made up")
    assert len(opened.find_elements("css selector", ".point")) == 32
    assert len(opened.find_elements("css selector", "#confusion tbody tr")) == 3
    mistakes = opened.find_element("id", "mistakes-controls")
    choose(mistakes, "task", "made up")
    choose(mistakes, "method", "random weights, supervised")
    assert "No mistakes." in opened.find_element("id", "mistakes-note").text
    table = [
        [cell.text for cell in row.find_elements("css selector", "td")]
        for row in opened.find_elements("css selector", "#confusion tbody tr")
    ]
    counts = scores.read(folder / "supervised.json")[0].confusion()
    assert [[int(text or 0) for text in row] for row in table] == counts.tolist()
    per_class = opened.find_elements("css selector", "#per-class tbody tr")
    assert len(per_class) == 8 and all("1.00" in row.text for row in per_class)
    choose(mistakes, "task", "noises </script>")
    assert "was not measured" in opened.find_element("id", "mistakes-note").text


@pytest.mark.parametrize("width", [400, 1280])
def test_nothing_is_wider_than_the_window(opened, width):
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        assert opened.execute_script("return document.documentElement.scrollWidth") <= width
    finally:
        opened.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
