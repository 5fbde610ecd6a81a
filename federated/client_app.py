"""The Flower ClientApp of tiny-audio-ssl."""

from tiny_audio_ssl.federated.client_app import app

__all__ = ["app"]
