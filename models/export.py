"""Export networks from torch to the files that the engine runs: ONNX with its state as inputs and outputs.

What the engine must know to run a network is written into the file as metadata.
"""

from __future__ import annotations

import json
import logging
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from torch import Tensor, nn

from engine.core.errors import ModelError
from engine.inference.network import Network
from models.four_bits import store_four_bits
from models.weight_bits import FLOAT_BITS, WEIGHT_BITS

__all__ = [
    "HALF",
    "Graph",
    "Streams",
    "check_graph",
    "export_graph",
    "put_first",
    "store_half",
    "store_unsigned",
]

OPSET = 18
HALF = ".half"  # ends the name of what is stored in half precision
SMALLEST = 64  # values from which on an array is stored in half precision

Streams = Tensor | Mapping[str, Tensor]  # the first input of a graph, or several by name

# Which inputs of an operator are 8-bit weights and their zero points.
SIGNED_INPUTS = {"MatMulInteger": (1, 3), "ConvInteger": (1, 3), "DynamicQuantizeLSTM": (1, 2, 9, 11)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """A module and how its inputs and outputs are called.

    inputs: name and an example, in the module's order; a state is called NAME_in and comes back as NAME_out;
    dynamic: which axis of which input or output may have any length, as {"magnitude": {0: "frame"}};
    small: of what the 8-bit weights are, by parts of the names of its products; all of it if there is none;
    few_bits: the fewest bits of a weight that cost the network no quality, 4 or 8.
    """

    module: nn.Module
    inputs: Mapping[str, Tensor]
    outputs: Sequence[str]
    dynamic: Mapping[str, Mapping[int, str]]
    small: Sequence[str] = ()
    few_bits: int = 8


def export_graph(graph: Graph, path: Path, metadata: Mapping[str, Any], *, bits: int = FLOAT_BITS) -> None:
    """Write `path`: the graph, with weights of so many bits, and every value of the metadata as JSON."""
    if bits < graph.few_bits:
        raise ModelError(str(path), expected=f"{graph.few_bits} bits of a weight, or more", got=str(bits))
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own deprecations: dynamo freezes the frame axis, so not yet
        plain, small = Path(folder, "plain.onnx"), Path(folder, "small.onnx")
        torch.onnx.export(
            graph.module.eval(),
            tuple(graph.inputs.values()),
            str(plain),
            dynamo=False,
            opset_version=OPSET,
            input_names=list(graph.inputs),
            output_names=list(graph.outputs),
            dynamic_axes={name: dict(axes) for name, axes in graph.dynamic.items()},
        )
        if bits == 8:
            with _without_advice():
                _quantise(plain, small, graph.small)
        model = onnx.load(str(small if bits == 8 else plain))
    if bits == 8:
        store_unsigned(model)
    if bits == 4:
        store_four_bits(model)
    values = {**metadata, "opset": OPSET, "precision": WEIGHT_BITS[bits]}
    onnx.helper.set_model_props(model, {name: json.dumps(value) for name, value in values.items()})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString(deterministic=True))
    if bits == 4:
        store_half(path)  # the scales


@contextmanager
def _without_advice() -> Iterator[None]:
    """Keep back the quantiser's advice to prepare the graph beforehand: who exports a network cannot follow it."""
    root = logging.getLogger()
    root.addFilter(_is_no_advice)
    try:
        yield
    finally:
        root.removeFilter(_is_no_advice)


def _is_no_advice(record: logging.LogRecord) -> bool:
    return "pre-processing" not in record.getMessage()


def _quantise(plain: Path, small: Path, parts: Sequence[str]) -> None:
    """8-bit weights: channel by channel, which is 4 to 7 dB nearer the float ones, or all alike, of `parts` alone."""
    if not parts:
        quantize_dynamic(plain, small, weight_type=QuantType.QInt8, per_channel=True)
        return
    products = [node.name for node in onnx.load(str(plain)).graph.node if node.op_type == "MatMul"]
    chosen = [name for name in products if any(part in name for part in parts)]
    quantize_dynamic(plain, small, weight_type=QuantType.QInt8, nodes_to_quantize=chosen)


def store_unsigned(model: onnx.ModelProto) -> None:
    """Store the 8-bit weights of `model` as unsigned numbers with zero point 128; no weight changes its value.

    On x86 processors without VNNI the runtime multiplies unsigned activations by signed weights with an instruction
    that saturates in 16 bits, so results depend on the processor; products of unsigned numbers are exact on all
    (ONNX Runtime, "Quantize ONNX models", on the choice of formats). ModelError if other signed numbers are left.
    """
    signed = {one.name: one for one in model.graph.initializer if one.data_type == onnx.TensorProto.INT8}
    inputs = [node.input[i] for node in model.graph.node for i in SIGNED_INPUTS.get(node.op_type, ())]
    for one in (signed.pop(name) for name in dict.fromkeys(inputs) if name in signed):
        shifted = onnx.numpy_helper.to_array(one).astype(np.int16) + 128
        one.CopyFrom(onnx.numpy_helper.from_array(shifted.astype(np.uint8), one.name))
    if signed:
        raise ModelError("8-bit weights", expected="those of products and LSTMs", got=", ".join(signed)[:120])


def store_half(path: Path, *, rounded: bool = False) -> None:
    """Store in half precision what it holds exactly, or if `rounded` every large array that it holds the range of.

    The runtime casts it back once, when it loads the file, so that a step costs what it did.
    """
    model = onnx.load(str(path))
    casts = []
    for one in model.graph.initializer:
        if one.data_type != onnx.TensorProto.FLOAT:
            continue
        array = onnx.numpy_helper.to_array(one)
        with np.errstate(over="ignore"):
            half = array.astype(np.float16)
        exact = np.array_equal(half.astype(np.float32), array)
        if array.size < SMALLEST or not (exact or (rounded and np.isfinite(half).all())):
            continue
        name = one.name
        one.CopyFrom(onnx.numpy_helper.from_array(half, name + HALF))
        casts.append(onnx.helper.make_node("Cast", [name + HALF], [name], to=onnx.TensorProto.FLOAT))
    put_first(model, casts)
    path.write_bytes(model.SerializeToString(deterministic=True))


def put_first(model: onnx.ModelProto, nodes: Sequence[onnx.NodeProto]) -> None:
    """Put nodes before all others."""
    everything = [*nodes, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(everything)


def check_graph(
    graph: Graph, path: Path, stream: Streams, *, block: int, kind: str, unit: float | None = None
) -> float:
    """Return the largest error of the file, run block by block, against the module on the whole `stream` at once.

    stream: the first input, time on axis 0; or several by name, in the graph's order, also of different rates
    block: rows of the first input at a time
    unit: what the error is divided by; by default the standard deviation of the module's first output
    """
    streams = {next(iter(graph.inputs)): stream} if isinstance(stream, Tensor) else stream
    with torch.no_grad():
        zeros = [torch.zeros_like(example) for name, example in graph.inputs.items() if name not in streams]
        answer = graph.module.eval()(*streams.values(), *zeros)
        expected = (answer[0] if zeros else answer).numpy()
    network = Network(path, kind)
    length = len(next(iter(streams.values())))
    blocks = {name: each.split(block * len(each) // length) for name, each in streams.items()}
    turns = zip(*blocks.values(), strict=True)
    runs = [network.run({name: part.numpy() for name, part in zip(blocks, parts, strict=True)}) for parts in turns]
    got = np.concatenate([out[graph.outputs[0]] for out in runs])
    if got.shape != expected.shape:
        raise ModelError(str(path), expected=f"outputs of shape {expected.shape}", got=str(got.shape))
    return float(np.abs(got - expected).max() / (expected.std() if unit is None else unit))
