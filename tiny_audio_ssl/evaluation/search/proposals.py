"""Propose weights to try: first the references, then suggestions of TPE based on the trials so far.

Bergstra, Bardenet, Bengio, Kegl, "Algorithms for hyper-parameter optimization", NeurIPS 2011,
as implemented by Optuna.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tiny_audio_ssl.data.batches import seed_of
from tiny_audio_ssl.evaluation.search.trials import Trial
from tiny_audio_ssl.pretext.configs.weights import Weights
from tiny_audio_ssl.utils.extras import require

LEVELS = (0.0, 1 / 16, 1 / 4, 1.0)  # a probe can't distinguish finer weights
ATTEMPTS = 20  # to find a proposal that was not tried yet


def references(tasks: Sequence[str]) -> list[Weights]:
    """Return each task alone, then all with equal weights: a combination has to beat these."""
    return [*({task: 1.0} for task in tasks), dict.fromkeys(tasks, 1.0)]


def propose(done: Sequence[Trial], tasks: Sequence[str], seed: int) -> Weights | None:
    """Return the next weights to try, the largest being 1; None if nothing new is left.

    The result depends only on the arguments, so a search can be interrupted anywhere.
    """
    first = references(tasks)
    if len(done) < len(first):
        return first[len(done)]
    optuna = require("optuna", "eval")
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        return _proposed(optuna, done, tasks, seed)
    finally:
        optuna.logging.set_verbosity(verbosity)


def _proposed(
    optuna: Any, done: Sequence[Trial], tasks: Sequence[str], seed: int
) -> Weights | None:
    space = dict.fromkeys(tasks, optuna.distributions.IntDistribution(0, len(LEVELS) - 1))
    study = optuna.create_study(direction="maximize")
    for trial in done:
        if trial.validation:
            levels = {task: LEVELS.index(trial.weights.get(task, 0.0)) for task in tasks}
            known = {"params": levels, "distributions": space}
            study.add_trial(optuna.trial.create_trial(**known, value=trial.validation.accuracy))
    tried = [trial.weights for trial in done]
    # TPE returns to weights that do well; once all of these are tried, sample at random.
    for sampler in (optuna.samplers.TPESampler, optuna.samplers.RandomSampler):
        study.sampler = sampler(seed=seed_of(seed, len(done)) % 2**32)
        for _ in range(ATTEMPTS):
            asked = study.ask(space)
            weights = scaled({task: LEVELS[asked.params[task]] for task in tasks})
            if weights and weights not in tried:
                return weights
            study.tell(asked, state=optuna.trial.TrialState.FAIL)  # discards the proposal
    return None


def scaled(weights: Weights) -> Weights:
    """Drop zero weights and scale the largest to 1: only the ratios matter."""
    largest = max(weights.values())
    return {task: weight / largest for task, weight in weights.items() if weight}
