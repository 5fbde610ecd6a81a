"""Federated pre-training with Flower: the same tasks, on devices that keep their recordings.

```
server_app -> rounds -> strategies                 client_app -> local (trains) -> encoding
                |-> inspection, privacy, secure                    |-> recordings <- partitions
                |-> global_model (checkpoints)             local -> backends (eager, ExecuTorch)
simulate, loopback: start all of it on one machine (processes, credentials)
```
"""
