"""The training loop, for any pretext task and any device; a run resumes to the bit.

Everything random in step k is a function of the seed and k, so that a checkpoint need not hold the
state of a generator. A batch is divided into micro-batches, each with its own draw: a process takes
one or several of them, and two processes compute what one does with as many micro-batches.

Batch normalization sees one micro-batch of one process at a time, as usual; its running statistics
are those of the first process. Use `--encoder.norm group` where the result must not depend on how
the batch is divided.
"""

from __future__ import annotations

import contextlib
import logging
import math
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tiny_audio_ssl.data.batches import Batch, Batches, RowBatches, seed_of, sequential_rows
from tiny_audio_ssl.data.cache import Recordings
from tiny_audio_ssl.data.copies import without_copies
from tiny_audio_ssl.data.stored_rows import StoredRows
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models import checkpoint
from tiny_audio_ssl.models.encoders import WaveformEncoder
from tiny_audio_ssl.pretext.building import build_task
from tiny_audio_ssl.training.average import WeightAverage
from tiny_audio_ssl.training.clip_counts import FEWEST_HELD_OUT, micro_batches
from tiny_audio_ssl.training.config import PretrainConfig
from tiny_audio_ssl.training.fabric import FabricLike, launch
from tiny_audio_ssl.training.learner import Learner, fit_frontend, fit_pretext
from tiny_audio_ssl.training.metrics_log import MetricsLog
from tiny_audio_ssl.utils.cache_dir import default_cache_dir
from tiny_audio_ssl.utils.random_state import seeded

logger = logging.getLogger(__name__)
PREPARED_VERSION = 1  # raised when a task prepares the same recordings otherwise
COLLAPSED = 1e-3  # spread of the embedding; an untrained encoder has about 0.1 or more


class TrainingStoppedError(UserError):
    """Training can't usefully go on: the loss is NaN, or all sounds have the same embedding."""


class TrainingInterruptedError(Exception):
    """Ctrl-C or SIGTERM ended the training; a checkpoint has been written."""


@dataclass(frozen=True)
class TrainingResult:
    """The result of a run."""

    step: int
    loss: float | None  # of the last step; None if the run was finished already
    validation_loss: float | None
    best_step: int | None
    clips_per_s: float
    folder: Path  # of the last checkpoint


class Trainer:
    """One run, which `run()` trains up to its last step.

    `start` is the checkpoint to resume from. Without it, front-end and task are fitted on the
    recordings, and the run begins at step 0. With `weights`, it begins with that model, whose
    front-end keeps its statistics.
    """

    def __init__(
        self,
        config: PretrainConfig,
        run: Path,
        train: Recordings,
        held_out: Recordings,
        corpus: dict[str, Any] | None = None,
        start: checkpoint.Checkpoint | None = None,
        fabric: FabricLike | None = None,
        progress: bool = True,
        cache_dir: Path | None = None,
        weights: WaveformEncoder | None = None,
        origin: dict[str, str] | None = None,
    ) -> None:
        """Build the run.

        Args:
            corpus, origin: about the recordings, and about `weights`; kept in the checkpoints.
        """
        self.config, self.options = config, config.training
        self.fabric = fabric or launch(config.training)
        self.progress = progress and self.fabric.is_global_zero
        self.folder = checkpoint.RunFolder(run, self.options.keep_last)
        self.about = {**asdict(config), "corpus": corpus or {}}
        if origin:
            self.about["start"] = origin
        self.micro_batches = micro_batches(config, self.fabric.world_size)
        self.cache_dir = cache_dir or default_cache_dir()
        self.held_out = without_copies(held_out)
        with seeded(seed_of(self.options.seed)):
            self._build(train, start, weights)
        self._tell_what_is_not_measured()

    def _tell_what_is_not_measured(self) -> None:
        """Say which held-out recordings validation leaves out, and when there is no best step."""
        count, needed = len(self.held_out), self.learner.min_clips
        left_out = count % self.learner.part_size
        if not self.fabric.is_global_zero or not count:
            return
        if 0 < left_out < needed:
            logger.warning(
                "%d of %d held-out recordings are left out of the validation loss: %s compares "
                "clips with one another, and needs %d or more at a time",
                left_out,
                count,
                self.config.task,
                needed,
            )
            count -= left_out
        if count < FEWEST_HELD_OUT:
            logger.warning(
                "the held-out recordings (%d) are too few to choose the best checkpoint by their "
                "loss, so there will be none; hold out %d or more with --held-out, or train on "
                "more recordings",
                count,
                FEWEST_HELD_OUT,
            )

    def _build(
        self,
        train: Recordings,
        start: checkpoint.Checkpoint | None,
        weights: WaveformEncoder | None,
    ) -> None:
        config = self.config
        model = start.model if start else checkpoint.build_model(config.frontend, config.encoder)
        if weights:
            model.load_state_dict(weights.state_dict())
        pretext = build_task(config.task, config.pretext, model.encoder, config.frontend)
        self.model: WaveformEncoder = model
        self.pretext = pretext
        rows = self._prepared(train)
        self.batches = self._batches(train, rows)
        self.held_out_rows = self._prepared(self.held_out) if rows and len(self.held_out) else None
        self.step = 0
        self.best: dict[str, Any] = {"step": None, "loss": None}
        training: dict[str, Tensor] = {}
        if start:
            self.step, self.best = start.progress["step"], dict(start.progress["best"])
            training = checkpoint.load_training(start.folder)
            self._load(pretext, training, "pretext.", start.folder)
        else:
            if not weights:
                fit_frontend(config, model, train)
            fit_pretext(config, model, pretext, train, rows)
        self.learner = Learner(config, model, pretext, self.fabric, self.micro_batches)
        self.average = WeightAverage(model, self.options.average, self.step)
        if start and self.average.is_kept:  # the checkpoint's encoder is the average
            self._load(model.encoder, training, "encoder.", start.folder)
            if model.frontend.is_learned:
                self._load(model.frontend, training, "frontend.", start.folder)
        try:
            self.learner.load_optimizer(checkpoint.within(training, "optimizer."))
        except (KeyError, ValueError) as error:
            raise checkpoint.misfit(self.folder.root / "last", error) from error

    def _load(
        self, module: nn.Module, training: dict[str, Tensor], prefix: str, folder: Path
    ) -> None:
        try:
            module.load_state_dict(checkpoint.within(training, prefix))
        except RuntimeError as error:
            raise checkpoint.misfit(folder, error) from error

    def _prepared(self, recordings: Recordings) -> StoredRows | None:
        """Return the rows that the task prepares; one process of each machine computes them."""
        with self.fabric.rank_zero_first(local=True):
            return self.pretext.prepare(
                recordings,
                self.cache_dir / f"prepared-v{PREPARED_VERSION}" / self.config.task,
                self.options.segment_s,
                self.options.seed,
                self.progress and self.fabric.local_rank == 0,
            )

    def _batches(self, train: Recordings, rows: StoredRows | None) -> Batches | RowBatches:
        options = self.options
        place = (options.batch_size, options.seed)
        processes = (self.fabric.global_rank, self.fabric.world_size)
        if rows is not None:
            return RowBatches(rows, *place, *processes)
        crop = self.config.crop_samples
        columns = (self.config.pretext.class_lists(), self.config.pretext.word_columns())
        return Batches(train, crop, *place, options.segment_s, *processes, *columns)

    def run(self) -> TrainingResult:
        """Train up to the last step.

        Raises `TrainingInterruptedError` after Ctrl-C or SIGTERM, and `TrainingStoppedError` if the
        loss or the embedding is useless; earlier checkpoints stay.
        """
        options = self.options
        loss, validation, rate = None, None, 0.0
        if self.step == 0:
            self._save()
        loader = self.batches.loader(self.step, options.steps, options.workers)
        with self._log() as log, _stop_signals() as stop:
            self._clock = (self.step, time.perf_counter())
            for clips in loader:
                record = self._train_step(clips)
                self.step += 1
                if log:
                    log.advance(self.step)
                if self._due(options.log_every):
                    loss, rate = self._log_step(log, record)
                if self._due(options.validate_every):
                    validation = self._validate(log)
                if self._due(options.checkpoint_every):
                    self._save()
                if self._any(stop) and self.step < options.steps:
                    self._save()
                    raise TrainingInterruptedError(
                        f"stopped at step {self.step} of {options.steps}"
                    )
        folder = self.folder.step_folder(self.step)
        return TrainingResult(self.step, loss, validation, self.best["step"], rate, folder)

    def _due(self, every: int) -> bool:
        return self.step % every == 0 or self.step == self.options.steps

    def _train_step(self, clips: Batch) -> dict[str, Any]:
        record = self.learner.step(clips, self.step)
        self.average.update()
        return record

    def _log_step(self, log: MetricsLog | None, record: dict[str, Any]) -> tuple[float, float]:
        """Write the numbers of this step alone, no mean, so that a resumed run writes the same."""
        mean = self.fabric.all_reduce({k: torch.as_tensor(v) for k, v in record.items()})
        logged = {name: float(mean[name]) for name in mean}
        numbers = {f"train/{'spread' if k == 'embedding' else k}": logged[k] for k in logged}
        loss = numbers["train/loss"]
        if not math.isfinite(loss):
            raise TrainingStoppedError(
                f"the loss is {loss} at step {self.step}; try a smaller --learning-rate (now "
                f"{self.options.learning_rate:g}), a longer --warmup-steps or --precision 32. "
                f"{self.folder.root} keeps the last checkpoint"
            )
        if self.step > self.options.warmup_steps and (why := self.pretext.collapse_reason(logged)):
            raise TrainingStoppedError(f"at step {self.step}: {why}")
        (step, began), now = self._clock, time.perf_counter()
        self._clock = (self.step, now)
        rate = (self.step - step) * self.options.batch_size / (now - began)
        if log:
            log.write(self.step, {**numbers, "speed/clips_per_s": rate})
            state = f"loss {loss:.4f}  spread {numbers['train/spread']:.2f}  {rate:.0f} clips/s"
            log.show(state)
        return loss, rate

    def _validate(self, log: MetricsLog | None) -> float | None:
        """Return the mean loss on the held-out recordings, or None if there are too few."""
        if self.held_out_rows is None:
            found = self.learner.held_out_loss(self.held_out)
        else:
            rows = sequential_rows(self.held_out_rows, self.learner.part_size)
            found = self.learner.mean_loss(rows)
        if found is None:
            return None
        loss, wide, clips = found
        if log:
            log.write(self.step, {"validation/loss": loss, "validation/spread": wide})
        if clips > 1 and wide < COLLAPSED and self.step > self.options.warmup_steps:
            raise TrainingStoppedError(
                f"the embedding has collapsed at step {self.step}: all held-out recordings have "
                f"the same embedding (spread {wide:.1e}). Try a smaller --learning-rate, a larger "
                "--batch-size, or recordings that differ more"
            )
        if clips >= FEWEST_HELD_OUT and (self.best["loss"] is None or loss < self.best["loss"]):
            self.best = {"step": self.step, "loss": loss}
        return loss

    def _save(self) -> None:
        if not all(p.isfinite().all() for p in self.learner.module.parameters()):
            raise TrainingStoppedError(
                f"weights are not finite at step {self.step}; nothing was saved over the last "
                "checkpoint. Try a smaller --learning-rate or --precision 32"
            )
        if self.fabric.is_global_zero:
            training = {f"pretext.{k}": v for k, v in self.pretext.state_dict().items()}
            state = self.learner.optimizer_state()
            training |= {f"optimizer.{k}": v for k, v in state.items()}
            if self.average.is_kept:
                training |= self.model.encoder.state_dict(prefix="encoder.")
                if self.model.frontend.is_learned:
                    training |= self.model.frontend.state_dict(prefix="frontend.")
            self.folder.save(
                self.step,
                self.best["step"],
                model=self.average.model,
                run=self.about,
                progress={"step": self.step, "best": self.best},
                training=training,
            )
        self.fabric.barrier()

    def _log(self) -> contextlib.AbstractContextManager[MetricsLog | None]:
        if not self.fabric.is_global_zero:
            return contextlib.nullcontext()
        return MetricsLog(self.folder.root, self.step, self.options.steps, self.progress)

    def _any(self, stop: list[int]) -> bool:
        """Return whether any process was asked to stop; all must stop at the same step."""
        if self.fabric.world_size == 1:
            return bool(stop)
        asked = torch.tensor(float(len(stop)), device=self.fabric.device)
        return bool(torch.as_tensor(self.fabric.all_reduce(asked, reduce_op="sum")).any())


@contextlib.contextmanager
def _stop_signals() -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM in the list; a second Ctrl-C ends the process as usual.

    Only the main thread may handle signals; in another thread the list stays empty. A handler that
    was not set from Python could not be restored, so that signal is left to it.
    """
    received: list[int] = []

    def note(number: int, frame: Any) -> None:
        received.append(number)
        signal.signal(number, previous[number])

    previous: dict[int, Any] = {}
    try:
        if threading.current_thread() is threading.main_thread():
            for number in map(int, (signal.SIGINT, signal.SIGTERM)):
                if (handler := signal.getsignal(number)) is not None:
                    previous[number] = handler
                    signal.signal(number, note)
        yield received
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
