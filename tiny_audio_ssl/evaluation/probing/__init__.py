"""Is the embedding any good? Labelled recordings, honest splits, protocols and their scores.

labelled.open_task(task) -> Labelled             recordings, classes, splits
models.open_model("runs/mine") -> Embeds         what is judged
protocols.evaluate(model, labelled, "linear", store) -> Score
"""
