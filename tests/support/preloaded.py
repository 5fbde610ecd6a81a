"""Imported once by the process that `support.programs` forks from."""

from tiny_audio_ssl.training import runs

__all__ = ["runs"]
