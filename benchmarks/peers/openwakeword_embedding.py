"""openWakeWord's speech embedding with the HEAR API: 96 numbers for a sound, 0.33 M parameters.

The network is Google's speech_embedding (Lin et al., arXiv 2002.01322), as the wheel of
openwakeword 0.4.0 ships it in two ONNX files. It looks at 76 frames (0.78 s) and moves on by 8
(80 ms). All its convolutions are unpadded in time, so here it runs over a whole sound at once,
on the audio's device: the same numbers as window after window, at a fraction of the work.

    pip install openwakeword==0.4.0 onnx
    PYTHONPATH=benchmarks/peers tiny-audio-ssl probe --model hear:openwakeword_embedding ...
"""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import Any

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn import functional as F

__version__ = metadata.version("openwakeword")

HOP, WINDOW, FRAMES = 160, 512, 76  # samples from frame to frame, of a frame; frames of a window
INT16 = 32768  # the networks were made for 16-bit samples
RANGE_DB = 80  # quieter than this below the sound's loudest band is cut off


class SpeechEmbedding(nn.Module):
    """[sounds, samples], -1..1, 16 kHz -> the mean over all windows [sounds, 96].

    A sound of less than 0.782 s is padded with zeros at its end.
    """

    dft: Tensor
    filters: Tensor
    sample_rate = 16_000
    scene_embedding_size = 96

    def __init__(self, folder: Path) -> None:
        super().__init__()
        constants = _constants(onnx.load(folder / "melspectrogram.onnx").graph)
        real, imaginary = (constants[f"0.stft.conv_{part}.weight"] for part in ("real", "imag"))
        self.register_buffer("dft", torch.cat([real, imaginary]))  # [2 * 257, 1, 512]
        self.register_buffer("filters", constants["1.melW"].T)  # [32, 257]
        self.network = _network(onnx.load(folder / "embedding_model.onnx").graph)
        # Half the time on a CPU; PyTorch's stubs do not know this argument.
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, audio: Tensor) -> Tensor:
        shortest = WINDOW + (FRAMES - 1) * HOP
        audio = F.pad(audio, (0, max(0, shortest - audio.shape[1])))
        windows: Tensor = self.network(self.spectrogram(audio)[:, None])  # [sounds, 96, n, 1]
        return windows.mean(dim=(2, 3))

    def spectrogram(self, audio: Tensor) -> Tensor:
        """[sounds, samples] -> decibels, scaled as the network knows them [sounds, frames, 32]."""
        spectrum = F.conv1d(INT16 * audio[:, None], self.dft, stride=HOP)
        real, imaginary = spectrum.chunk(2, dim=1)
        power = real.square() + imaginary.square()
        decibels = 10 * torch.log10((self.filters @ power).clamp_min(1e-10))
        loudest = decibels.amax(dim=(1, 2), keepdim=True)
        return torch.maximum(decibels, loudest - RANGE_DB).mT / 10 + 2


def load_model(model_file_path: str = "") -> SpeechEmbedding:
    """The networks in the folder `model_file_path`; left out, those of the installed package."""
    installed = metadata.distribution("openwakeword").locate_file("openwakeword/resources/models")
    return SpeechEmbedding(Path(model_file_path or str(installed))).eval()


def get_scene_embeddings(audio: Tensor, model: SpeechEmbedding) -> Tensor:
    embeddings: Tensor = model(audio)
    return embeddings


def _constants(graph: onnx.GraphProto) -> dict[str, Tensor]:
    return {t.name: torch.from_numpy(numpy_helper.to_array(t).copy()) for t in graph.initializer}


def _network(graph: onnx.GraphProto) -> nn.Sequential:
    """The graph's layers in their order: it is a chain, [sounds, 1, frames, 32] at its start."""
    constants = _constants(graph)
    layers: list[nn.Module] = []
    for node in graph.node:
        given = [constants[name] for name in node.input if name in constants]
        settings = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        layers += _layers(node.op_type, given, settings)
    return nn.Sequential(*layers)


def _layers(kind: str, given: list[Tensor], settings: dict[str, Any]) -> list[nn.Module]:
    if kind == "Pad":
        return [nn.ZeroPad2d((1, 1, 0, 0))]  # the bands, not the time
    if kind == "Reshape":
        return []  # from and to the order of axes that TensorFlow has
    if kind == "Conv":
        return [_convolution(*given, padding=settings.get("pads", (0, 0))[:2])]
    if kind == "BatchNormalization":
        return [_batch_norm(*given, epsilon=settings["epsilon"])]
    if kind == "MaxPool":
        return [nn.MaxPool2d(settings["kernel_shape"], settings["strides"])]
    if kind == "LeakyRelu":
        return [nn.LeakyReLU(settings["alpha"], inplace=True)]
    if kind == "Relu":
        return [nn.ReLU(inplace=True)]
    if kind == "Max":
        return [nn.Hardtanh(min_val=given[0].item(), max_val=torch.inf, inplace=True)]
    raise ValueError(f"embedding_model.onnx: {kind} is not known; is this openwakeword 0.4.0?")


def _convolution(weight: Tensor, bias: Tensor | None = None, *, padding: Any) -> nn.Conv2d:
    o, i, rows, columns = weight.shape
    layer = nn.Conv2d(i, o, (rows, columns), padding=tuple(padding), bias=bias is not None)
    state = {"weight": weight} if bias is None else {"weight": weight, "bias": bias}
    layer.load_state_dict(state)
    return layer


def _batch_norm(
    weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, *, epsilon: float
) -> nn.BatchNorm2d:
    layer = nn.BatchNorm2d(len(weight), eps=epsilon)
    state = {"weight": weight, "bias": bias, "running_mean": mean, "running_var": variance}
    layer.load_state_dict(state, strict=False)
    return layer
