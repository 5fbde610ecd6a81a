"""Upload a run or a model to a model hub, as a model folder whose card is the README.md."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.export.config import NOT_STATED
from tiny_audio_ssl.export.model_card import MODEL_CARD
from tiny_audio_ssl.export.model_folder import write_model_folder
from tiny_audio_ssl.models import checkpoint, hub
from tiny_audio_ssl.models.names import home_of

README = "README.md"


def publish(
    run: str | Path, repository: str, license: str = NOT_STATED, private: bool = False
) -> str:
    """Upload the model, and return the address of the repository.

    A model folder is uploaded unchanged. From a run, a model folder is made of its last checkpoint.

    Args:
        run: a run, a checkpoint or the name of a model.
        repository: OWNER/NAME.
        license: of a run's weights, such as apache-2.0; a model folder states its own.
        private: create a repository that only its owner can see.

    Raises `UserError`: no checkpoint, a license for a model that has one, `HubError`.
    """
    loaded = checkpoint.load(run)
    if loaded.facts is not None and license != NOT_STATED:
        raise UserError(
            f"{run}: a model with a license of its own, {loaded.facts['license']}; leave out "
            f"--license {license}"
        )
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "model"
        if loaded.facts is None:
            write_model_folder(run, folder, home_of(run).absolute().name, license)
        else:
            shutil.copytree(loaded.folder, folder)
        if (folder / MODEL_CARD).is_file():
            (folder / MODEL_CARD).rename(folder / README)
        return hub.upload(folder, repository, private)
