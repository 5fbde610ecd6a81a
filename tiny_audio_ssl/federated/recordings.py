"""The recordings of a client: its own folder, or in a simulation its part of a corpus."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from tiny_audio_ssl.data.cache import Recordings, open_cache
from tiny_audio_ssl.data.corpus import open_corpus
from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.federated.config import FederatedConfig, Value
from tiny_audio_ssl.federated.partitions import partition
from tiny_audio_ssl.training.run_recordings import check_columns, long_enough

AUDIO = "audio"  # the key of a client's node config that names its folder or manifest
CANNOT_TAKE_PART = "this client can't take part: "  # in its log, before the reason


def client_recordings(
    config: FederatedConfig, node_config: Mapping[str, Value], client_index: int
) -> Recordings:
    """Open the recordings of `node_config["audio"]`, or the client's part of `config.source`.

    Raises `UserError` when there are none that the task can use.
    """
    if audio := node_config.get(AUDIO):
        return open_recordings(str(audio), config)
    if "partition-id" not in node_config:
        raise UserError(
            "this client has no recordings: start its flower-supernode with "
            f"--node-config '{AUDIO}=\"/folder/of/recordings\"'"
        )
    return open_recordings(config.source, config).select(_partitions(config)[client_index])


# A simulation's process plays many clients, and asks for the same corpus every time.
@lru_cache(maxsize=2)
def open_recordings(source: str, config: FederatedConfig) -> Recordings:
    """Open the recordings of a folder or manifest that are long enough for the task.

    Raises `UserError` also if the manifest lacks a column that the task needs.
    """
    corpus, settings = open_corpus(source), config.pretrain()
    check_columns(corpus, settings)
    recordings = open_cache(corpus, config.cache_folder, progress=False)
    return long_enough(recordings, settings)


@lru_cache(maxsize=2)
def _partitions(config: FederatedConfig) -> list[list[int]]:
    return partition(open_recordings(config.source, config).clips, config)


def all_recordings(config: FederatedConfig) -> Recordings:
    """Return the recordings of all simulated clients, client by client."""
    indices = [index for part in _partitions(config) for index in part]
    return open_recordings(config.source, config).select(indices)


def partition_sizes(config: FederatedConfig) -> list[int]:
    """Return the number of recordings of each simulated client, decoding those that are new.

    Raises `UserError` for whatever the clients would fail on.
    """
    return [len(part) for part in _partitions(config)]
