"""Models on a model hub, `hf://OWNER/NAME` or `hf://OWNER/NAME@REVISION`: download and upload.

huggingface_hub keeps what it downloads in a cache of its own, and works without a network from
there; its environment variables (HF_ENDPOINT, HF_HOME, HF_HUB_OFFLINE, HF_TOKEN) hold. It is
imported when it is used, since it is an extra.
"""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.utils.extras import require
from tiny_audio_ssl.utils.files import sha256

SCHEME = "hf://"
EXTRA = "hub"
FILES = ("config.json", "model.safetensors")  # that a model consists of; in this order
BACKGROUND = "background.bin"  # of models whose config.json has one
_PATTERN = re.compile(r"hf://(?P<repository>[\w.-]+/(?P<name>[\w.-]+))(@(?P<revision>[\w./-]+))?")


class HubError(UserError):
    """Raised for a model that can't be downloaded from a hub, or uploaded to it."""


@dataclass(frozen=True)
class Reference:
    """A model on a hub."""

    repository: str  # OWNER/NAME
    name: str
    revision: str | None = None  # branch, tag or commit; None: the newest

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Read `hf://OWNER/NAME` with or without `@REVISION`. Raises `HubError`."""
        found = _PATTERN.fullmatch(text)
        if not found:
            raise HubError(f"{text}: expected {SCHEME}OWNER/NAME or {SCHEME}OWNER/NAME@REVISION")
        return cls(found["repository"], found["name"], found["revision"])


def is_reference(text: str | Path) -> bool:
    """Return whether a text speaks of a model on a hub."""
    return isinstance(text, str) and text.startswith(SCHEME)


def download(text: str) -> Path:
    """Return the folder of a model in the cache of the hub's library, downloaded if need be.

    Raises `HubError`: no such model, revision or file; no network; a file that is truncated, or not
    the one of which config.json has the hash.
    """
    reference = Reference.parse(text)
    hub, errors = _library()

    def fetch(name: str, revision: str | None) -> Path:
        place = reference.repository
        return Path(hub.hf_hub_download(place, name, revision=revision, endpoint=_endpoint()))

    try:
        config = fetch(FILES[0], reference.revision)
        commit = config.parent.name  # for all files to be of one
        files = [config, *(fetch(name, commit) for name in FILES[1:])]
        if _has_background(config):
            fetch(BACKGROUND, commit)
    except (OSError, ValueError, errors.HTTPError) as error:
        raise HubError(f"{text}: {_reason(error)}") from error
    _check_hash(text, *files)
    return files[0].parent


def _has_background(config: Path) -> bool:
    with suppress(ValueError, AttributeError):
        return "background" in json.loads(config.read_text()).get("facts", {})
    return False  # `_check_hash` says what is wrong with it


def upload(folder: Path, repository: str, private: bool = False) -> str:
    """Upload the files of a folder as one commit, and return the address of the repository.

    Args:
        repository: OWNER/NAME; made if there is none.
        private: make it so that only its owner sees it.

    Raises `HubError`: not a repository's name, no permission, no network.
    """
    hub, errors = _library()
    repository = Reference.parse(f"{SCHEME}{repository.removeprefix(SCHEME)}").repository
    try:
        api = hub.HfApi(endpoint=_endpoint())
        made = api.create_repo(repository, private=private or None, exist_ok=True)
        api.upload_folder(
            repo_id=repository, folder_path=folder, commit_message="Upload by tiny-audio-ssl"
        )
    except (OSError, ValueError, errors.HTTPError) as error:
        raise HubError(f"{repository}: not uploaded; {_reason(error)}") from error
    return str(made)


def _library() -> tuple[ModuleType, ModuleType]:
    return require("huggingface_hub", EXTRA), require("huggingface_hub.errors", EXTRA)


def _endpoint() -> str | None:
    """Return the address of the hub; the library itself reads it only when it is imported."""
    return os.environ.get("HF_ENDPOINT") or None


def _reason(error: Exception) -> str:
    _, errors = _library()
    if isinstance(error, errors.LocalEntryNotFoundError | errors.OfflineModeIsEnabled):
        return (
            "the hub can't be reached, and the model is not in the cache; connect to the network "
            "(HF_HUB_OFFLINE forbids that), or give the folder of a copy"
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return "no such revision; give a branch, a tag or a commit of it after the @"
    if isinstance(error, errors.RepositoryNotFoundError):
        return "no such model, or a private one; check OWNER/NAME, or log in with `hf auth login`"
    if isinstance(error, errors.EntryNotFoundError):
        return (
            f"not a model of tiny-audio-ssl: it lacks one of {' and '.join(FILES)}; "
            "`tiny-audio-ssl models push` uploads both"
        )
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in (401, 403):
        return "the hub wants a token that may do this; log in with `hf auth login`"
    if "Consistency check failed" in str(error):
        return "the download ended before all of a file had come; try again"
    return f"the hub or its library says: {str(error).strip().splitlines()[0][:200]}"


def _check_hash(text: str, config: Path, weights: Path) -> None:
    """Raise `HubError` if the weights are not those of the config; they leave the cache then."""
    with suppress(ValueError, KeyError, TypeError):  # a checkpoint's own check explains these
        if json.loads(config.read_text())["sha256"][weights.name] == sha256(weights):
            return
        weights.resolve().unlink()
        weights.unlink(missing_ok=True)
        raise HubError(
            f"{text}: {weights.name} is truncated or altered (its sha256 is not the one in "
            f"{config.name}); it was removed from the cache, so that the next try downloads it "
            "again. If that fails too, the upload is broken"
        )
