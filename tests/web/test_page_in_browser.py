"""The page in headless Chromium: files, a recording as its microphone, sounds that are taught.

One browser for all tests. What it hears goes round and round: two seconds of noise, then a tone.
"""

from __future__ import annotations

import base64
import functools
import http.server
import json
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from support.browser import chromium, requests

from tiny_audio_ssl import cli
from tiny_audio_ssl.audio import io as audio
from tiny_audio_ssl.bench.saved_json import read_json
from tiny_audio_ssl.embedding.embedder import load
from tiny_audio_ssl.embedding.taught_sounds import TaughtSounds, example
from tiny_audio_ssl.export import manifest, web
from tiny_audio_ssl.export.streaming.stream_runtime import Stream
from tiny_audio_ssl.utils.files import read_rows

INT8, FP32 = "encoder.stream.int8.onnx", "encoder.stream.fp32.onnx"
HEARD_HZ = 44_100  # of the recording that stands for a microphone
PATIENCE_S = 60  # on a busy machine
BEFORE = 5  # packets before what the encoder reads is full of sound
COLORS = """
const canvas = document.getElementById(arguments[0]);
const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
return new Set(new Uint32Array(pixels.data.buffer)).size;
"""
TAUGHT, EXAMPLES, ASKED = 4, 3, 6  # kinds of sound, recordings of each to teach and to ask about


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


class Server:
    """A plain file server on this machine, which can be stopped."""

    def __init__(self, folder: Path) -> None:
        handler = functools.partial(Quiet, directory=str(folder))
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture(scope="module")
def server(site: Path) -> Iterator[Server]:
    found = Server(site)
    yield found
    if found.thread.is_alive():
        found.stop()


def noise_and_tone(rate_hz: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    time_s = np.arange(2 * rate_hz) / rate_hz
    tone = 0.3 * np.sin(2 * np.pi * 700 * time_s) + 0.003 * rng.normal(size=2 * rate_hz)
    return np.concatenate([0.1 * rng.normal(size=2 * rate_hz), tone])


@pytest.fixture(scope="module")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory, site: Path, downloads: Path) -> Iterator[Any]:
    heard = tmp_path_factory.mktemp("heard") / "microphone.wav"
    soundfile.write(heard, noise_and_tone(HEARD_HZ), HEARD_HZ, subtype="PCM_16")
    arguments = (
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={heard}",
    )
    with chromium(arguments, downloads) as found:
        spy = Path(__file__).with_name("spy.js").read_text()
        found.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": spy})
        yield found


def wait(browser: Any, ready: Callable[[Any], Any]) -> Any:
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(browser, PATIENCE_S, poll_frequency=0.1).until(ready)


def open_page(browser: Any, url: str) -> None:
    browser.get(url)
    wait(browser, lambda b: b.execute_script("return document.documentElement.dataset.ready"))


@pytest.fixture
def page(browser: Any, server: Server) -> Iterator[Any]:
    """The page, freshly opened 1280 pixels wide; it must have asked its own server alone."""
    requests(browser)
    browser.set_window_size(1280, 1000)
    open_page(browser, server.url)
    yield browser
    assert {url for url in requests(browser) if not url.startswith((server.url, "blob:"))} == set()
    assert browser.get_log("browser") == []


def click(browser: Any, selector: str) -> None:
    browser.execute_script("document.querySelector(arguments[0]).click()", selector)


def text_of(browser: Any, element_id: str) -> str:
    return str(browser.find_element("id", element_id).get_attribute("textContent"))


def rows(browser: Any) -> list[str]:
    """Return what the page says of each recording, the newest first."""
    script = "return [...document.querySelectorAll('#found li')].map((row) => row.textContent)"
    return list(browser.execute_script(script))


def give(browser: Any, *paths: Path) -> list[str]:
    """Choose files, and return what the page says of them, in their order."""
    before = len(rows(browser))
    browser.find_element("id", "choose").send_keys("\n".join(map(str, paths)))
    wait(browser, lambda b: len(rows(b)) == before + len(paths))
    return rows(browser)[: len(paths)][::-1]


def downloaded(browser: Any, folder: Path, name: str) -> Path:
    path = folder / name

    def whole(_: Any) -> bool:  # its name is taken by an empty file before it is there
        return path.is_file() and path.stat().st_size > 0 and not [*folder.glob("*.crdownload")]

    wait(browser, whole)
    return path


def choose_language(browser: Any, language: str) -> None:
    browser.execute_script(
        "const box = document.getElementById('language'); box.value = arguments[0];"
        "box.dispatchEvent(new Event('change'))",
        language,
    )


def hide(browser: Any, hidden: bool) -> None:
    browser.execute_script(
        "Object.defineProperty(document, 'hidden', {value: arguments[0], configurable: true});"
        "document.dispatchEvent(new Event('visibilitychange'))",
        hidden,
    )


def snr_db(found: np.ndarray, exact: np.ndarray) -> float:
    return float(10 * np.log10(np.square(exact).sum() / np.square(found - exact).sum()))


def on_desktop(export: Path, file: str, sound: np.ndarray) -> np.ndarray:
    """Return the embeddings of sound alone, without those that have silence before it."""
    return np.array([one.embedding for one in Stream.open(export / file).push(sound)])[BEFORE:]


def name_it(browser: Any, name: str) -> None:
    wait(browser, lambda b: b.find_element("id", "naming").get_attribute("open") is not None)
    browser.find_element("id", "name").send_keys(name)
    click(browser, "#naming .strong")


# Above the highest frequency of 11.025 kHz there is only rounding, whose logarithms are compared.
@pytest.mark.parametrize(
    ("rate_hz", "most"), [(11_025, 3e-4), (16_000, 1e-4), (44_100, 1e-4), (96_000, 1e-4)]
)
def test_embeddings_of_a_file_are_those_of_the_desktop(
    browser, server, exported, downloads, tmp_path, rate_hz, most
):
    path = tmp_path / f"{rate_hz}.wav"
    soundfile.write(path, noise_and_tone(rate_hz), rate_hz, subtype="FLOAT")
    sound = audio.read(path)
    exact = on_desktop(exported, FP32, sound)
    for folder, file in (("fp32/", FP32), ("", INT8)):
        open_page(browser, server.url + folder)
        give(browser, path)
        click(browser, "#found li button:last-child")
        saved = downloaded(browser, downloads, f"{path.name}.npy")
        found = np.load(saved)
        saved.unlink()
        if file == FP32:
            np.testing.assert_allclose(found, exact, atol=most)
        else:
            desktop = snr_db(on_desktop(exported, INT8, sound), exact)
            assert snr_db(found, exact) == pytest.approx(desktop, abs=0.5)


@pytest.mark.parametrize("rate_hz", [HEARD_HZ, 96_000])
def test_the_microphone_is_heard_as_python_hears_it(browser, server, exported, rate_hz):
    open_page(browser, server.url + "fp32/")
    settings = "const sampleRate = arguments[0]; MediaStreamTrack.prototype.getSettings = "
    browser.execute_script(settings + "() => ({sampleRate})", rate_hz)
    click(browser, "#microphone")
    wait(browser, lambda b: b.execute_script("return spied.moments.length > 20"))
    click(browser, "#microphone")
    spied = browser.execute_script("return spied")
    assert text_of(browser, "problem") == "" and spied["rate"] == rate_hz
    pcm = np.array(spied["pcm"], np.float32)
    sound = audio.resample(pcm, spied["rate"])
    found = np.array(spied["moments"], np.float32)
    desktop = on_desktop(exported, FP32, sound)[: len(found)]
    np.testing.assert_allclose(found, desktop, atol=1e-4)
    # What came is the recording, once it began to play.
    played = audio.resample(noise_and_tone(HEARD_HZ).astype(np.float32), HEARD_HZ)
    part = sound[-16_000:]
    looped = np.tile(played, 3)
    match = np.correlate(looped, part, "valid") / (np.linalg.norm(part) + 1e-9)
    energy = np.sqrt(np.convolve(np.square(looped), np.ones(len(part)), "valid"))
    assert (match / energy).max() > 0.98


def test_a_sound_is_taught_by_holding_a_button_and_recognized(page, downloads):
    from selenium.webdriver import ActionChains

    click(page, "#microphone")
    wait(page, lambda b: text_of(b, "title") == "Teach a sound to begin")
    teach = page.find_element("id", "teach")
    ActionChains(page).click_and_hold(teach).pause(1).release().perform()
    name_it(page, "  Any   noise ")
    wait(page, lambda b: "Any noise" in text_of(b, "list"))
    page.execute_script("document.getElementById('teach').focus()")
    space = {"key": " ", "code": "Space", "windowsVirtualKeyCode": 32}
    page.execute_cdp_cmd("Input.dispatchKeyEvent", {"type": "keyDown", **space})
    wait(page, lambda b: "let go" in text_of(b, "teach"))
    heard = page.execute_script("return spied.moments.length")
    longer = "return spied.moments.length > arguments[0] + 2"
    wait(page, lambda b: b.execute_script(longer, heard))
    page.execute_cdp_cmd("Input.dispatchKeyEvent", {"type": "keyUp", **space})
    name_it(page, "Any noise")
    wait(page, lambda b: "2 examples" in text_of(b, "list"))
    click(page, "#teach")  # as a screen reader does, which can't hold
    name_it(page, "<b>second</b>")
    wait(page, lambda b: "<b>second</b>" in text_of(b, "list"))
    wait(page, lambda b: text_of(b, "title") in ("Any noise", "<b>second</b>", "Unknown"))
    wait(page, lambda b: "Distance" in text_of(b, "detail"))
    for canvas in ("level", "logmel", "embedding"):
        assert page.execute_script(COLORS, canvas) > 3, canvas
    click(page, "#export")
    content = json.loads(downloaded(page, downloads, "sounds.json").read_text())
    (downloads / "sounds.json").unlink()
    assert list(content["sounds"]) == ["Any noise", "<b>second</b>"]
    click(page, "#list li:first-child button:first-of-type")
    page.find_element("id", "name").clear()
    name_it(page, "Kettle")
    wait(page, lambda b: "Kettle" in text_of(b, "list"))
    click(page, "#list li:first-child button:last-of-type")
    wait(page, lambda b: len(b.find_elements("css selector", "#list li")) == 1)


@pytest.fixture(scope="module")
def kinds(real_audio: Path) -> dict[str, list[Path]]:
    """Recordings of some kinds of sound, of which the first are taught."""
    found: dict[str, list[Path]] = {}
    for row in read_rows(real_audio / "esc50" / "meta.csv"):
        found.setdefault(row["category"], []).append(real_audio / "esc50" / row["filename"])
    enough = [label for label, paths in sorted(found.items()) if len(paths) >= EXAMPLES + ASKED]
    return {label: found[label][: EXAMPLES + ASKED] for label in enough[:TAUGHT]}


def test_taught_sounds_are_recognized_as_on_the_desktop(page, server, exported, kinds, tmp_path):
    open_page(page, server.url + "fp32/")  # int8 differs between processors
    content = manifest.trusted(exported)
    learned, hop = content["encoder"]["learned_dim"], 2_560

    def as_wav(path: Path) -> Path:
        copy = tmp_path / f"{path.stem}.wav"
        soundfile.write(copy, audio.read(path), 16_000, subtype="FLOAT")
        return copy

    def example_of(path: Path) -> np.ndarray:
        sound = audio.read(path)
        vectors = on_desktop(exported, FP32, sound)[:, :learned]
        cut = sound[: len(sound) // hop * hop].reshape(-1, hop)[BEFORE:]
        return example(vectors.astype(np.float64), np.sqrt(np.square(cut).mean(axis=1)))

    sounds, files = TaughtSounds(comparison=load("tiny").comparison), []
    for label, paths in kinds.items():
        for path in paths[:EXAMPLES]:
            sounds = sounds.taught(label, example_of(path))
            give(page, as_wav(path))
            click(page, "#found li:first-child button:first-of-type")
            name_it(page, label)
        files += [(label, path) for path in paths[EXAMPLES:]]
    said = give(page, *(as_wav(path) for _, path in files))
    right, wrong = [], []
    for (label, path), row in zip(files, said, strict=True):
        match = sounds.nearest(example_of(path))
        expected = match.name if match.known else "Unknown"
        shown = re.search(r"(\w+), distance ([\d.]+)", row.removeprefix(f"{path.stem}.wav"))
        assert shown and shown[1] == expected, (row, match)
        assert float(shown[2]) == pytest.approx(match.distance, abs=0.006)  # it has two digits
        right.append(expected == label)
        wrong.append(match.known and expected != label)
    assert np.mean(right) > 0.3 > 0.2 > np.mean(wrong)


def test_nothing_stays_unless_it_is_asked_for(page, server, exported, tmp_path):
    content = manifest.trusted(exported)
    (sha256,) = [a["sha256"] for a in content["artifacts"] if a["file"] == INT8]
    size = content["encoder"]["learned_dim"]
    file = tmp_path / "sounds.json"
    about = {"format": 2, "artifact_sha256": sha256, "threshold": 0.25}
    file.write_text(json.dumps(about | {"sounds": {"Dog": [[1.0] * size]}}))

    def stored() -> Any:
        return page.execute_script("return localStorage.length")

    page.find_element("id", "import").send_keys(str(file))
    wait(page, lambda b: "Dog" in text_of(b, "list"))
    assert "0.25" in text_of(page, "threshold-label")
    assert stored() == 0
    click(page, "#remember")
    assert stored() == 1
    open_page(page, server.url)
    assert "Dog" in text_of(page, "list")
    click(page, "#delete-all")
    wait(page, lambda b: b.find_element("id", "asking").get_attribute("open") is not None)
    click(page, "#asking .danger")
    wait(page, lambda b: "Everything has been deleted" in text_of(b, "message"))
    assert stored() == 0
    kept = "return caches.keys().then(names => names.length)"
    assert page.execute_script(kept) == 0
    open_page(page, server.url)
    assert "Dog" not in text_of(page, "list")
    for wrong, said in (
        ("{}", "not a file of taught sounds"),
        (json.dumps({**about, "artifact_sha256": "0", "sounds": {}}), "another encoder"),
    ):
        file.write_text(wrong)
        page.find_element("id", "import").send_keys(str(file))
        wait(page, lambda b, said=said: said in text_of(b, "message"))


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("NotAllowedError", "allow it in the browser's settings"),
        ("NotFoundError", "No microphone was found"),
        ("NotReadableError", "can't be opened"),
    ],
)
def test_a_microphone_that_is_refused(page, error, said):
    page.execute_script(
        "const name = arguments[0]; navigator.mediaDevices.getUserMedia = "
        "() => Promise.reject(new DOMException('in use', name))",
        error,
    )
    click(page, "#microphone")
    wait(page, lambda b: said in text_of(b, "problem"))
    assert text_of(page, "title") == "Not listening"


def test_a_microphone_that_is_unplugged_and_a_page_that_is_hidden(page):
    page.execute_script(
        "const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);"
        "navigator.mediaDevices.getUserMedia = async (asked) => (window.stream = await real(asked))"
    )
    click(page, "#microphone")
    wait(page, lambda b: text_of(b, "title") == "Teach a sound to begin")
    hide(page, True)
    wait(page, lambda b: text_of(b, "title") == "Not listening")
    ended = "return stream.getTracks().every((track) => track.readyState === 'ended')"
    assert page.execute_script(ended)
    hide(page, False)
    wait(page, lambda b: text_of(b, "title") == "Teach a sound to begin")
    page.execute_script("stream.getTracks()[0].dispatchEvent(new Event('ended'))")
    wait(page, lambda b: "Plug it in again" in text_of(b, "problem"))
    assert text_of(page, "title") == "Not listening"


def test_files_that_are_no_sound(page, tmp_path):
    (tmp_path / "a.wav").write_bytes(b"RIFF????WAVE")
    (tmp_path / "b.mp3").write_bytes(b"nothing")
    soundfile.write(tmp_path / "c.wav", np.zeros(100), 16_000)
    for name, said in (
        ("a.wav", "a.wav: not a readable audio file"),
        ("b.mp3", "b.mp3: not a readable audio file"),
        ("c.wav", "too short, 0.01 s; at least 0.16 s are needed"),
    ):
        page.find_element("id", "choose").send_keys(str(tmp_path / name))
        wait(page, lambda b, said=said: said in text_of(b, "message"))
    soundfile.write(tmp_path / "d.ogg", noise_and_tone(48_000), 48_000)  # decoded by the browser
    assert "4.0 s, 20 embeddings" in give(page, tmp_path / "d.ogg")[0]


def test_files_are_dropped_on_the_page(page, tmp_path):
    soundfile.write(tmp_path / "bell.wav", noise_and_tone(16_000), 16_000)
    content = base64.b64encode((tmp_path / "bell.wav").read_bytes()).decode()
    page.execute_script(
        "const bytes = Uint8Array.from(atob(arguments[0]), (one) => one.charCodeAt(0));"
        "const dataTransfer = new DataTransfer();"
        "dataTransfer.items.add(new File([bytes], 'bell.wav'));"
        "dataTransfer.items.add(new File(['{}'], 'sounds.json'));"
        "const given = {dataTransfer, bubbles: true, cancelable: true};"
        "window.kept = ['dragover', 'drop'].map((name) =>"
        "  document.querySelector('h1').dispatchEvent(new DragEvent(name, given)))",
        content,
    )
    wait(page, lambda b: len(rows(b)) == 1)
    assert "bell.wav" in rows(page)[0] and "20 embeddings" in rows(page)[0]
    wait(page, lambda b: "not a file of taught sounds" in text_of(b, "message"))
    assert page.execute_script("return kept") == [False, False]  # the browser opens neither


@pytest.mark.parametrize(("folder", "shortest_s"), [("", 0.16), ("heads/", 0.24)])
def test_a_sound_shorter_than_a_window_follows_silence(page, server, tmp_path, folder, shortest_s):
    open_page(page, server.url + folder)  # listens with a stream, or with windows
    sound = noise_and_tone(16_000)[:8_000]
    soundfile.write(tmp_path / "short.wav", sound, 16_000)
    assert "0.5 s, 1 embedding" in give(page, tmp_path / "short.wav")[0]
    soundfile.write(tmp_path / "tiny.wav", sound[:1_000], 16_000)
    page.find_element("id", "choose").send_keys(str(tmp_path / "tiny.wav"))
    wait(page, lambda b: f"0.06 s; at least {shortest_s} s are needed" in text_of(b, "message"))


def test_classes_are_shown_where_the_artifact_has_a_head(page, server):
    open_page(page, server.url + "heads/")
    assert not page.find_element("id", "scores").is_displayed()
    click(page, "#microphone")
    wait(page, lambda b: b.find_element("id", "scores").is_displayed())
    shown = page.execute_script(
        "return [...document.querySelectorAll('#scores dt, #scores dd')]"
        ".map((one) => one.textContent)"
    )
    labels, figures = shown[::3], [float(text) for text in shown[2::3]]
    assert set(labels) == {"yes", "no", "perhaps"}
    assert sum(figures) == pytest.approx(1, abs=0.02) and figures == sorted(figures)[::-1]


def test_an_altered_artifact_and_a_browser_that_is_too_old(browser, server, exported, site):
    web.install(exported, site / "altered", "tiny")
    file = site / "altered" / "encoder" / INT8
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    browser.get(server.url + "altered/")
    wait(browser, lambda b: "not the file that the manifest describes" in text_of(b, "problem"))
    source = {"source": "WebAssembly.validate = () => false"}
    added = browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", source)
    browser.get(server.url)
    wait(browser, lambda b: "support WebAssembly SIMD" in text_of(b, "problem"))
    choose_language(browser, "de")
    assert "unterstützt kein WebAssembly-SIMD" in text_of(browser, "problem")
    buttons = browser.find_elements("css selector", "button, input")
    assert [one.get_attribute("id") for one in buttons if one.is_displayed()] == ["delete-all"]
    browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)


@pytest.mark.parametrize("language", ["en", "de", "es"])
def test_texts_fit_on_a_phone_and_at_twice_their_size(page, language):
    metrics = {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        choose_language(page, language)
        assert page.execute_script("return document.documentElement.lang") == language
        for size in ("100%", "200%"):
            page.execute_script("document.documentElement.style.fontSize = arguments[0]", size)
            for tab in ("listen", "sounds", "speed"):
                click(page, f"[data-tab={tab}]")
                assert page.find_element("id", tab).is_displayed()
                wide = "return document.documentElement.scrollWidth"
                assert page.execute_script(wide) <= metrics["width"], (size, tab)
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_the_speed_is_measured_and_saved_as_bench_does(page, downloads, capsys):
    page.execute_script(
        "navigator.canShare = ({files}) => files.length === 1;"
        "navigator.share = async ({files}) => { window.sent = await files[0].text(); }"
    )
    click(page, "#measure")
    wait(page, lambda b: b.find_elements("id", "save-result"))
    several = "return crossOriginIsolated && navigator.hardwareConcurrency > 1"
    counts = 2 if page.execute_script(several) else 1  # of threads
    assert len(page.find_elements("css selector", "#times .p50")) == 4 * counts
    click(page, "#save-result")
    saved = downloaded(page, downloads, "bench.json")
    click(page, "#times button.strong")
    wait(page, lambda b: b.execute_script("return window.sent"))
    assert page.execute_script("return window.sent") == saved.read_text()
    found = read_json(saved)
    assert {row.artifact for row in found} == {
        f"encoder.{kind}.{precision}.onnx"
        for kind in ("stream", "waveform")
        for precision in ("int8", "fp32")
    }
    for row in found:
        assert (row.target, row.model, row.runtime) == ("web", "tiny", "onnxruntime-web")
        assert row.web and row.web.browser.startswith("Chrom") and "Chrom" in row.device
        assert row.web.processor != "unknown" and row.web.cores > 0
        assert 0 < row.min_ms <= row.p50_ms <= row.p90_ms <= row.web.p99_ms
        assert row.p50_low_ms <= row.p50_ms <= row.p50_high_ms
        assert row.runs == 100 and row.window_ms in (160.0, 975.0)
    assert cli.run(["bench", str(saved), "--compare", str(saved)]) == 0
    said = capsys.readouterr().out
    assert "in Chrom" in said and "Compared with before" in said
    saved.unlink()


def test_a_device_that_slows_down_and_a_page_that_is_hidden(page):
    page.execute_script(
        "window.Worker = class extends Worker { constructor(...given) { super(...given);"
        "this.addEventListener('message', ({data}) => "
        "(data.answer?.timings ?? []).forEach((one) => { one.slowdown = 1.5; })); } }"
    )
    click(page, "#measure")
    wait(page, lambda b: b.find_elements("id", "save-result"))
    assert "the last runs took 1.50 times as long as the first" in text_of(page, "times")
    click(page, "#measure")
    hide(page, True)
    hide(page, False)
    wait(page, lambda b: "The page was hidden during the measurement" in text_of(b, "times"))
    assert not page.find_elements("id", "save-result")


def test_everything_has_a_name_for_a_screen_reader(page):
    nameless = page.execute_script(
        "return [...document.querySelectorAll('button, input, select')].filter((one) => "
        "!(one.textContent.trim() || one.ariaLabel || one.labels?.[0]?.textContent.trim()))"
        ".map((one) => one.outerHTML)"
    )
    assert nameless == []


def test_all_of_the_page_is_reached_with_the_keyboard(page):
    from selenium.webdriver import ActionChains, Keys

    wanted = {"language", "microphone", "teach", "threshold", "import", "choose", "remember",
              "delete-all", "measure"}  # fmt: skip
    found = set()
    for _ in range(14):
        ActionChains(page).send_keys(Keys.TAB).perform()
        found.add(page.execute_script("return document.activeElement.id"))
    assert wanted <= found


def test_the_page_is_light_or_dark_as_the_device_is_and_can_be_installed(page):
    ground = {}
    for scheme in ("light", "dark"):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        color = "return getComputedStyle(document.documentElement).backgroundColor"
        ground[scheme] = page.execute_script(color)
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert ground == {"light": "rgb(242, 245, 248)", "dark": "rgb(13, 18, 24)"}
    wait(page, lambda b: "works offline" in text_of(b, "offline"))
    found = page.execute_cdp_cmd("Page.getInstallabilityErrors", {})
    assert found == {"installabilityErrors": []}


def test_the_page_starts_without_a_network(browser, site):
    server = Server(site)
    browser.set_window_size(1280, 1000)
    open_page(browser, server.url)
    wait(browser, lambda b: "works offline" in text_of(b, "offline"))
    server.stop()
    requests(browser)
    open_page(browser, server.url)
    click(browser, "#microphone")
    wait(browser, lambda b: b.execute_script("return spied.moments.length > 2"))
    click(browser, "#microphone")
    # Served by its own copy, the page is isolated, and asks for other hosts in vain.
    assert browser.execute_script("return crossOriginIsolated")
    lost = "return fetch('https://example.org/').then(() => 'answered', () => 'refused')"
    assert browser.execute_script(lost) == "refused"
