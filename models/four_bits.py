"""Store the weights of products in 4 bits: half the bytes of 8, and a network that runs frame by frame goes by bytes.

A live network reads every weight once a frame, so on most processors its time is that of reading them. Blocks of
weights of one output share a scale, chosen for the least squared error; the runtime brings each block of the input to
8 bits by itself, and its integer products are exact on every processor (ONNX Runtime, operator MatMulNBits).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

__all__ = ["RUNTIME_DOMAIN", "WEIGHT_BLOCK", "quantise_blocks", "store_four_bits"]

WEIGHT_BLOCK = 32  # weights with one scale: 4.5 bits a weight with it in half precision, 5 in single
LEVELS = 8  # of each sign
RUNTIME_DOMAIN = "com.microsoft"
INTEGERS = 4  # accuracy level: inputs in 8 bits
CLIPS = np.linspace(0.7, 1.1, 17, dtype=np.float32)  # scales that are tried, against that of the largest weight

Floats = npt.NDArray[np.float32]


def quantise_blocks(weights: Floats) -> tuple[npt.NDArray[np.uint8], Floats]:
    """Return 4-bit numbers (output, block, two a byte) and scales (output, block) of weights (input, output)."""
    n_in, n_out = weights.shape
    n_blocks = -(-n_in // WEIGHT_BLOCK)
    padded = np.zeros((n_out, n_blocks * WEIGHT_BLOCK), np.float32)
    padded[:, :n_in] = weights.T
    blocks = padded.reshape(n_out, n_blocks, WEIGHT_BLOCK)
    largest = np.take_along_axis(blocks, np.abs(blocks).argmax(2)[..., None], 2)
    largest[largest == 0] = LEVELS
    least = np.full((n_out, n_blocks, 1), np.inf, np.float32)
    scales, numbers = np.empty_like(largest), np.empty_like(blocks)
    for clip in CLIPS:
        scale = _short(largest * (clip / -LEVELS))  # the largest one is -8 of its scale, for there is no 8
        number = np.clip(np.rint(blocks / scale), -LEVELS, LEVELS - 1)
        error = np.square(number * scale - blocks).sum(2, keepdims=True)
        better = error < least
        least, scales = np.where(better, error, least), np.where(better, scale, scales)
        numbers = np.where(better, number, numbers)
    codes = (numbers + LEVELS).astype(np.uint8)
    pairs = (codes[..., 0::2] + codes[..., 1::2] * 16).astype(np.uint8)
    return pairs, scales[..., 0]


def _short(scales: Floats) -> Floats:
    """Round to half precision, in which they are stored then, what it holds to 11 bits."""
    usual = np.finfo(np.float16)
    fits = (np.abs(scales) >= usual.smallest_normal) & (np.abs(scales) <= usual.max)
    with np.errstate(over="ignore"):
        return np.where(fits, scales.astype(np.float16), scales).astype(np.float32)


def store_four_bits(model: onnx.ModelProto) -> None:
    """Turn each product of a matrix of weights, with the sum that follows it, into one of 4-bit weights."""
    graph = model.graph
    arrays = {one.name: one for one in graph.initializer}
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    nodes: list[onnx.NodeProto] = []
    merged: set[int] = set()
    for node in graph.node:
        if id(node) in merged:
            continue
        if not _is_product(node, arrays):
            nodes.append(node)
            continue
        following = readers.get(node.output[0], [])
        bias = _bias(following[0], arrays) if len(following) == 1 else None
        if bias is not None:
            merged.add(id(following[0]))
        nodes.append(_product(graph, node, following[0] if bias is not None else None, bias))
    del graph.node[:]
    graph.node.extend(nodes)
    used = {name for node in nodes for name in node.input}
    kept = [one for one in graph.initializer if one.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    model.opset_import.append(helper.make_opsetid(RUNTIME_DOMAIN, 1))


def _is_product(node: onnx.NodeProto, arrays: dict[str, onnx.TensorProto]) -> bool:
    weights = arrays.get(node.input[1]) if node.op_type == "MatMul" else None
    return weights is not None and len(weights.dims) == 2


def _bias(node: onnx.NodeProto, arrays: dict[str, onnx.TensorProto]) -> str | None:
    """Return the vector that a sum adds, if it is one."""
    names = [name for name in node.input if name in arrays and len(arrays[name].dims) == 1]
    return names[0] if node.op_type == "Add" and len(names) == 1 else None


def _product(
    graph: onnx.GraphProto, node: onnx.NodeProto, following: onnx.NodeProto | None, bias: str | None
) -> onnx.NodeProto:
    """Make the product of a node in 4 bits, and put its weights into the graph."""
    name = node.input[1]
    weights = numpy_helper.to_array(next(one for one in graph.initializer if one.name == name))
    names = [f"{name}_four_bits", f"{name}_scales"]
    if all(one.name != names[0] for one in graph.initializer):
        codes, scales = quantise_blocks(weights.astype(np.float32))
        graph.initializer.append(numpy_helper.from_array(codes, names[0]))
        graph.initializer.append(numpy_helper.from_array(scales, names[1]))
    inputs = [node.input[0], *names, *(("", "", bias) if bias else ())]
    return helper.make_node(
        "MatMulNBits",
        inputs,
        [(following or node).output[0]],
        name=node.name,
        domain=RUNTIME_DOMAIN,
        K=weights.shape[0],
        N=weights.shape[1],
        bits=4,
        block_size=WEIGHT_BLOCK,
        accuracy_level=INTEGERS,
    )
