"""Teach sounds by a few examples on the page for browsers, and on the desktop: the same rate?

python benchmarks/page_few_shot.py DATA

The page in headless Chromium embeds every recording as it does a file that is dropped on it, and so
does ONNX Runtime on the desktop with the same artifacts. Both are then asked as in `few_shot.py`,
with the same sounds taught. Needs what `browser.py` needs.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import few_shot
import numpy as np
import soundfile
import tyro
from browser import PATIENCE_S, chromium, served
from teaching import DRAWS, LONGEST_S, PRETRAINING, Moments, Recording, answers, tasks_of

from tiny_audio_ssl.audio import io as audio
from tiny_audio_ssl.audio.io import SAMPLE_RATE_HZ
from tiny_audio_ssl.embedding.embedder import load
from tiny_audio_ssl.embedding.taught_sounds import PRESENT_S
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.export import manifest, web
from tiny_audio_ssl.export.exporter import export
from tiny_audio_ssl.export.streaming.stream_runtime import Stream
from tiny_audio_ssl.utils.files import write_rows

RESULTS = Path(__file__).parent / "results" / "page_few_shot.csv"
PACKET_MS = 160.0  # as in the recipe `web`
OPEN = """
const [folder, done] = arguments;
window.encoder = new Worker("encoder-worker.js", {type: "module"});
window.ask = (name, ask, done) => {
  window.encoder.onmessage = ({data}) => done(data);
  window.encoder.postMessage({id: 0, name, ask});
};
const url = (path) => new URL(path, location.href).href;
window.ask("open", {folder: url(folder), runtime: url("runtime/")}, done);
"""
EMBED = """
const [sound, sampleRateHz, done] = arguments;
const bytes = Uint8Array.from(atob(sound), (one) => one.charCodeAt(0));
const text = (floats) => {
  const bytes = new Uint8Array(Float32Array.from(floats).buffer);
  return btoa(Array.from(bytes, (one) => String.fromCharCode(one)).join(""));
};
window.ask("embed", {pcm: new Float32Array(bytes.buffer), sampleRateHz}, ({answer, message}) =>
  done(answer ? {levels: text(answer.map(({level}) => level)),
                 learned: text(answer.flatMap(({learned}) => Array.from(learned)))} : {message}));
"""


@dataclass(frozen=True)
class PageFewShot:
    """One row for each kind of sound, number of examples, precision, and place."""

    data: Annotated[Path, tyro.conf.Positional]
    """Folder with esc50 and keywords."""
    model: str = "small"
    """Model to make the page of: a name or a run."""
    csv: Path = RESULTS
    taught: int = 5
    """Number of taught sounds, drawn anew each time; all others should be unknown."""
    examples: tuple[int, ...] = (3, 5)
    draws: int = DRAWS


def main(wanted: PageFewShot) -> None:
    """Write how often the page and the desktop name taught sounds."""
    tasks = {task: all_ for task, all_ in tasks_of(wanted.data).items() if task != PRETRAINING}
    rows: list[dict[str, Any]] = []
    with TemporaryDirectory(prefix="page-") as temporary:
        for precision in ("int8", "fp32"):
            folder, site = Path(temporary) / precision, Path(temporary) / f"{precision}-page"
            artifact = exported(wanted.model, folder, precision)
            web.install(folder, site, wanted.model)
            with served(site) as address, chromium(site.parent) as page:
                start(page, address)
                for task, recordings in tasks.items():
                    places = {
                        "page": on_page(page, recordings),
                        "desktop": on_desktop(artifact, recordings),
                    }
                    rows += compared(wanted, task, precision, places)
    write_rows(wanted.csv, rows)


def exported(model: str, folder: Path, precision: str) -> Path:
    """Export a stream with the model's background, and return its file."""
    export(
        model,
        folder,
        format="onnx",
        input="stream",
        precision=precision,
        packet_ms=PACKET_MS,
        background=True,
        parity=False,
    )
    (entry,) = manifest.read(folder)["artifacts"]
    return folder / str(entry["file"])


def compared(
    wanted: PageFewShot, task: str, precision: str, places: dict[str, Moments]
) -> Iterator[dict[str, Any]]:
    """Yield a row for each place and number of examples."""
    how = load(wanted.model).comparison
    for examples in wanted.examples:
        for place, heard in places.items():
            said = answers(heard, how, PRESENT_S, wanted.taught, examples, wanted.draws)
            row = {
                **{"model": wanted.model, "task": task, "examples": examples},
                **{"precision": precision, "where": place, "limit": how.limit},
                **few_shot.rates(said, how.limit),
                "draws": wanted.draws,
            }
            print({key: row[key] for key in ("task", "examples", "precision", "where", "correct")})
            yield row


def start(page: Any, address: str) -> None:
    """Open the page, with its worker ready to embed."""
    page.set_script_timeout(PATIENCE_S)
    page.get(address)
    _checked(page.execute_async_script(OPEN, f"{web.ARTIFACTS}/"))


def on_page(page: Any, recordings: Sequence[Recording]) -> Moments:
    """Embed recordings on the page, which resamples them itself."""
    found = [_checked(page.execute_async_script(EMBED, *_as_text(one))) for one in recordings]
    levels = [_floats(one["levels"]) for one in found]
    vectors = [
        _floats(one["learned"]).reshape(len(level), -1)
        for one, level in zip(found, levels, strict=True)
    ]
    return Moments(recordings, vectors, levels, PACKET_MS / 1000)


def on_desktop(artifact: Path, recordings: Sequence[Recording]) -> Moments:
    """Embed recordings with ONNX Runtime, in the same packets."""
    learned = manifest.read(artifact.parent)["encoder"]["learned_dim"]
    vectors, levels = [], []
    stream = Stream.open(artifact, threads=1)
    for one in recordings:
        sound = audio.read(one.path)[: round(LONGEST_S * SAMPLE_RATE_HZ)]
        stream.reset()
        found = np.array([moment.embedding for moment in stream.push(sound)])
        hop = round(PACKET_MS * SAMPLE_RATE_HZ / 1000)
        packets = sound[: len(found) * hop].reshape(-1, hop).astype(np.float64)
        vectors.append(found[:, :learned].astype(np.float64))
        levels.append(np.sqrt(np.square(packets).mean(axis=1)))
    return Moments(recordings, vectors, levels, PACKET_MS / 1000)


def _as_text(one: Recording) -> tuple[str, int]:
    wave, rate_hz = soundfile.read(one.path, dtype="float32", always_2d=True)
    wave = wave[: round(LONGEST_S * rate_hz)].mean(axis=1, dtype=np.float32)
    return base64.b64encode(wave.tobytes()).decode(), rate_hz


def _floats(text: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.frombuffer(base64.b64decode(text), np.float32).astype(np.float64)


def _checked(answer: dict[str, Any]) -> dict[str, Any]:
    if "message" in answer:
        raise UserError(f"the page: {answer['message']}")
    return answer


if __name__ == "__main__":
    main(tyro.cli(PageFewShot, description=__doc__))
