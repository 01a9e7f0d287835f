"""Export of the networks that write music: ONNX files with explicit state, and weights in half precision.

A network has a method `graphs`, which returns its parts by name: the one named "" becomes NAME.onnx, another
NAME-PART.onnx. The first file carries the values and the arrays that the player needs.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from models.export import Graph, export_graph, put_first, store_half

__all__ = [
    "Graphs",
    "count_values",
    "export_parts",
    "layers_of",
    "played",
    "quantised",
    "round_to_small",
    "store_small",
]

KIND = "generator"
LARGE = 1 << 14  # values from which on a matrix is stored in 8 bits
Graphs = dict[str, Graph]
Layer = TypeVar("Layer", bound=nn.Module)


class _Played(nn.Module):
    """One function of a network as a module."""

    def __init__(self, network: nn.Module, function: Callable[..., Any]) -> None:
        super().__init__()
        self.network, self.function = network, function

    def forward(self, *inputs: Tensor) -> Any:
        return self.function(*inputs)


def layers_of(modules: Iterable[nn.Module], kind: type[Layer]) -> list[Layer]:
    """Return the modules of a list that are of one kind, as what they are."""
    return [module for module in modules if isinstance(module, kind)]


def played(
    network: nn.Module, function: Callable[..., Any], inputs: Mapping[str, Tensor], outputs: tuple[str, ...]
) -> Graph:
    """Return the graph of one function of a network.

    inputs: name and an example, in the order of the function's arguments; a state is called NAME_in
    outputs: names of what it returns; the state comes back as NAME_out
    """
    return Graph(module=_Played(network, function), inputs=inputs, outputs=outputs, dynamic={})


def _part_path(path: Path, part: str) -> Path:
    """Return the file of a part beside NAME.onnx."""
    return path.with_name(f"{path.stem}-{part}.onnx") if part else path


def round_to_small(network: nn.Module) -> None:
    """Round every weight to what it is stored in: large matrices to 8 bits a row, the rest to half precision."""
    with torch.no_grad():
        for value in network.state_dict().values():
            if not value.is_floating_point():
                continue
            if value.ndim > 1 and value.numel() >= LARGE:
                rows = value.cpu().numpy().reshape(len(value), -1)
                numbers, scale = quantised(rows, 1)
                value.copy_(torch.from_numpy((numbers * scale).reshape(tuple(value.shape))))
            else:
                value.copy_(value.half().float())


def quantised(array: np.ndarray, axis: int | tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return int8 numbers and the scales along an axis, whose product is near the array; of a product, exactly it."""
    scale = np.abs(array).max(axis=axis, keepdims=True) / 127
    scale = np.maximum(scale.astype(np.float16).astype(np.float32), np.float32(6e-8))
    return np.clip(np.rint(array / scale), -127, 127).astype(np.int8), scale


def export_parts(
    graphs: Graphs, path: Path, values: Mapping[str, Any], arrays: Mapping[str, np.ndarray] | None = None
) -> dict[str, Path]:
    """Write the files of a network; return their paths by part.

    values: plain values that the player needs, `system` among them
    arrays: arrays that the player needs
    """
    texts = {name: _packed(array) for name, array in (arrays or {}).items()}
    paths = {}
    for part, graph in graphs.items():
        paths[part] = _part_path(path, part)
        metadata: dict[str, Any] = {"kind": f"{KIND}-{part}" if part else KIND}
        if not part:
            metadata |= {**values, "arrays": texts}
        export_graph(replace(graph, module=graph.module.eval()), paths[part], metadata)
        store_small(paths[part])
    return paths


def store_small(path: Path) -> None:
    """Store large matrices in 8 bits where that is exact, and the rest in half precision."""
    model = onnx.load(str(path))
    nodes: list[onnx.NodeProto] = []
    for one in list(model.graph.initializer):
        if one.data_type == onnx.TensorProto.FLOAT and math.prod(one.dims) >= LARGE and len(one.dims) > 1:
            nodes += _in_eight_bits(model, one)
    put_first(model, nodes)
    path.write_bytes(model.SerializeToString(deterministic=True))
    store_half(path, rounded=True)


def _in_eight_bits(model: onnx.ModelProto, one: onnx.TensorProto) -> list[onnx.NodeProto]:
    """Replace a weight that is exactly a product of 8-bit numbers and scales by these; return the product's nodes.

    The runtime computes it once, when it loads the file, so that a step costs what it did.
    """
    array, name = onnx.numpy_helper.to_array(one), one.name
    for axis in (tuple(range(1, array.ndim)), array.ndim - 1, array.ndim - 2):
        numbers, scale = quantised(array, axis)
        if not np.array_equal(numbers * scale, array):
            continue
        one.CopyFrom(onnx.numpy_helper.from_array(numbers, name + ".int8"))
        model.graph.initializer.append(onnx.numpy_helper.from_array(scale, name + ".scale"))
        cast = onnx.helper.make_node("Cast", [name + ".int8"], [name + ".whole"], to=onnx.TensorProto.FLOAT)
        return [cast, onnx.helper.make_node("Mul", [name + ".whole", name + ".scale"], [name])]
    return []


def count_values(path: Path) -> int:
    """Return the number of weights of a file."""
    return sum(math.prod(one.dims) for one in onnx.load(str(path)).graph.initializer)


def _packed(array: np.ndarray) -> str:
    """Return an array as text: a compressed .npz in base 64, integers in the smallest type that holds them."""
    array = np.asarray(array)
    if array.dtype.kind == "f":
        array = array.astype(np.float16)
    elif array.size:
        array = array.astype(np.min_scalar_type(int(array.min()) if array.min() < 0 else int(array.max())))
    file = io.BytesIO()
    np.savez_compressed(file, array=array)
    return base64.b64encode(file.getvalue()).decode()
