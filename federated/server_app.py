"""The Flower ServerApp of tiny-audio-ssl."""

from tiny_audio_ssl.federated.server_app import app

__all__ = ["app"]
