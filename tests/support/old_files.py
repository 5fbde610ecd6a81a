"""Files that the program wrote at commit f4e3626; `tests/data/f4e3626/README.md` lists them."""

from __future__ import annotations

import shutil
from pathlib import Path

from tiny_audio_ssl.data.corpus import open_corpus
from tiny_audio_ssl.utils.cache_dir import default_cache_dir

OLD_FILES = Path(__file__).resolve().parents[1] / "data" / "f4e3626"


def restore_run(name: str, folder: Path) -> Path:
    """Copy the old run `name` to `folder`, with its recordings where `recordings.csv` says.

    Built-in sounds are written to the cache folder that the test uses.
    """
    shutil.copytree(OLD_FILES / name, folder, symlinks=True)
    recordings = folder / "recordings.csv"
    text = recordings.read_text()
    per_class = text.partition("CACHE/builtin-v1-")[2].partition("/")[0]
    open_corpus(f"builtin:{per_class}")
    recordings.write_text(text.replace("CACHE", str(default_cache_dir())))
    for config in folder.glob("checkpoints/*/config.json"):
        config.write_text(config.read_text().replace('"out": "RUN"', f'"out": "{folder}"'))
    return folder
