"""The recordings of one device: its own folder, or in a simulation its part of a corpus."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from tiny_audio_ssl.data.cache import Recordings, open_cache
from tiny_audio_ssl.data.corpus import open_corpus
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.federated.config import FederatedConfig, Value
from tiny_audio_ssl.federated.partitions import partition
from tiny_audio_ssl.training.run_recordings import long_enough

AUDIO = "audio"  # the key of a device's node config that names its folder or manifest


def recordings_of(config: FederatedConfig, node: Mapping[str, Value], rank: int) -> Recordings:
    """What a device trains on: of `node["audio"]`, or part `rank` of `config.source`.

    Raises `UserError` when there is nothing that the task can use.
    """
    if audio := node.get(AUDIO):
        return opened(str(audio), config)
    if "partition-id" not in node:
        raise UserError(
            "this device has no recordings: start its flower-supernode with "
            f"--node-config '{AUDIO}=\"/folder/of/recordings\"'"
        )
    return opened(config.source, config).select(_parts(config)[rank])


# A simulation's process plays many devices, and asks for the same corpus every time.
@lru_cache(maxsize=2)
def opened(source: str, config: FederatedConfig) -> Recordings:
    """The recordings of a folder or manifest that are long enough for the task."""
    recordings = open_cache(open_corpus(source), config.cache_folder, progress=False)
    return long_enough(recordings, config.pretrain())


@lru_cache(maxsize=2)
def _parts(config: FederatedConfig) -> list[list[int]]:
    return partition(opened(config.source, config).clips, config)


def all_recordings(config: FederatedConfig) -> Recordings:
    """What all simulated devices have together."""
    return opened(config.source, config).select([i for part in _parts(config) for i in part])


def check_source(config: FederatedConfig) -> list[int]:
    """Recordings on each simulated device; raises what the devices would. Decodes what is new."""
    return [len(part) for part in _parts(config)]
