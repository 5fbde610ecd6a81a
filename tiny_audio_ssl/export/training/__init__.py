"""Training inside ExecuTorch, on the device.

- `to_training`: export a run's pretext task with its gradients
- `joint_graph`: one graph for loss and gradients
- `decompositions`: operators that the runtime can differentiate
- `on_device_trainer`: run a training artifact
"""
