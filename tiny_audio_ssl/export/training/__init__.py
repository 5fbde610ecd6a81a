"""Training inside ExecuTorch, on the device. Separate, because it relies on private parts of
PyTorch.

- `to_training`: export a run's pretext task with its gradients
- `frozen_norm`: batch norm with frozen statistics
- `joint_graph`: one graph for loss and gradients
- `decompositions`: operators that the runtime can differentiate
- `places`: where each value of an output comes from
- `pytorch_private`: every private part of PyTorch and ExecuTorch that these use
- `training_reference`: a training artifact's outputs for reference inputs
- `on_device_trainer`: run a training artifact
"""
