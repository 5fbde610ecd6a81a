"""Quality: probes of ten tasks, readouts, the search over tasks, sounds taught by examples."""

from __future__ import annotations

from statistics import mean, median

from tables.rows import (
    Row,
    accuracy,
    between,
    decimals,
    listed,
    markdown,
    only,
    over_seeds,
    rows,
    where,
)
from tiny_audio_ssl.models.names import shipped

AVERAGE = "average"
READOUTS = ("last", "last middle", "last middle mel")
DEFAULT_READOUT, SOUNDS_TASK = "last middle", "ESC-50 fold 4"
NAMES = {"supervised": "supervised, from scratch", "multi-head": "supervised, multi-head"}
SHORT = {
    "ESC-50 fold 4": "ESC-50 f4",
    "speech commands": "commands",
    "LibriSpeech speaker": "Libri speaker",
    "EmoDB emotion": "emotion",
    "instrument family": "family",
}


def mean_accuracy(embedding: str, encoder: str) -> float:
    """Return the mean accuracy of the ten tasks, and of all seeds."""
    found = where("quality", task=AVERAGE, embedding=embedding, encoder=encoder)
    return mean(float(row["accuracy"]) for row in found)


def encoders() -> list[str]:
    """Return the encoders that were measured."""
    return [name for name in dict.fromkeys(row["encoder"] for row in rows("quality")) if name]


def quality_table(encoder: str, file: str = "quality", best_first: bool = False) -> str:
    """Embeddings x tasks, with one encoder, and those of other models; means over seeds."""
    tasks = list(dict.fromkeys(row["task"] for row in rows(file)))
    found = [row for row in rows(file) if row["encoder"] in ("", encoder)]
    own = {
        name: {
            task: [r["accuracy"] for r in found if (r["embedding"], r["task"]) == (name, task)]
            for task in tasks
        }
        for name in dict.fromkeys(row["embedding"] for row in found)
    }
    if best_first:
        own = dict(sorted(own.items(), key=lambda one: -mean(map(float, one[1][AVERAGE]))))
    lines = []
    for name, accuracies in own.items():
        figures = [accuracy(mean(map(float, accuracies[task]))) for task in tasks[:-1]]
        lines.append([NAMES.get(name, name), *figures, f"**{over_seeds(accuracies[AVERAGE])}**"])
    header = [SHORT.get(task, task) for task in tasks[:-1]]
    return markdown(["embedding", *header, "**mean**"], lines)


def recovery_table() -> str:
    """Embeddings x encoders: mean accuracy and recovery."""
    found = [row for row in where("quality", task=AVERAGE) if row["encoder"]]
    lines = []
    for name in dict.fromkeys(row["embedding"] for row in found):
        cells = [NAMES.get(name, name)]
        for encoder in encoders():
            own = where("quality", task=AVERAGE, embedding=name, encoder=encoder)
            known = [float(row["recovery"]) for row in own if row["recovery"]]
            cells.append(over_seeds(row["accuracy"] for row in own) if own else "")
            cells.append(decimals(mean(known), 2) if known else "")
        lines.append(cells)
    header = [text for encoder in encoders() for text in (f"`{encoder}` mean", "recovery")]
    return markdown(["embedding", *header], lines)


def half_width() -> str:
    """Return the median half-width of the 95 % intervals."""
    known = [row for row in rows("quality") if row["low_95"]]
    widths = [(float(row["high_95"]) - float(row["low_95"])) / 2 for row in known]
    return decimals(median(widths), 2)


def nothing_to_recover(encoder: str) -> int:
    """Count the tasks where supervised training does not beat random weights."""
    found = where("quality", encoder=encoder, embedding="temporal-gap")
    beaten = {row["task"] for row in found if row["recovery"]}
    return len({row["task"] for row in found} - beaten)


def below(encoder: str, reference: str) -> str:
    """Name the pretext tasks whose mean accuracy is below that of a reference."""
    limit = mean_accuracy(reference, "")
    trained = [
        row["embedding"]
        for row in where("quality", task=AVERAGE, encoder=encoder)
        if row["steps"] != "0" and row["protocol"] == "linear"
    ]
    names = [name for name in dict.fromkeys(trained) if mean_accuracy(name, encoder) < limit]
    return listed(names)


def readout_table() -> str:
    """Readouts x runs: mean accuracy of ten tasks, size of the embedding, and time."""
    found = where("readout", task=AVERAGE)
    runs = list(dict.fromkeys((row["pretext"], row["encoder"]) for row in found))
    timed = {row["model"] for row in rows("readout_time")}
    lines = []
    for readout in dict.fromkeys(row["readout"] for row in found):
        cells = [readout]
        for pretext, encoder in runs:
            same = {"readout": readout, "pretext": pretext, "encoder": encoder}
            row = next(iter(where("readout", task=AVERAGE, **same)), None)
            cells += [accuracy(row["accuracy"]), row["dim"]] if row else ["", ""]
            if encoder in timed:
                times = where("readout_time", model=encoder, readout=readout)
                cells.append(decimals(times[0]["times_of_last"], 2) if times else "")
        lines.append(cells)
    header = []
    for pretext, encoder in runs:
        header += [f"{pretext}, `{encoder}`", "size", *(["time"] if encoder in timed else [])]
    return markdown(["readout", *header], lines)


def readout_accuracy(encoder: str, readout: str, task: str) -> str:
    """Return the accuracy of one task with a readout."""
    return accuracy(only("readout", encoder=encoder, readout=readout, task=task)["accuracy"])


def readout_time_added(readout: str, than: str) -> str:
    """Return by how many percent a readout takes longer than another, over the timed models."""
    added = []
    for row in where("readout_time", readout=readout):
        other = only("readout_time", model=row["model"], readout=than)
        added.append(100 * (float(row["times_of_last"]) / float(other["times_of_last"]) - 1))
    return between(added, 0)


def readout_gain(readout: str, than: str) -> str:
    """Return how many points of accuracy a readout is better than another, over the runs of
    pretext tasks; not over the models of the package."""
    gains = []
    for row in where("readout", task=AVERAGE, readout=readout):
        if row["encoder"] in shipped():
            continue
        same = {"pretext": row["pretext"], "encoder": row["encoder"]}
        other = only("readout", task=AVERAGE, readout=than, **same)
        gains.append(100 * (float(row["accuracy"]) - float(other["accuracy"])))
    return between(gains)


def search_table() -> str:
    """Trials: weights, validation and test accuracy with their intervals."""
    weights = [name for name in rows("search")[0] if name.startswith("weight/")]

    def figure(row: Row, part: str) -> str:
        value, low, high = (accuracy(row[f"{part}/{key}"]) for key in ("accuracy", "low", "high"))
        return f"{value} [{low}, {high}]"

    lines = [
        [
            row["trial"],
            *(f"{float(row[name]):g}" if float(row[name]) else "" for name in weights),
            figure(row, "validation"),
            figure(row, "test"),
        ]
        for row in rows("search")
    ]
    names = [name.removeprefix("weight/") for name in weights]
    return markdown(["trial", *names, "validation", "test"], lines)


def few_shot_table() -> str:
    """Models x kinds of sound x ways to compare: shares with three examples."""
    lines = []
    for row in where("few_shot", examples="3"):
        shares = [percent(row, name) for name in ("correct", "wrong", "others_unknown")]
        best = [percent(row, f"{name}_at_80_unknown") for name in ("correct", "wrong")]
        lines.append(
            [row["model"], row["task"], row["way"], decimals(row["limit"], 2), *shares, *best]
        )
    header = ["encoder", "taught", "way to compare", "limit", "named rightly", "wrongly"]
    at_80 = ["rightly, with 80 % of others unknown", "wrongly"]
    return markdown([*header, "others unknown", *at_80], lines)


def page_few_shot_table() -> str:
    """Artifacts x kinds of sound x places: shares with three examples."""
    lines = [
        [
            *(row[name] for name in ("artifact", "task", "where")),
            *(percent(row, name) for name in ("correct", "wrong", "others_unknown")),
        ]
        for row in where("page_few_shot", examples="3")
    ]
    header = ["artifact", "taught", "where", "named rightly", "wrongly", "others unknown"]
    return markdown(header, lines)


def percent(row: Row, share: str) -> str:
    """Return a share in percent, with its range over the draws where that is known."""
    text = f"{100 * float(row[share]):.0f} %"
    if f"{share}_low_95" not in row:
        return text
    low, high = (100 * float(row[f"{share}_{end}_95"]) for end in ("low", "high"))
    return f"{text} [{low:.0f}, {high:.0f}]"


def few_labels_table() -> str:
    """Ways to learn x numbers of labels: mean accuracy over the draws, and its range."""
    found = rows("few_labels")
    shares = sorted({row["share"] for row in found}, key=float)
    lines = []
    for way in dict.fromkeys(row["way"] for row in found):
        cells = []
        for share in shares:
            values = [float(r["accuracy"]) for r in where("few_labels", way=way, share=share)]
            mean = decimals(sum(values) / len(values), 3)
            ends = [decimals(end, 3) for end in (min(values), max(values))]
            cells.append(mean if len(values) == 1 else f"{mean} [{', '.join(ends)}]")
        lines.append([way, *cells])
    counts = [where("few_labels", share=share)[0]["labels"] for share in shares]
    return markdown(["way to learn", *(f"{count} labels" for count in counts)], lines)


def estimate_correlation() -> str:
    """Return the mean over tasks of the correlation of estimated and measured ranks."""
    firsts = {row["task"]: row["correlation"] for row in rows("estimate")}
    return decimals(mean(float(found) for found in firsts.values() if found), 2)


def estimate_spread() -> str:
    """Return by how many points of accuracy the best worker of a task beats the worst."""
    spreads = []
    for task in dict.fromkeys(row["task"] for row in rows("estimate")):
        own = [100 * float(row["accuracy"]) for row in where("estimate", task=task)]
        spreads.append(max(own) - min(own))
    return between(spreads, 0)


def estimate_table() -> str:
    """Tasks: the correlation of estimated and measured ranks, and the workers that each names."""
    lines = []
    for task in dict.fromkeys(row["task"] for row in rows("estimate")):
        own = where("estimate", task=task)
        estimated = min(own, key=lambda row: float(row["dependence"]))["worker"]
        measured = max(own, key=lambda row: float(row["accuracy"]))["worker"]
        figures = [decimals(own[0]["correlation"], 2), f"`{estimated}`", f"`{measured}`"]
        lines.append([task, *figures])
    header = ["correlation of ranks", "best by the estimate", "best measured"]
    return markdown(["task", *header], lines)


def ablations_table() -> str:
    """Variants of the recipe: seeds, mean accuracy of ten tasks by readout, and of ESC-50."""
    lines = []
    for variant in dict.fromkeys(row["variant"] for row in rows("ablations")):
        seeds = sorted({row["seed"] for row in where("ablations", variant=variant)})
        cells = [variant, str(len(seeds))]
        for readout in READOUTS:
            cells.append(over_seeds(ablation_means(variant, readout).values()))
        sounds = where("ablations", variant=variant, readout=DEFAULT_READOUT, task=SOUNDS_TASK)
        lines.append([*cells, over_seeds(row["accuracy"] for row in sounds)])
    return markdown(["variant", "seeds", *READOUTS, f"ESC-50, {DEFAULT_READOUT}"], lines)


def ablation_means(variant: str, readout: str) -> dict[str, float]:
    """Return the mean accuracy of the ten tasks by seed."""
    found = where("ablations", variant=variant, readout=readout)
    return {
        seed: mean(float(row["accuracy"]) for row in found if row["seed"] == seed)
        for seed in sorted({row["seed"] for row in found})
    }
