"""The model that the server keeps: where it starts, what it saves, how it is judged.

A round ends with a checkpoint in the library's own format, whose step is the round: `embed`,
`probe` and `export` work on it at once, and `resume` goes on from it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from tiny_audio_ssl.data.batches import sequential
from tiny_audio_ssl.data.cache import Recordings
from tiny_audio_ssl.data.corpus import split
from tiny_audio_ssl.embedding import embedder as embedding
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.federated import model_vectors as vectors
from tiny_audio_ssl.federated.config import DESCRIBE_MODEL, FederatedConfig
from tiny_audio_ssl.federated.model_vectors import Travelling, Vector
from tiny_audio_ssl.federated.recordings import opened
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoders import WaveformEncoder
from tiny_audio_ssl.pretext.base import Pretext
from tiny_audio_ssl.training import learner
from tiny_audio_ssl.training.config import PretrainConfig
from tiny_audio_ssl.training.learner import VALIDATION, CpuFabric, Learner
from tiny_audio_ssl.training.run_recordings import RECORDINGS, write_recordings

# What may be another when a run goes on.
FREE = {"resume", "out", "cache_dir", "rounds", "round_timeout_s", "evaluate_every", "probe_every"}
FREE |= {"backend", "artifact"}
LOOKS = 256  # recordings that the batch-norm statistics are taken from


@dataclass
class Progress:
    """What goes on from round to round, beside the weights."""

    round: int = 0
    clipping_norm: float | None = None
    releases: int = 0  # that a privacy budget pays for
    taken_part: dict[str, int] | None = None  # rounds of each device
    up_bytes: int = 0
    down_bytes: int = 0
    best_round: int | None = None
    best_loss: float | None = None


class GlobalModel:
    """Weights, task heads and what else a checkpoint holds."""

    def __init__(
        self,
        config: FederatedConfig,
        pretrain: PretrainConfig,
        model: WaveformEncoder,
        pretext: Pretext,
        recordings: Recordings,
    ) -> None:
        self.config, self.pretrain = config, pretrain
        self.model, self.pretext = model, pretext
        self.recordings = recordings
        self.travelling = Travelling.of(model, pretext, config.train_only)
        self.folder = checkpoint.RunFolder(Path(config.out))
        self.progress = Progress()
        self.strategy_state: dict[str, Vector] = {}

    @classmethod
    def open(cls, config: FederatedConfig) -> GlobalModel:
        """From the last round of `config.out`, from a checkpoint, or untrained.

        Raises `UserError`: no `out`, one that holds a run already (or none to go on with), a start
        whose settings do not fit.
        """
        run = Path(config.out)
        if not config.out:
            raise UserError('no folder for the run; give one with out="/folder/of/the/run"')
        if config.resume:
            return cls._resumed(config)
        if (run / "last").exists():
            raise UserError(f"{run}: holds a run already; go on with resume=true, or name another")
        pretrain, recordings = config.pretrain(), opened(config.server_data, config)
        start = checkpoint.load(config.start) if config.start else None
        if start:
            _check_fits(config, pretrain, PretrainConfig.from_dict(start.run))
        seed = pretrain.training.seed
        model = (
            start.model
            if start
            else checkpoint.untrained(pretrain.frontend, pretrain.encoder, seed)
        )
        pretext = vectors.build(pretrain, model)
        if start and (start.folder / checkpoint.TRAINING).is_file():
            heads = checkpoint.within(checkpoint.load_training(start.folder), "pretext.")
            pretext.load_state_dict(heads)
        if start is None:
            learner.fit(pretrain, model, pretext, recordings)
        made = cls(config, pretrain, model, pretext, recordings)
        if not config.start or config.norm == "local":
            made.take_statistics()
        write_recordings(run / RECORDINGS, recordings, _train_side(recordings, config))
        return made

    @classmethod
    def _resumed(cls, config: FederatedConfig) -> GlobalModel:
        start = checkpoint.load(config.out)
        then = start.run.get("federated")
        if then is None:
            raise UserError(
                f"{config.out}: not a federated run; give it as start=, with a new out="
            )
        now = asdict(config)
        if other := [k for k in now if k not in FREE and now[k] != then.get(k)]:
            listed = ", ".join(f"{k} was {then.get(k)!r} and is {now[k]!r}" for k in other)
            raise UserError(f"{config.out}: can't go on with other settings: {listed}")
        pretrain = config.pretrain()
        pretext = vectors.build(pretrain, start.model)
        tensors = checkpoint.load_training(start.folder)
        pretext.load_state_dict(checkpoint.within(tensors, "pretext."))
        recordings = opened(config.server_data, config)
        made = cls(config, pretrain, start.model, pretext, recordings)
        known = {field.name for field in fields(Progress)}
        kept = {k: v for k, v in start.progress["federated"].items() if k in known}
        made.progress = Progress(**kept)
        moments = checkpoint.within(tensors, "server.")
        made.strategy_state = {name: tensor.numpy() for name, tensor in moments.items()}
        return made

    @property
    def weights(self) -> Vector:
        return vectors.read(self.travelling.weights)

    @property
    def fixed(self) -> Vector:
        return vectors.read(self.travelling.fixed)

    def become(self, weights: Vector) -> None:
        """Take new weights, and the batch-norm statistics that belong to them."""
        vectors.write(self.travelling.weights, weights)
        if self.config.norm == "local":
            self.take_statistics()

    def take_statistics(self) -> None:
        """Batch-norm statistics of encoder and heads, of the server's own recordings."""
        if not vectors.has_batch_norm(self.model.encoder, self.pretext):
            return
        looks = _Looks(Learner(self.pretrain, self.model, self.pretext, CpuFabric()))
        count = min(LOOKS, len(self.recordings))
        chosen = self.recordings.select(
            range(0, len(self.recordings), len(self.recordings) // count)
        )
        crops = sequential(chosen, self.pretrain.crop_samples, 64)
        update_bn((crop for crop in crops if len(crop) > 1), looks)
        self.model.eval()

    def save(self, strategy_state: dict[str, Vector], loss: float | None) -> Path:
        """Write the checkpoint of this round; `loss` decides whether it is the best one."""
        now = self.progress
        if loss is not None and (now.best_loss is None or loss < now.best_loss):
            now.best_round, now.best_loss = now.round, loss
        heads = {f"pretext.{k}": v for k, v in self.pretext.state_dict().items()}
        moments = {f"server.{k}": torch.from_numpy(v) for k, v in strategy_state.items()}
        about = {
            "source": "devices",
            "clients": self.config.clients,
            "server_recordings": len(self.recordings),
        }
        return self.folder.save(
            now.round,
            now.best_round,
            model=self.model,
            run={**asdict(self.pretrain), "corpus": about, "federated": asdict(self.config)},
            progress={
                "step": now.round,
                "best": {"step": now.best_round, "loss": now.best_loss},
                "federated": asdict(now),
            },
            training=heads | moments,
        )

    @cached_property
    def labelled(self) -> Any:
        """The server's recordings as a task for the probe. Raises `UserError` if they can't be."""
        from tiny_audio_ssl.evaluation.datasets.base import EvaluationTask
        from tiny_audio_ssl.evaluation.probing.labelled import open_task

        config = self.config
        columns = self.recordings.clips[0].columns
        group = config.group_column if config.group_column in columns else None
        task = EvaluationTask(
            "server-data", config.server_data, label=config.label_column, group=group
        )
        return open_task(task, config.cache_folder, allow_missing=True)

    def probe(self) -> float:
        """Accuracy of a linear probe on the server's labelled recordings."""
        from tiny_audio_ssl.evaluation.probing.protocols import evaluate

        score: Any = evaluate(embedding.load(self.config.out), self.labelled, "linear").summary()
        return float(score["accuracy"])


class _Looks(nn.Module):
    """The task's forward pass on waveforms, as PyTorch's `update_bn` calls it."""

    def __init__(self, learner: Learner) -> None:
        super().__init__()
        self.step, self.learner = learner.module, learner

    def forward(self, clips: Tensor) -> None:
        self.learner.forward(clips, VALIDATION, 0)


def _train_side(recordings: Recordings, config: FederatedConfig) -> set[int]:
    return set(split(recordings.clips, 0.5, config.seed)[0])


def _check_fits(config: FederatedConfig, own: PretrainConfig, start: PretrainConfig) -> None:
    """A start brings its encoder; the devices build theirs from the settings."""
    for name in DESCRIBE_MODEL:
        if getattr(own, name) != getattr(start, name):
            raise UserError(
                f"{config.start}: its {name} is {getattr(start, name)}, the settings say "
                f"{getattr(own, name)}; devices build the model from these, so set them alike"
            )
