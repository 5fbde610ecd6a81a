"""The pretext task of a run, with the weights of a checkpoint."""

from __future__ import annotations

from torch import Tensor

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.pretext import pretext_class
from tiny_audio_ssl.pretext.base import Pretext
from tiny_audio_ssl.pretext.product import Product
from tiny_audio_ssl.training.config import PretrainConfig
from tiny_audio_ssl.training.run_settings import settings_of
from tiny_audio_ssl.utils.random_state import seeded


def load_task(
    loaded: checkpoint.Checkpoint, config: PretrainConfig
) -> tuple[Pretext, dict[str, Tensor]]:
    """Load the run's task with its heads; return both, the heads by their names in the checkpoint.

    Raises `UserError` if the checkpoint has no heads, or those of another task.
    """
    with seeded(0):  # the heads are loaded below
        pretext = pretext_class(config.task)(config.pretext, loaded.model.encoder, config.frontend)
    state = checkpoint.load_training(loaded.folder)
    heads = {name: value for name, value in state.items() if name.startswith("pretext.")}
    try:
        pretext.load_state_dict({k.removeprefix("pretext."): v for k, v in heads.items()})
    except RuntimeError as error:
        raise UserError(f"{loaded.folder}: its heads are not {config.task}'s: {error}") from error
    return pretext, heads


def trained_product(loaded: checkpoint.Checkpoint) -> Product | None:
    """Return the product of the run's task with the checkpoint's weights, or None without one.

    Raises `UserError` as `load_task` does.
    """
    pretext, _ = load_task(loaded, settings_of(loaded))
    return pretext.eval().product(loaded.model.frontend, loaded.model.encoder)
