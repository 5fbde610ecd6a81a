"""Files that the program wrote at commit f4e3626; `tests/data/f4e3626/README.md` lists them."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file

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


def share_of_near(reached: Path, recorded: Path) -> float:
    """Return the share of the weights that agree to 1e-4.

    Another processor's rounding turns the sign of a gradient that is nearly zero, and Adam takes a
    whole step then: 0.99 agree. Without the optimizer's old state it is 0.28.
    """
    found, expected = load_file(reached), load_file(recorded)
    near = [torch.isclose(found[k], expected[k], atol=1e-4, rtol=1e-4) for k in expected]
    return float(torch.cat([tensor.flatten() for tensor in near]).float().mean())
