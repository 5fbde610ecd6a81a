"""Where the time of a training step goes, for each pretext task and encoder.

python benchmarks/training_profile.py builtin:32 --encoders mobile

Processor time of one thread, median of the steps, so that other load on the machine counts less.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import tyro

from tiny_audio_ssl.bench.machine import device_name
from tiny_audio_ssl.data.cache import Recordings, open_cache
from tiny_audio_ssl.data.corpus import open_corpus
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.pretext import PRETEXTS, pretext_class
from tiny_audio_ssl.training.config import PretrainConfig, TrainingConfig
from tiny_audio_ssl.training.run_recordings import long_enough
from tiny_audio_ssl.training.trainer import Trainer
from tiny_audio_ssl.utils.files import read_rows, write_rows

RESULTS = Path(__file__).parent / "results" / "training_profile.csv"
PARTS = ("data", "views", "front-end", "forward", "backward", "optimizer")


@dataclass(frozen=True)
class TrainingProfile:
    """One row for each task and encoder. Rows of other tasks and encoders are kept."""

    source: tyro.conf.Positional[str] = "builtin:32"
    """Folder, CSV manifest or `builtin`."""
    tasks: tuple[str, ...] = tuple(PRETEXTS)
    encoders: tuple[str, ...] = ("mobile", "dense")
    batch_size: int = 64
    steps: int = 12
    warm_up: int = 3
    """Steps before the timed ones."""
    csv: Path = RESULTS


class Spans:
    """Processor time of the parts of steps; an inner part's time is not the outer one's."""

    def __init__(self) -> None:
        self.steps: list[dict[str, float]] = []
        self._open: list[str] = []
        self._since = time.thread_time()

    def begin_step(self) -> None:
        self._count()
        self.steps.append(defaultdict(float))

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        self.enter(name)
        yield
        self.leave()

    def enter(self, name: str, *_: Any) -> None:
        self._count()
        self._open.append(name)

    def leave(self, *_: Any) -> None:
        self._count()
        self._open.pop()

    def _count(self) -> None:
        now = time.thread_time()
        if self.steps:
            self.steps[-1][self._open[-1] if self._open else "other"] += now - self._since
        self._since = now

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*given: Any, **named: Any) -> Any:
            with self.part(name):
                return function(*given, **named)

        return run

    def watch(self, trainer: Trainer) -> None:
        """Time the parts of the trainer's steps from now on."""
        learner = trainer.learner
        for module, name in ((learner.frontend, "front-end"), (learner.module, "forward")):
            module.register_forward_pre_hook(lambda *_, name=name: self.enter(name))
            module.register_forward_hook(self.leave, always_call=True)
        for owner, method, name in (
            (learner.pretext, "inputs", "views"),
            (learner.fabric, "backward", "backward"),
            (learner.fabric, "clip_gradients", "optimizer"),
            (learner.optimizer, "step", "optimizer"),
            (learner.optimizer, "zero_grad", "optimizer"),
        ):
            setattr(owner, method, self.timed(name, getattr(owner, method)))
        loader = trainer.batches.loader

        def watched(*given: Any) -> Iterator[Any]:
            clips = iter(loader(*given))
            while True:
                self.begin_step()
                with self.part("data"):
                    batch = next(clips, None)
                if batch is None:
                    return
                yield batch

        # mypy allows no method to be replaced, which is the one way to time what it gives.
        trainer.batches.loader = watched  # type: ignore[assignment, method-assign]


def main(wanted: TrainingProfile) -> None:
    torch.set_num_threads(1)
    known = read_rows(wanted.csv) if wanted.csv.exists() else []
    rows: dict[tuple[str, str], dict[str, Any]] = {(r["task"], r["encoder"]): r for r in known}
    with tempfile.TemporaryDirectory(prefix="training-profile-") as name:
        work = Path(name)
        cached = open_cache(open_corpus(wanted.source), work / "cache")
        for encoder in wanted.encoders:
            for task in wanted.tasks:
                try:
                    rows[task, encoder] = row(task, encoder, cached, work, wanted)
                except UserError as error:  # a task that needs more than sound
                    print(f"{task}: left out: {str(error).splitlines()[0]}", flush=True)
                    continue
                print(*rows[task, encoder].values(), sep=", ", flush=True)
                write_rows(wanted.csv, rows.values())


def row(
    task: str, encoder: str, cached: Recordings, work: Path, wanted: TrainingProfile
) -> dict[str, Any]:
    count = wanted.warm_up + wanted.steps
    training = TrainingConfig(
        # The last step also saves a checkpoint, so it is left out.
        steps=count + 1,
        batch_size=wanted.batch_size,
        log_every=count + 1,
        validate_every=count + 1,
        checkpoint_every=count + 1,
        accelerator="cpu",
    )
    config = PretrainConfig(
        task, pretext_class(task).Config(), EncoderConfig(encoder), training=training
    )
    recordings = long_enough(cached, config)
    run = work / f"{task}-{encoder}"
    trainer = Trainer(
        config, run, recordings, recordings.select([]), progress=False, cache_dir=work / "cache"
    )
    spans = Spans()
    spans.watch(trainer)
    trainer.run()
    steps = spans.steps[wanted.warm_up : count]
    totals = [sum(step.values()) for step in steps]
    middle = statistics.median(totals)
    shares = {
        part: statistics.median(
            step.get(part, 0.0) / total for step, total in zip(steps, totals, strict=True)
        )
        for part in PARTS
    }
    return {
        "task": task,
        "encoder": encoder,
        "batch_size": wanted.batch_size,
        "step_ms": round(1000 * middle, 1),
        **{f"{part} share": round(share, 3) for part, share in shares.items()},
        "other share": round(max(0.0, 1 - sum(shares.values())), 3),
        "clips_per_cpu_s": round(wanted.batch_size / middle),
        "steps": len(steps),
        "device": device_name(),
        "torch_version": torch.__version__,
    }


if __name__ == "__main__":
    main(tyro.cli(TrainingProfile, description=__doc__))
