"""The page: its text, its safety, and how it works in a browser."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from support.browser import chromium, requests
from support.scores import score

from tiny_audio_ssl import UserError, cli
from tiny_audio_ssl.commands.report import Report
from tiny_audio_ssl.commands.task_options import TaskOptions
from tiny_audio_ssl.evaluation.datasets.base import EvaluationTask
from tiny_audio_ssl.evaluation.probing import scores
from tiny_audio_ssl.evaluation.probing.labeled import open_task
from tiny_audio_ssl.evaluation.probing.scores import Fit, Score
from tiny_audio_ssl.report import projector
from tiny_audio_ssl.report.artifacts import read_export, tabulate_artifacts
from tiny_audio_ssl.report.charts import learning
from tiny_audio_ssl.report.page import Content, render
from tiny_audio_ssl.report.runs import read_run

# What would run, or break out of its place, if it got into the page as markup.
HOSTILE = ("<script>document.title='taken'</script>", '"><img src=x onerror=alert(1)>', "{{ 7*7 }}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with one artifact, a suite of two tasks, and results with a supervised reference."""
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
    fits = [Fit(i, 0, one.test, task.truth[one.test]) for i, one in enumerate(task.splits)]
    best = Score("made up", "random weights", "supervised", task.classes, task.truth, fits)
    scores.write(place / "supervised.json", [best])
    return place


@pytest.fixture(scope="module")
def page(folder: Path) -> Path:
    command = Report(
        (folder / "run",),
        results=(folder / "supervised.json",),
        tasks=TaskOptions(suite=folder / "suite.toml"),
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
    assert "bare: not exported" in tabulate_artifacts({run.name: run.exported}).notes[0]
    assert learning([run])[0].charts == []


def test_latencies_that_were_measured_before(folder, tmp_path):
    export = tmp_path / "export"
    shutil.copytree(folder / "run" / "export", export)
    found = read_export(export, "another")
    assert any("different checkpoint" in note for note in found.notes)
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
    labeled = open_task(EvaluationTask("t", "builtin:2", folds=2))
    labeled.table.classes[0] = "a\tb\nc"
    projector.write(tmp_path, [(labeled, [("run", np.eye(len(labeled), dtype=np.float32))])])
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
def test_wrong_options_are_explained(settings, said, tmp_path):
    with pytest.raises(UserError, match=said):
        Report(**{"runs": (), "out": tmp_path / "x.html"} | settings).run()
    assert not (tmp_path / "x.html").exists()


# --- in a browser ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


@pytest.fixture
def opened(browser, page):
    """The page, freshly loaded 1280 pixels wide; afterwards it must have been quiet."""
    browser.get_log("performance"), browser.get_log("browser")
    browser.set_window_size(1280, 1000)
    browser.get(page.as_uri())
    yield browser
    asked = requests(browser)
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


def test_a_click_plays_the_sound_and_lists_neighbors(opened):
    show = "document.getElementById('plot').scrollIntoView({block: 'center', behavior: 'instant'})"
    opened.execute_script(show)
    from selenium.webdriver import ActionChains

    # A neighbor may lie on top: the nearest point is taken, whatever element gets the click.
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


def test_the_headline_names_the_best_or_all_that_are_equally_good():
    given = [score("a", 7), score("random weights", 6), score("log-mel statistics", 7)]
    assert "a and log-mel statistics are best, each with a mean accuracy of" in headline(given)
    assert "best is a with a mean accuracy of" in headline(given[:2])
    assert "; random weights reach" in headline(given[:2])


def headline(given: list[Score]) -> str:
    return render(Content(scores=given))
