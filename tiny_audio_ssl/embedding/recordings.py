"""Embeddings of files, folders and manifests: as an array, or in a file."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tiny_audio_ssl.audio.constants import SAMPLE_RATE_HZ
from tiny_audio_ssl.data.cache import Recordings, open_cache
from tiny_audio_ssl.data.corpus import Skipped, open_corpora
from tiny_audio_ssl.embedding.embedder import Embedder, Floats, Span, embed_spans, load, spans
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.utils.claim import claimed_target
from tiny_audio_ssl.utils.files import atomic_file
from tiny_audio_ssl.utils.ownership import check_target
from tiny_audio_ssl.utils.text import inert_path

TIMES = ("start_s", "end_s")
OURS = ("path", *TIMES)  # the first columns of a table beside a .npy
EMBEDDING = "embedding"
CHECKPOINT_KEY = b"checkpoint_sha256"  # in the metadata of a .parquet


@dataclass(frozen=True)
class Embeddings:
    """Embeddings of recordings or of windows of them.

    Attributes:
        vectors: float32 [rows, D].
        rows: for each, `path`, `start_s`, `end_s` and the columns of the manifest; a column with
            one of these names, or `embedding` in a .parquet, is called `manifest_...`.
        skipped: recordings that could not be used, and why.
    """

    vectors: Floats
    rows: list[dict[str, Any]]
    skipped: list[Skipped]


def embed(
    run: str | Path,
    *sources: str | Path,
    window_s: float | None = None,
    hop_s: float | None = None,
    readout: Sequence[str] | None = None,
    cache_dir: Path | None = None,
    strict: bool = False,
    progress: bool = False,
) -> Embeddings:
    """Embed files, folders or manifests with the last checkpoint of a run.

    Args:
        run: folder of a run or of a checkpoint (`RUN/best`), or the name of a model.
        sources: files, folders, CSV manifests, or `builtin` for the built-in sounds.
        window_s: length of a window; None: one embedding of each whole recording (of one longer
            than a minute, the mean over equal parts, as `load(run).embed` gives).
        hop_s: from the start of one window to the start of the next; None: a window's length.
        readout: parts of the embedding; None: those of the checkpoint.
        cache_dir: folder for decoded audio.
        strict: raise an error at the first unusable recording.
        progress: draw progress bars on stderr while decoding.

    Raises:
        UserError: no checkpoint, no recordings, or no usable ones.

    Examples:
        >>> import tiny_audio_ssl
        >>> found = tiny_audio_ssl.embed("runs/mine", "builtin:2", window_s=0.975)
        >>> found.vectors.shape[0] == len(found.rows)
        True
        >>> sorted(found.rows[0])
        ['end_s', 'group', 'label', 'path', 'start_s']
    """
    embedder = load(run, readout)
    corpus = open_corpora(sources, strict=strict)
    recordings = open_cache(corpus, cache_dir, strict=strict, progress=progress)
    wanted = spans(recordings, window_s, hop_s)
    vectors = np.concatenate(list(embed_spans(embedder, recordings, wanted)))
    given = _given_names(recordings)
    rows = [_row(recordings, span, given) for span in wanted]
    return Embeddings(vectors, rows, recordings.skipped)


def write(
    target: Path, embedder: Embedder, recordings: Recordings, wanted: Sequence[Span], **kw: Any
) -> None:
    """Write one row per span to a .parquet or .npy file, atomically.

    A .parquet holds path, times, manifest columns and embedding; a .npy holds the embeddings
    [spans, D], and a .csv beside it the other columns.

    Raises `UserError`: what `check_out` raises; `target` can't be written.
    """
    check_out(target, ())
    if target.suffix == ".parquet":
        with atomic_file(target) as work:
            _write_parquet(work, embedder, recordings, wanted, **kw)
        return
    with (
        claimed_target(target),  # or the table would be another process's
        atomic_file(target.with_suffix(".csv")) as table,
        atomic_file(target) as work,
    ):
        _write_npy(work, embedder, recordings, wanted, **kw)
        _write_rows(table, recordings, wanted)


def check_out(target: Path, inputs: Iterable[str | Path]) -> None:
    """Raise `UserError` if embeddings can't be written to `target`.

    It ends with neither .parquet nor .npy; or it, or the table beside it, is one of the inputs or
    was not written by this.
    """
    if target.suffix == ".parquet":
        check_target(target, _is_parquet_of_ours, inputs)
    elif target.suffix == ".npy":
        for file in (target, target.with_suffix(".csv")):
            check_target(file, _is_of_a_pair, inputs)
    else:
        raise UserError(f"{target}: ends with {target.suffix!r}; expected .parquet or .npy")


def _is_parquet_of_ours(path: Path) -> bool:
    return CHECKPOINT_KEY in (pq.read_schema(path).metadata or {})


def _is_of_a_pair(path: Path) -> bool:
    """Return whether a .npy of embeddings and the table of its rows lie beside each other."""
    table = np.load(path.with_suffix(".npy"), mmap_mode="r")
    with path.with_suffix(".csv").open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    named = header[: len(OURS)] == [*OURS]
    return named and table.dtype == np.float32 and table.ndim == 2 and len(table) == len(rows)


def _write_parquet(
    work: Path, embedder: Embedder, recordings: Recordings, wanted: Sequence[Span], **kw: Any
) -> None:
    given = _given_names(recordings, (*OURS, EMBEDDING))
    names = [*OURS, *given.values()]
    schema = pa.schema(
        [
            *[(name, pa.float64() if name in TIMES else pa.string()) for name in names],
            (EMBEDDING, pa.list_(pa.float32(), embedder.dim)),
        ],
        metadata={
            CHECKPOINT_KEY: embedder.sha256,
            "sample_rate_hz": str(SAMPLE_RATE_HZ),
            "embedding_of": "start_s to end_s of its row; over a minute, the mean of equal parts",
        },
    )
    first = 0
    with pq.ParquetWriter(work, schema) as writer:
        for embeddings in embed_spans(embedder, recordings, wanted, **kw):
            rows = [_row(recordings, s, given) for s in wanted[first : first + len(embeddings)]]
            first += len(embeddings)
            flat = pa.array(embeddings.ravel())
            vectors = pa.FixedSizeListArray.from_arrays(flat, embedder.dim)
            columns = [[row.get(name) for row in rows] for name in names]
            arrays = [pa.array(c, f.type) for c, f in zip(columns, schema, strict=False)]
            writer.write_table(pa.Table.from_arrays([*arrays, vectors], schema=schema))


def _write_npy(
    work: Path, embedder: Embedder, recordings: Recordings, wanted: Sequence[Span], **kw: Any
) -> None:
    # Not into a memory map: where the disk is full, that ends the process by a signal.
    about = {"descr": "<f4", "fortran_order": False, "shape": (len(wanted), embedder.dim)}
    with work.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, about)
        for embeddings in embed_spans(embedder, recordings, wanted, **kw):
            file.write(np.ascontiguousarray(embeddings, "<f4").tobytes())


def _write_rows(work: Path, recordings: Recordings, wanted: Sequence[Span]) -> None:
    with work.open("w", newline="", encoding="utf-8") as file:
        given = _given_names(recordings)
        writer = csv.DictWriter(file, [*OURS, *given.values()])
        writer.writeheader()
        for span in wanted:
            row = _row(recordings, span, given)
            writer.writerow(row | {"path": inert_path(row["path"])})


def _given_names(recordings: Recordings, ours: Sequence[str] = OURS) -> dict[str, str]:
    """Return the name that each column of the manifest has in the output.

    A column with the name of a column of the output is renamed to `manifest_...`.
    """
    given = dict.fromkeys(name for clip in recordings.clips for name in clip.columns)
    taken = {*ours, *given}
    names = {}
    for name in given:
        new = name
        while new in ours or (new != name and new in taken):
            new = f"manifest_{new}"
        taken.add(new)
        names[name] = new
    return names


def _row(recordings: Recordings, span: Span, given: Mapping[str, str]) -> dict[str, Any]:
    clip = recordings.clips[span.clip]
    start_s = clip.start_s + span.start / SAMPLE_RATE_HZ
    times = {
        "start_s": round(start_s, 6),
        "end_s": round(start_s + span.samples / SAMPLE_RATE_HZ, 6),
    }
    columns = {given[name]: text for name, text in clip.columns.items()}
    return {**columns, "path": str(clip.path), **times}
