"""Static int8: PT2E with the XNNPACK quantizer for .pte, ONNX Runtime's QDQ for .onnx.

Weights have a scale per channel, activations a scale per tensor, from real windows. Four parts
stay float32. The front-end: a power spectrum spans eight decades and int8 two, so its embedding
would be destroyed. The encoder's first blocks (`Body.float_blocks`): they have few of the weights
and the largest maps, and their rounding errors pass through all that follows. And attention and
heads, which are small.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor, nn

from tiny_audio_ssl.export.lowering import program
from tiny_audio_ssl.models.bodies import convolution_count
from tiny_audio_ssl.models.encoders import Encoder
from tiny_audio_ssl.utils.extras import require

MOST_AT_ONCE = 4096  # windows
GAINS = (1.0, 0.1, 0.01, 3.0)  # a phone is held nearer to a sound, or farther away
FEWEST_SHARED = 1024  # values; scales and zero points are fewer
SMALLEST_SCALE = 2**-12  # XNNPACK's requantization loses precision below


def at_gains(waveforms: Tensor) -> Tensor:
    """Return waveforms [B, N] at each of `GAINS`, clipped to -1..1: [len(GAINS) * B, N]."""
    return torch.cat([(gain * waveforms).clamp(-1, 1) for gain in GAINS])


def quantized_graph(
    network: nn.Module,
    calibration: Tensor,
    example: Tensor | None = None,
    dims: Mapping[int, Any] | None = None,
) -> nn.Module:
    """Return `network` (batch norm folded) as a graph with quantizers in it.

    Args:
        calibration: inputs [B, ...] whose ranges the activations get.
        example: an input of the largest size; for other sizes in the axes `dims`.

    Raises `UserError` without the extra `executorch`.
    """
    require("executorch.exir", "executorch")
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

    any_batch = {0: torch.export.Dim("batch", min=1, max=MOST_AT_ONCE)}
    example = calibration if example is None else example
    two = example[:1].expand(2, *example.shape[1:]).contiguous()  # 1 would be the only size
    graph = program(network, two, dims=any_batch | dict(dims or {})).module()
    _weights_apart(graph)
    observed = prepare_pt2e(graph, _xnnpack_quantizer(encoder_in(network).float_blocks))
    with torch.no_grad():
        observed(calibration)
    return _without_unused(_weights_once(convert_pt2e(observed)))


def encoder_in(network: nn.Module) -> Encoder:
    return next(module for module in network.modules() if isinstance(module, Encoder))


def _xnnpack_quantizer(float_blocks: int) -> Any:
    """Return the quantizer of .pte: all of an encoder but the parts that stay float32."""
    from executorch.backends.xnnpack.quantizer import xnnpack_quantizer as xnnpack
    from torchao.quantization.pt2e.observer import MinMaxObserver
    from torchao.quantization.pt2e.quantizer import QuantizationAnnotation
    from torchao.quantization.pt2e.quantizer.quantizer import Q_ANNOTATION_KEY

    class EncoderQuantizer(xnnpack.XNNPACKQuantizer):  # type: ignore[misc]
        # Batch norms are folded. To look for them, the base class would trace twelve graphs.
        SUPPORTED_PATTERNS = tuple(
            pattern
            for pattern in xnnpack.XNNPACKQuantizer.SUPPORTED_PATTERNS
            if "_bn" not in pattern.name
        )

        def annotate(self, model: torch.fx.GraphModule) -> torch.fx.GraphModule:
            """Annotate nodes that stay float32 first: the base class leaves those alone.

            Its own filter lets concatenations through.
            """
            for node in model.graph.nodes:
                if not _stays_float(node, float_blocks):
                    continue
                node.meta[Q_ANNOTATION_KEY] = QuantizationAnnotation(_annotated=True)
            annotated: torch.fx.GraphModule = super().annotate(model)
            return annotated

    config = xnnpack.get_symmetric_quantization_config(is_per_channel=True)
    # The default's histograms clip what is rare, so that loud windows come out wrong: with the
    # whole range the worst window's cosine rises from 0.96 to 0.99.
    activation = replace(
        config.input_activation,
        observer_or_fake_quant_ctr=MinMaxObserver.with_args(eps=SMALLEST_SCALE),
    )
    config = replace(config, input_activation=activation, output_activation=activation)
    return EncoderQuantizer().set_global(config)


def _stays_float(node: torch.fx.Node, blocks: int) -> bool:
    """Return whether a node belongs to a part that stays float32, or to the readout."""
    first = "|".join(map(str, range(blocks)))
    pattern = rf"(^|\.)(frontend|attention|readout|heads|body\.({first}))(\.|$)"
    stack = node.meta.get("nn_module_stack") or {}
    return any(re.search(pattern, path) for path, _ in stack.values())


def _weights_apart(graph: Any) -> None:
    """Give each convolution a node of its own for its weights: the quantizer leaves layers in
    float32 that share one."""
    for node in graph.graph.find_nodes(op="get_attr"):
        users = [user for user in node.users if user.target is torch.ops.aten.conv2d.default]
        for user in users[1:]:
            with graph.graph.inserting_before(user):
                own = graph.graph.get_attr(node.target)
            own.meta = dict(node.meta)
            user.replace_input_with(node, own)
    graph.recompile()


def _weights_once(graph: Any) -> Any:
    """Let layers that share weights share the int8 copies as well."""
    first: dict[tuple[Any, ...], str] = {}
    for node in graph.graph.find_nodes(op="get_attr"):
        owner, _, leaf = node.target.rpartition(".")
        values = getattr(graph.get_submodule(owner), leaf)
        if values.numel() >= FEWEST_SHARED:
            key = (values.shape, values.dtype, values.detach().numpy().tobytes())
            node.target = first.setdefault(key, node.target)
    return graph


def _without_unused(graph: Any) -> nn.Module:
    """Delete the float weights that int8 weights replaced; otherwise, they would stay in the
    artifact."""
    used = {node.target for node in graph.graph.nodes if node.op == "get_attr"}
    for name in [n for n, _ in (*graph.named_parameters(), *graph.named_buffers())]:
        if name not in used:
            owner, _, leaf = name.rpartition(".")
            delattr(graph.get_submodule(owner), leaf)
    return graph  # type: ignore[no-any-return]


def quantize_onnx(
    float_model: Path,
    target: Path,
    network: nn.Module,
    calibration: tuple[Tensor, ...],
    float_linear: bool = False,
) -> None:
    """Write an int8 copy of an .onnx of `network`.

    Args:
        calibration: [B, ...] for each of its inputs.
        float_linear: keep the linear layer behind the convolutions in float32.

    Raises `UserError` without the extra `onnx`.
    """
    require("onnxruntime", "onnx")
    import onnx
    from onnxruntime.quantization import (
        QuantFormat,
        QuantType,
        quantize_static,
    )
    from onnxruntime.quantization.shape_inference import (
        quant_pre_process,
    )

    with TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        # The exporter wrote the shapes; symbolic inference stumbles over its concatenation. What
        # ONNX Runtime would fold here, the front-end's weights, is left for when it loads.
        quant_pre_process(float_model, prepared, skip_symbolic_shape=True, skip_optimization=True)
        graph = onnx.load(prepared).graph
        quantize_static(
            prepared,
            target,
            _calibration_reader([given.name for given in graph.input], calibration),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            # Processors with AVX2 but without VNNI multiply these two kinds by an instruction that
            # adds neighboring products in a saturating int16. Weights of at most 64 can't reach it,
            # whichever two become neighbors: 2 * 64 * 255 = 32,640. The embedding loses 0.5 dB
            # (mobile) to 1.6 dB (separable); wider weights whose two largest of a channel add up
            # to 128 were tried, and came out within 0.2 dB of this.
            reduce_range=True,
            # Twice as fast on x86 as signed ones, alike on ARM; the result is the same.
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["Conv", "Relu", "MaxPool", "Gemm", "MatMul"],
            nodes_to_exclude=_float_nodes(graph, network, float_linear),
        )


def _calibration_reader(names: Sequence[str], calibration: tuple[Tensor, ...]) -> Any:
    """Return ONNX Runtime's reader of the inputs `names`, in batches."""
    from onnxruntime.quantization import CalibrationDataReader

    class CalibrationWindows(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.batches = zip(*(torch.split(given, 16) for given in calibration), strict=True)

        def get_next(self) -> dict[str, Any] | None:
            batch = next(self.batches, None)
            if batch is None:
                return None
            return {name: given.numpy() for name, given in zip(names, batch, strict=True)}

    return CalibrationWindows()


def _float_nodes(graph: Any, network: nn.Module, float_linear: bool) -> list[str]:
    """Return the names of the nodes that stay float32.

    In the graph's order: those before the first quantized convolution, the pooling after the last
    one, and all after the embedding, which are heads. The encoders are chains. Attention consists
    of products behind the convolutions, so with it a linear layer there stays float32 too. The
    readout's products are found by the module names that the exporter notes on its nodes.
    """
    encoder = encoder_in(network)
    count = convolution_count(encoder.body[encoder.float_blocks :])
    float_linear = float_linear or encoder.attention is not None
    kinds = {"MaxPool", "AveragePool"} | ({"Gemm", "MatMul"} if float_linear else set())
    convolutions = [i for i, node in enumerate(graph.node) if node.op_type == "Conv"]
    behind = graph.node[convolutions[-1] :]
    pooling = [node for node in behind if node.op_type in kinds]
    embedding = next(i for i, node in enumerate(graph.node) if graph.output[0].name in node.output)
    heads = graph.node[embedding + 1 :]
    readout = [node for node in behind if _is_in(node, "readout")]
    front = graph.node[: convolutions[-count]]
    return [node.name for node in (*front, *pooling, *readout, *heads)]


def _is_in(node: Any, module: str) -> bool:
    """Return whether an ONNX node was exported from a module of this name, or from one in it."""
    notes = [note.value for note in node.metadata_props if note.key.endswith("name_scopes")]
    return any(re.search(rf"['.]{module}['.]", note) for note in notes)
