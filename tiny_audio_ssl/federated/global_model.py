"""The server's model: its start, its checkpoints, its probe.

A round ends with a checkpoint in the library's own format, whose step is the round: `embed`,
`probe` and `export` work on it directly, and `resume` continues from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from tiny_audio_ssl.data.batches import sequential
from tiny_audio_ssl.data.cache import Recordings, open_cache
from tiny_audio_ssl.data.corpus import open_corpus
from tiny_audio_ssl.embedding import embedder as embedding
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.federated import model_vectors
from tiny_audio_ssl.federated.config import MODEL_SETTINGS, FederatedConfig
from tiny_audio_ssl.federated.model_vectors import ExchangedTensors, Vector
from tiny_audio_ssl.federated.privacy import Spent
from tiny_audio_ssl.federated.privacy_ledger import spent_by_start
from tiny_audio_ssl.federated.recordings import open_recordings
from tiny_audio_ssl.federated.run_files import LISTS
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.checkpoint import Checkpoint
from tiny_audio_ssl.models.encoders import WaveformEncoder
from tiny_audio_ssl.pretext.base import Pretext
from tiny_audio_ssl.training import clip_counts, learner
from tiny_audio_ssl.training.config import PretrainConfig
from tiny_audio_ssl.training.fabric import CpuFabric
from tiny_audio_ssl.training.learner import VALIDATION, Learner
from tiny_audio_ssl.training.new_run import make_room
from tiny_audio_ssl.training.run_recordings import (
    RECORDINGS,
    check_unchanged,
    split_recordings,
    write_recordings,
)
from tiny_audio_ssl.training.run_settings import settings_of
from tiny_audio_ssl.training.start import check_fits

# Settings that may differ when a run is resumed.
CHANGEABLE = {"resume", "out", "cache_dir", "rounds", "round_timeout_s", "evaluate_every"}
CHANGEABLE |= {"probe_every", "backend", "artifact", "artifact_sha256"}
BATCH_NORM_RECORDINGS = 256  # at most so many of the server's recordings give the statistics


@dataclass
class Progress:
    """The server's state besides weights and moments, as a checkpoint keeps it."""

    round: int = 0
    clipping_norm: float | None = None
    releases: int = 0  # that the privacy budget was spent on, see `privacy.epsilon`
    taken_part: dict[str, int] | None = None  # updates that were used of each client, by its index
    rounds_learned: int = 0  # rounds that changed the weights
    up_bytes: int = 0
    down_bytes: int = 0
    best_round: int | None = None
    best_loss: float | None = None
    spent_before: list[Spent] | None = None  # by the runs that this one started from


class GlobalModel:
    """The model with its task heads, and the state that a checkpoint holds."""

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
        self.exchanged = ExchangedTensors.of(model, pretext, config.train_only)
        self.folder = checkpoint.RunFolder(Path(config.out))
        self.progress = Progress()
        self.strategy_state: dict[str, Vector] = {}

    @classmethod
    def open(cls, config: FederatedConfig) -> GlobalModel:
        """Open the model of the last round in `config.out`, of the start, or untrained.

        Raises `UserError`: no `out`, an `out` that holds a run already (or no run to resume), a
        start whose settings do not fit.
        """
        run = Path(config.out)
        if not config.out:
            raise UserError('no folder for the run; name one with out="/folder/of/the/run"')
        if config.resume:
            return cls._resumed(config)
        inputs = [config.source, config.server_data, config.start]
        make_room(run, inputs, "resume=true", "out", LISTS)
        pretrain, recordings = config.pretrain(), open_recordings(config.server_data, config)
        start = checkpoint.load(config.start) if config.start else None
        if start:
            _check_start(config, pretrain, start)
        model = _model_to_begin_with(pretrain, start)
        pretext = model_vectors.build_pretext(pretrain, model)
        has_heads = start is not None and _has_heads_for(pretrain, start)
        if start and has_heads:
            heads = checkpoint.within(checkpoint.load_training(start.folder), "pretext.")
            pretext.load_state_dict(heads)
        if start is None:
            learner.fit_frontend(pretrain, model, recordings)
        if not has_heads:
            learner.fit_pretext(pretrain, model, pretext, recordings)
        made = cls(config, pretrain, model, pretext, recordings)
        made.progress.spent_before = spent_by_start(start) if start else None
        if not config.start or config.norm == "local":
            made.update_batch_norm()
        contents = recordings.contents()
        train, _ = split_recordings(recordings, contents, 0.5, config.seed)
        write_recordings(run / RECORDINGS, recordings, contents, set(train))
        return made

    @classmethod
    def _resumed(cls, config: FederatedConfig) -> GlobalModel:
        start = checkpoint.load(config.out)
        then = start.run.get("federated")
        if then is None:
            raise UserError(f"{config.out}: not a federated run; name it as start, with a new out")
        kept = start.progress["federated"]
        _check_known(start.folder, then, FederatedConfig)
        _check_known(start.folder, kept, Progress)
        then = {**asdict(FederatedConfig()), **then}  # the run's version may have had fewer
        now = asdict(config)
        if other := [k for k in now if k not in CHANGEABLE and now[k] != then.get(k)]:
            listed = ", ".join(f"{k} was {then.get(k)!r} and is {now[k]!r}" for k in other)
            raise UserError(f"{config.out}: can't be resumed with other settings: {listed}")
        pretrain = config.pretrain()
        pretext = model_vectors.build_pretext(pretrain, start.model)
        tensors = checkpoint.load_training(start.folder)
        pretext.load_state_dict(checkpoint.within(tensors, "pretext."))
        recordings = open_recordings(config.server_data, config)
        _check_server_recordings(config, recordings)
        made = cls(config, pretrain, start.model, pretext, recordings)
        learned = kept.get("releases", 0)  # as older versions counted them
        made.progress = Progress(**{"rounds_learned": learned, **kept})
        moments = checkpoint.within(tensors, "server.")
        made.strategy_state = {name: tensor.numpy() for name, tensor in moments.items()}
        return made

    @property
    def weights(self) -> Vector:
        """The parameters that clients train, float32 [n]."""
        return model_vectors.to_vector(self.exchanged.weights)

    @property
    def fixed(self) -> Vector:
        """The tensors that clients only receive, float32 [m]."""
        return model_vectors.to_vector(self.exchanged.fixed)

    def load_weights(self, weights: Vector) -> None:
        """Load new weights, and compute the batch-norm statistics that belong to them."""
        model_vectors.load_vector(self.exchanged.weights, weights)
        if self.config.norm == "local":
            self.update_batch_norm()

    def update_batch_norm(self) -> None:
        """Compute the batch-norm statistics of encoder and heads on the server's recordings."""
        if not model_vectors.has_batch_norm(self.model.encoder, self.pretext):
            return
        step = _WaveformStep(Learner(self.pretrain, self.model, self.pretext, CpuFabric()))
        count = min(BATCH_NORM_RECORDINGS, len(self.recordings))
        chosen = self.recordings.select(
            range(0, len(self.recordings), len(self.recordings) // count)
        )
        crops = sequential(chosen, self.pretrain.crop_samples, 64)
        fewest = max(2, clip_counts.min_clips(self.pretrain))
        if len(chosen) < fewest:
            raise UserError(
                f"server-data {self.config.server_data}: {len(chosen)} recordings give no "
                f"batch-norm statistics; name {fewest} or more, or choose norm group"
            )
        update_bn((crop for crop in crops if len(crop) >= fewest), step)
        self.model.eval()

    def save(self, strategy_state: dict[str, Vector], loss: float | None) -> Path:
        """Write the round's checkpoint, which is also the best one if its `loss` is the lowest."""
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
    def labeled(self) -> Any:
        """The server's recordings as an evaluation task. Raises `UserError` without labels."""
        from tiny_audio_ssl.evaluation.datasets.base import EvaluationTask
        from tiny_audio_ssl.evaluation.probing.labeled import open_task

        config = self.config
        columns = self.recordings.clips[0].columns
        group = config.group_column if config.group_column in columns else None
        task = EvaluationTask(
            "server-data", config.server_data, label=config.label_column, group=group
        )
        return open_task(task, config.cache_folder, allow_missing=True)

    def probe(self) -> float:
        """Return the accuracy, 0..1, of a linear probe on the server's labeled recordings."""
        from tiny_audio_ssl.evaluation.probing.protocols import evaluate

        score: Any = evaluate(embedding.load(self.config.out), self.labeled, "linear").summary()
        return float(score["accuracy"])


class _WaveformStep(nn.Module):
    """The task's forward pass on waveforms, as PyTorch's `update_bn` calls it."""

    def __init__(self, learner: Learner) -> None:
        super().__init__()
        self.step, self.learner = learner.module, learner

    def forward(self, clips: Tensor) -> None:
        self.learner.forward(clips, VALIDATION, 0)


def _check_known(folder: Path, found: Mapping[str, Any], kind: type[Any]) -> None:
    """Raise `CheckpointError` for names that `kind` does not have: a newer version's."""
    if unknown := sorted(found.keys() - {field.name for field in fields(kind)}):
        reason = f"of its federated run, {', '.join(unknown)} not known"
        raise checkpoint.misfit(folder, UserError(reason))


def _check_server_recordings(config: FederatedConfig, recordings: Recordings) -> None:
    """Raise `UserError` if the server's recordings are not those that the run began with."""
    listed = Path(config.out) / RECORDINGS
    if not listed.is_file():
        return
    corpus = open_corpus(listed)
    check_unchanged(Path(config.out), corpus, open_cache(corpus, config.cache_folder))
    if len(corpus.clips) != len(recordings):
        raise UserError(
            f"{config.out}: server-data has {len(recordings)} recordings, and had "
            f"{len(corpus.clips)} when the run began; restore those to continue it"
        )


def _model_to_begin_with(pretrain: PretrainConfig, start: Checkpoint | None) -> WaveformEncoder:
    if start is None:
        seed = pretrain.training.seed
        return checkpoint.untrained(pretrain.frontend, pretrain.encoder, seed)
    if _has_heads_for(pretrain, start):
        return start.model
    frames = pretrain.encoder.slice_frames  # of this run's task
    encoder = replace(start.model.encoder.config, slice_frames=frames)
    model = checkpoint.build_model(pretrain.frontend, encoder)
    model.load_state_dict(start.model.state_dict())
    return model


def _check_start(config: FederatedConfig, own: PretrainConfig, start: Checkpoint) -> None:
    """Raise `UserError` unless the clients would build the start's model from the settings."""
    if not _has_heads_for(own, start):  # its encoder goes with any task
        check_fits(config.start, start, own.encoder, own.frontend)
        return
    then = settings_of(start)
    for name in MODEL_SETTINGS:
        if getattr(own, name) != getattr(then, name):
            raise UserError(
                f"{config.start}: its {name} is {getattr(then, name)}, the settings say "
                f"{getattr(own, name)}; clients build the model from the settings, so they must "
                "describe the start"
            )


def _has_heads_for(own: PretrainConfig, start: Checkpoint) -> bool:
    """Return whether a start brings heads of the run's own task, and not an encoder alone."""
    is_run = start.facts is None and (start.folder / checkpoint.TRAINING).is_file()
    return is_run and settings_of(start).task == own.task
