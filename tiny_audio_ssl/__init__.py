"""Learn audio representations with tiny encoders from unlabeled sound, and run them on phones.

The public API, each function imported when it is first used; docs/api.md has examples:

- `pretrain`, `resume`: train an encoder into a run folder
- `load`, `embed`: embeddings of arrays, and of files and folders
- `load_product`: the product of a run's task, its output beside the embedding
- `probe`: how good an embedding is
- `export`, `verify`: artifacts for phones, and whether they are intact
- `bench`: how fast artifacts are
- `testing`: the contract of pretext tasks and encoders, to check your own
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.version import __version__

if TYPE_CHECKING:
    from tiny_audio_ssl.bench.run import bench
    from tiny_audio_ssl.embedding.embedder import load
    from tiny_audio_ssl.embedding.recordings import embed
    from tiny_audio_ssl.evaluation.probing.probe import probe
    from tiny_audio_ssl.export.exporter import export
    from tiny_audio_ssl.export.product_model import load_product
    from tiny_audio_ssl.export.verify import verify
    from tiny_audio_ssl.training.runs import pretrain, resume

__all__ = [
    "UserError",
    "__version__",
    "bench",
    "embed",
    "export",
    "load",
    "load_product",
    "pretrain",
    "probe",
    "resume",
    "verify",
]

_FUNCTIONS = {
    "embed": "tiny_audio_ssl.embedding.recordings",
    "load": "tiny_audio_ssl.embedding.embedder",
    "load_product": "tiny_audio_ssl.export.product_model",
    "pretrain": "tiny_audio_ssl.training.runs",
    "probe": "tiny_audio_ssl.evaluation.probing.probe",
    "resume": "tiny_audio_ssl.training.runs",
    "verify": "tiny_audio_ssl.export.verify",
}
_CALLABLE_PACKAGES = ("bench", "export")  # functions whose name is also that of a package


def __getattr__(name: str) -> Any:
    """Import a public function when it is first used (PEP 562): `--help` needs no PyTorch."""
    if name in _CALLABLE_PACKAGES:
        return importlib.import_module(f"tiny_audio_ssl.{name}")
    if name in _FUNCTIONS:
        return getattr(importlib.import_module(_FUNCTIONS[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
