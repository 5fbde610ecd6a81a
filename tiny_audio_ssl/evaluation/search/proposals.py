"""Which weights to try next: the references first, then what TPE makes of the trials so far.

Bergstra, Bardenet, Bengio, Kegl, "Algorithms for hyper-parameter optimization", NeurIPS 2011,
through Optuna.
"""

from __future__ import annotations

from collections.abc import Sequence

from tiny_audio_ssl.data.batches import seed_of
from tiny_audio_ssl.evaluation.search.table import Trial
from tiny_audio_ssl.pretext.combined_config import Weights
from tiny_audio_ssl.utils.extras import require

LEVELS = (0.0, 1 / 16, 1 / 4, 1.0)  # a probe does not tell finer weights apart
ATTEMPTS = 20  # at a proposal that was not tried yet


def references(tasks: Sequence[str]) -> list[Weights]:
    """Each task alone, then all alike: what a combination has to beat."""
    return [*({task: 1.0} for task in tasks), dict.fromkeys(tasks, 1.0)]


def propose(done: Sequence[Trial], tasks: Sequence[str], seed: int) -> Weights | None:
    """The next weights to try, the largest of them 1; None when nothing new comes up.

    A function of its arguments, so that a search can be cut off anywhere.
    """
    first = references(tasks)
    if len(done) < len(first):
        return first[len(done)]
    optuna = require("optuna", "eval")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    space = dict.fromkeys(tasks, optuna.distributions.IntDistribution(0, len(LEVELS) - 1))
    study = optuna.create_study(direction="maximize")
    for trial in done:
        if trial.validation:
            levels = {task: LEVELS.index(trial.weights.get(task, 0.0)) for task in tasks}
            known = {"params": levels, "distributions": space}
            study.add_trial(optuna.trial.create_trial(**known, value=trial.validation.accuracy))
    tried = [trial.weights for trial in done]
    # TPE comes back to what does well; when it knows all of that, chance looks elsewhere.
    for sampler in (optuna.samplers.TPESampler, optuna.samplers.RandomSampler):
        study.sampler = sampler(seed=seed_of(seed, len(done)) % 2**32)
        for _ in range(ATTEMPTS):
            asked = study.ask(space)
            weights = scaled({task: LEVELS[asked.params[task]] for task in tasks})
            if weights and weights not in tried:
                return weights
            study.tell(asked, state=optuna.trial.TrialState.FAIL)  # sets it aside
    return None


def scaled(weights: Weights) -> Weights:
    """Those that count, the largest 1: their ratios matter, and hardly their size."""
    largest = max(weights.values())
    return {task: weight / largest for task, weight in weights.items() if weight}
