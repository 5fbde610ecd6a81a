"""Imported once by the process that `support.programs` forks from."""

from tiny_audio_ssl.training import runs
from tiny_audio_ssl.utils.fabric import fabric_class

fabric_class()
__all__ = ["runs"]
