"""Small convolutional encoders, log-mel [B, 1, bands, frames] -> embedding [B, D]."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from tiny_audio_ssl.errors import UserError
from tiny_audio_ssl.models.bodies import ENCODERS, BuildBody, halved, is_conv, never_negative
from tiny_audio_ssl.models.encoder_config import EncoderConfig
from tiny_audio_ssl.models.frontend import LogMel
from tiny_audio_ssl.models.pooling import AttentivePooling
from tiny_audio_ssl.models.readout import Readout
from tiny_audio_ssl.utils.threads import compute_in_forked_processes

compute_in_forked_processes()


class Encoder(nn.Module):
    """A body of convolutions, pooling over the remaining frames, and perhaps a linear layer.

    Takes any number of frames, at least one. Pretext tasks train `forward`, of size
    `feature_dim`; the embedding that leaves the model comes from `embed`, of size `embedding_dim`.
    """

    def __init__(self, config: EncoderConfig, bands: int, body: BuildBody | None = None) -> None:
        """Build the encoder for log-mels of `bands` bands.

        `body` stands in for the one that `config.name` names, to try out an architecture that is
        not in ENCODERS.
        """
        super().__init__()
        self.config = config
        made = (body or ENCODERS[config.name])(config)
        self.body, self.channels, self.halvings = made.blocks, made.channels, made.halvings
        self.middle, self.float_blocks = made.middle, made.float_blocks
        self.frontend = made.frontend
        self.bands = bands
        self.rows = halved(bands, made.halvings)
        pooled = self.channels if config.pooling == "max" else 2 * self.channels * self.rows
        self.feature_dim = config.projection_dim or (128 if config.pooling == "max" else pooled)
        self.attention: AttentivePooling | None = None
        if config.pooling == "attention":
            self.attention = AttentivePooling(self.channels * self.rows)
        plain = config.pooling != "max" and config.projection_dim is None
        self.project = nn.Identity() if plain else nn.Linear(pooled, self.feature_dim)
        if config.middle_scale == "log" and not never_negative(self.body):
            raise UserError(
                f"middle_scale log: the maps of {config.name} may be negative, since a block does "
                "not end in a ReLU; choose linear"
            )
        middle_block = self.body[made.middle]
        self.middle_channels = [m.out_channels for m in middle_block.modules() if is_conv(m)][-1]
        middle_shape = (self.middle_channels, halved(bands, made.middle_halvings))
        self.readout = Readout(config, bands, middle_shape)
        self.embedding_dim = self.readout.dim(self.feature_dim)

    @property
    def learned_dim(self) -> int:
        """Size of the first part of an embedding, which the weights decide: `last` and `middle`."""
        mel = self.readout.sizes["mel"] if "mel" in self.readout.parts else 0
        return self.embedding_dim - mel

    def forward(self, logmel: Tensor) -> Tensor:
        """[B, 1, bands, frames] -> last layer's embedding of the whole input [B, dim]."""
        return self.pooled(self.maps(logmel)[1])

    def embed(self, logmel: Tensor) -> Tensor:
        """[B, 1, bands, frames] -> embedding with all that the readout takes [B, embedding_dim]."""
        middle, last = self.maps(logmel)
        embedding: Tensor = self.readout(logmel, middle, self.pooled(last))
        return embedding

    def pooled(self, maps: Tensor) -> Tensor:
        """Last maps [B, C, rows, T'] -> embedding of all their columns [B, feature_dim]."""
        if self.config.pooling == "max":
            pooled = maps.amax(dim=(2, 3))
        elif self.attention is not None:
            pooled = self.attention(maps.float()).to(maps.dtype)  # float32 where the maps are half
        else:
            pooled = torch.cat([maps.mean(dim=3), maps.amax(dim=3)], dim=1).flatten(1)
        embedding: Tensor = self.project(pooled)
        return embedding

    def maps(self, logmel: Tensor) -> tuple[Tensor, Tensor]:
        """[B, 1, bands, frames] -> middle and last maps [B, C, rows, T'], slice after slice.

        At the edges of a slice a convolution sees zeros, and short slices are nearly all edge. An
        encoder that was trained on such slices has not seen frames with neighbors.
        """
        size, frames = self.config.slice_frames, logmel.shape[3]
        if size is None or frames < size or (isinstance(frames, int) and frames == size):
            return self._stages(logmel)
        if frames % size == 0:  # an exported graph takes any number of slices
            slices = logmel.reshape(*logmel.shape[:3], -1, size).permute(0, 3, 1, 2, 4)
        else:
            starts = [*range(0, frames - size, size), frames - size]  # the last ends with the input
            slices = torch.stack([logmel[..., start : start + size] for start in starts], dim=1)
        count = slices.shape[1]
        middle, last = self._stages(slices.flatten(0, 1))
        return _joined(middle, count), _joined(last, count)

    def columns(self, frames: int) -> int:
        """Return the number of columns of the maps of `frames` frames."""
        size = min(self.config.slice_frames or frames, frames)
        return -(-frames // size) * halved(size, self.halvings)

    def _stages(self, x: Tensor) -> tuple[Tensor, Tensor]:
        middle = x
        for index, block in enumerate(self.body):
            x = block(x)
            if index == self.middle:
                middle = x
        return middle, x

    def frames(self, logmel: Tensor) -> Tensor:
        """[B, 1, bands, frames] -> an embedding for every column of the last maps [B, T', D].

        Each equals `forward` of that column alone. A column stands for 2 ** halvings frames, or for
        a slice if that is shorter.
        """
        _, maps = self.maps(logmel)
        columns = maps.permute(0, 3, 1, 2)  # [B, T', C, rows]
        embeddings = self.pooled(columns.flatten(0, 1).unsqueeze(3))
        return embeddings.reshape(*columns.shape[:2], -1)


class WaveformEncoder(nn.Module):
    """Front-end and encoder in one, as a phone runs them: samples [B, N] -> embedding [B, D]."""

    def __init__(self, frontend: LogMel, encoder: Encoder) -> None:
        super().__init__()
        self.frontend = frontend
        self.encoder = encoder

    def forward(self, waveform: Tensor) -> Tensor:
        return self.encoder.embed(self.frontend(waveform))

    def constant(self) -> WaveformEncoder:
        """Return the same model with constant filters in the front-end, as exports have it."""
        return WaveformEncoder(self.frontend.constant(), self.encoder).train(self.training)


class LogMelEncoder(nn.Module):
    """The encoder for phones that make the log-mel: [B, 1, bands, frames] -> embedding [B, D]."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, logmel: Tensor) -> Tensor:
        return self.encoder.embed(logmel)


def _joined(maps: Tensor, slices: int) -> Tensor:
    """Join the maps of slices [B * slices, C, R, T] in time, to [B, C, R, slices * T]."""
    apart = maps.reshape(-1, slices, *maps.shape[1:])
    return apart.permute(0, 2, 3, 1, 4).flatten(3)


def parameter_count(module: nn.Module) -> int:
    """Return the number of parameters."""
    return sum(p.numel() for p in module.parameters())


def multiply_adds(module: nn.Module, *example: Tensor) -> int:
    """Count the multiply-adds of one pass, in convolutions and matrix products, with PyTorch."""
    training = module.training
    counter = _FlopCounter()
    with torch.no_grad(), counter:
        module.eval()(*example)
    module.train(training)
    return counter.flops // 2


class _FlopCounter(TorchDispatchMode):  # type: ignore[no-untyped-call]  # PyTorch lacks types
    """Count operations by PyTorch's formulas. Its own counter imports its compiler to do so."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # PyTorch lacks types
        self.flops = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:  # which takes the compiler
        return False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        if count := flop_registry.get(func.overloadpacket):
            self.flops += int(count(*args, **kwargs, out_val=out))
        return out
