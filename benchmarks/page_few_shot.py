"""Teach sounds by a few examples on the page for browsers, and on the desktop: the same rate?

python benchmarks/page_few_shot.py DATA

The page in headless Chromium embeds every recording as it does a file that is dropped on it, and so
does ONNX Runtime on the desktop with the same artifact. Both are then asked as in `few_shot.py`,
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
from artifact_moments import moments_of
from browser import PATIENCE_S, chromium, served
from numpy.typing import NDArray
from teaching import DRAWS, LONGEST_S, PRETRAINING, Moments, Recording, answers, tasks_of

from tiny_audio_ssl.audio.io import SAMPLE_RATE_HZ
from tiny_audio_ssl.embedding.embedder import load
from tiny_audio_ssl.embedding.taught_sounds import PRESENT_S
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.export import manifest, web
from tiny_audio_ssl.export.exporter import export
from tiny_audio_ssl.utils.files import write_rows

RESULTS = Path(__file__).parent / "results" / "page_few_shot.csv"
PACKETS = {"input": "stream", "packet_ms": 160.0}  # as in the recipe `web`
FORMS: dict[str, dict[str, Any]] = {
    "stream.int8": PACKETS | {"precision": "int8"},  # which the page listens with
    "stream.fp32": PACKETS | {"precision": "fp32"},
    "waveform.int8": {"input": "waveform", "precision": "int8"},
    "stream.int8, slices of 160 ms": PACKETS | {"precision": "int8", "slice_ms": 160.0},
}
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
    """Write a row for each artifact, kind of sound, number of examples, and place."""

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
        for number, (form, options) in enumerate(FORMS.items()):
            folder = Path(temporary) / f"export-{number}"
            artifact = exported(wanted.model, folder, options)
            site = web.install(folder, Path(temporary) / f"page-{number}", wanted.model).parent
            with served(site) as address, chromium(site.parent) as page:
                hop_s = start(page, address)
                for task, recordings in tasks.items():
                    places = {
                        "page": on_page(page, recordings, hop_s),
                        "desktop": moments_of(artifact, recordings),
                    }
                    rows += compared(wanted, task, form, places)
    write_rows(wanted.csv, rows)


def exported(model: str, folder: Path, options: dict[str, Any]) -> Path:
    """Export one artifact with the model's background, and return its file."""
    export(model, folder, format="onnx", background=True, parity=False, **options)
    (entry,) = manifest.read(folder)["artifacts"]
    return folder / str(entry["file"])


def compared(
    wanted: PageFewShot, task: str, artifact: str, places: dict[str, Moments]
) -> Iterator[dict[str, Any]]:
    """Yield a row for each place and number of examples."""
    how = load(wanted.model).comparison
    for examples in wanted.examples:
        for place, heard in places.items():
            said = answers(heard, how, PRESENT_S, wanted.taught, examples, wanted.draws)
            row = {
                **{"model": wanted.model, "artifact": artifact, "task": task},
                **{"examples": examples, "where": place, "limit": how.limit},
                **few_shot.rates(said, how.limit),
                "draws": wanted.draws,
            }
            print(*(row[name] for name in ("artifact", "task", "examples", "where", "correct")))
            yield row


def start(page: Any, address: str) -> float:
    """Open the page with a worker of our own, and return the seconds between its embeddings."""
    page.set_script_timeout(PATIENCE_S)
    page.get(address)
    found = _checked(page.execute_async_script(OPEN, f"{web.ARTIFACTS}/"))
    return float(found["answer"]["hopSamples"]) / SAMPLE_RATE_HZ


def on_page(page: Any, recordings: Sequence[Recording], hop_s: float) -> Moments:
    """Embed recordings on the page, which resamples them itself."""
    found = [_checked(page.execute_async_script(EMBED, *_as_text(one))) for one in recordings]
    levels = [_floats(one["levels"]) for one in found]
    vectors = [
        _floats(one["learned"]).reshape(len(level), -1)
        for one, level in zip(found, levels, strict=True)
    ]
    return Moments(recordings, vectors, levels, hop_s)


def _as_text(one: Recording) -> tuple[str, int]:
    wave, rate_hz = soundfile.read(one.path, dtype="float32", always_2d=True)
    wave = wave[: round(LONGEST_S * rate_hz)].mean(axis=1, dtype=np.float32)
    return base64.b64encode(wave.tobytes()).decode(), rate_hz


def _floats(text: str) -> NDArray[np.float64]:
    return np.frombuffer(base64.b64decode(text), np.float32).astype(np.float64)


def _checked(answer: dict[str, Any]) -> dict[str, Any]:
    if "message" in answer:
        raise UserError(f"the page: {answer['message']}")
    return answer


if __name__ == "__main__":
    main(tyro.cli(PageFewShot, description=__doc__))
