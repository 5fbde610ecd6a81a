"""Pretext tasks: how well each solves its own problem."""

from __future__ import annotations

from statistics import correlation, mean

from tables.rows import decimals, listed, markdown, rows, where

TASKS, AVERAGE = "pretext_tasks", "average"
ENCODER, OTHER = "dense", "mobile"
LOSS, AHEAD, PART = "loss", "ahead/", "/"
GIVEN = ("hidden/error-of-mean", "hidden/error-of-interpolation")  # by no weights at all


def steps() -> str:
    """Return the steps of every training."""
    (count,) = {row["steps"] for row in rows(TASKS) if row["steps"] != "0"}
    return f"{int(count):,}"


def clips() -> str:
    """Return how many clips the tasks' own problems are solved on."""
    (count,) = {row["clips"] for row in rows("pretext_outcomes")}
    return count


def below(reference: str) -> str:
    """Name the tasks whose mean accuracy is below that of an embedding that nothing taught."""
    means = {name: mean(found) for name, found in _by_seed().items()}
    trained = _trained(ENCODER)
    return listed(
        f"`{name}`" for name in means if name in trained and means[name] < means[reference]
    )


def several_seeds() -> str:
    """Name the tasks that were trained with more than one seed, with their number of seeds."""
    counts = {name: len(found) for name, found in _by_seed().items() if len(found) > 1}
    return listed(f"`{name}` ({count})" for name, count in counts.items())


def with_other_encoder() -> int:
    """Count the tasks that the other encoder was trained by, too."""
    return len(_trained(OTHER))


def agreement() -> str:
    """Return Spearman's rank correlation of the tasks' means with both encoders."""
    names = sorted(_trained(ENCODER) & _trained(OTHER))
    ranks = []
    for found in (_by_seed(ENCODER), _by_seed(OTHER)):
        means = [mean(found[name]) for name in names]
        ranks.append([sorted(means).index(value) for value in means])
    return decimals(correlation(*ranks), 2)


def _trained(encoder: str) -> set[str]:
    return {row["embedding"] for row in where(TASKS, encoder=encoder) if row["steps"] != "0"}


def _by_seed(encoder: str = ENCODER) -> dict[str, list[float]]:
    """Return the mean accuracy of ten tasks of each embedding, a value for each seed."""
    found: dict[str, list[float]] = {}
    for row in where(TASKS, task=AVERAGE):
        if row["encoder"] in ("", encoder):
            found.setdefault(row["embedding"], []).append(float(row["accuracy"]))
    return found


def outcomes_table() -> str:
    """Tasks: what they log on unheard sound, trained and untrained.

    The loss is left out where there are figures that mean something by themselves, and so are
    parts of `combined`.
    """
    lines = []
    for task in dict.fromkeys(row["task"] for row in rows("pretext_outcomes")):
        for figure in _shown(task):
            (row,) = where("pretext_outcomes", task=task, figure=figure)
            cells = [decimals(row[name], 3) for name in ("trained", "untrained")]
            if figure in GIVEN:
                cells = [cells[0], ""]
            lines.append([f"`{task}`", _words(figure), *cells])
    return markdown(["task", "figure", "trained", "untrained"], lines)


def _shown(task: str) -> list[str]:
    figures = [row["figure"] for row in where("pretext_outcomes", task=task)]
    ahead = [name for name in figures if name.startswith(AHEAD)]
    others = [name for name in figures if name != LOSS and name not in ahead]
    if task == "combined":
        others = [name for name in others if name.startswith(LOSS)]
    return [*(others or [LOSS]), *ahead[:1], *ahead[-1:]]


def _words(figure: str) -> str:
    """Say a name from the log in words: `ahead/120-ms` is the accuracy 120 ms ahead."""
    if figure.startswith(AHEAD):
        return f"accuracy {figure.removeprefix(AHEAD).replace('-', ' ')} ahead"
    return figure.replace("_", " ").replace("-", " ").replace(PART, ": ")
