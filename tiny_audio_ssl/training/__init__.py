"""Pre-training, from recordings to a checkpoint.

- `config`: the settings of a run
- `optimizer`: AdamW, its schedule and its state
- `fabric`: device, precision and processes
- `learner`: one optimizer step of any pretext task
- `clip_counts`: checks that there are enough clips for the task
- `trainer`: the training loop
- `metrics_log`: metrics.jsonl, TensorBoard and the progress bar of a run
- `new_run`: the claim on a run's folder, and what may be replaced in it
- `scalar_events`: scalars for TensorBoard
- `run_settings`: the settings of a checkpoint's run
- `run_task`: its task, with the weights of the checkpoint
- `run_recordings`: the recordings that a run uses
- `start`: the weights that a run begins with
- `runs`: start and resume runs
"""
