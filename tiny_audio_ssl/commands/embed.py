"""embed: write the embeddings of files, folders and manifests to a file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import tyro

from tiny_audio_ssl.commands.base import Command, out, progress, report_skipped


@dataclass
class Embed(Command):
    """Write the embeddings of files, folders or manifests to a .parquet or .npy file."""

    model: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="RUN")]
    """Folder of a run, one of its checkpoints (RUN/best), or a model name such as small."""
    sources: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="SOURCES...")]
    """Files, folders, CSV manifests, or `builtin` for the built-in sounds."""
    out: Path = Path("embeddings.parquet")
    """File to write. NAME.parquet: path, times, manifest columns, embedding; NAME.npy: an array
    [rows, D], with the other columns in NAME.csv."""
    window_s: float | None = None
    """Length of a window in seconds, e.g. 0.975. Default: one embedding per recording (for one
    longer than a minute, the mean over equal parts of it)."""
    hop_s: float | None = None
    """Seconds from the start of one window to the start of the next. Default: the length of a
    window."""
    readout: tuple[str, ...] = ()
    """Parts of the embedding: last, middle, mel. Default: those of the checkpoint."""
    cache_dir: Path | None = None
    """Folder for decoded audio."""
    strict: bool = False
    """Stop at the first unusable recording, instead of listing it."""
    json: bool = False
    """Print the result as JSON."""

    def run(self) -> int:
        from tiny_audio_ssl.data.cache import open_cache
        from tiny_audio_ssl.data.corpus import open_corpora
        from tiny_audio_ssl.embedding.embedder import load, spans
        from tiny_audio_ssl.embedding.recordings import check_out, write

        check_out(self.out, self.sources)
        embedder = load(self.model, self.readout)
        corpus = open_corpora(self.sources, strict=self.strict)
        recordings = open_cache(corpus, self.cache_dir, strict=self.strict)
        wanted = spans(recordings, self.window_s, self.hop_s)
        with progress("embedding", len(wanted)) as done:
            write(self.out, embedder, recordings, wanted, done=done)
        report_skipped(recordings.skipped)
        if self.json:
            skipped = [asdict(s) for s in recordings.skipped]
            about = {"out": str(self.out), "rows": len(wanted), "dim": embedder.dim}
            print(json.dumps({**about, "skipped": skipped}))
        else:
            embeddings = "embedding" if len(wanted) == 1 else "embeddings"
            out.print(f"{self.out}: {len(wanted)} {embeddings} of size {embedder.dim}")
        return 0
