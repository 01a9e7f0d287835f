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

from models.export import Graph, export_graph

__all__ = ["Graphs", "count_values", "export_parts", "layers_of", "played", "round_to_half"]

KIND = "generator"
SMALLEST = 64  # values from which on an array is stored in half precision
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


def round_to_half(network: nn.Module) -> None:
    """Round every weight to half precision, in which it is stored."""
    with torch.no_grad():
        for value in network.state_dict().values():
            if value.is_floating_point():
                value.copy_(value.half().float())


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
        _store_half(paths[part])
    return paths


def _store_half(path: Path) -> None:
    """Store in half precision what it holds exactly; the runtime casts it back once, when it loads the file."""
    model = onnx.load(str(path))
    casts = []
    for one in model.graph.initializer:
        if one.data_type != onnx.TensorProto.FLOAT:
            continue
        array = onnx.numpy_helper.to_array(one)
        with np.errstate(over="ignore"):
            half = array.astype(np.float16)
        if array.size < SMALLEST or not np.array_equal(half.astype(np.float32), array):
            continue
        name = one.name
        one.CopyFrom(onnx.numpy_helper.from_array(half, name + ".half"))
        casts.append(onnx.helper.make_node("Cast", [name + ".half"], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    path.write_bytes(model.SerializeToString(deterministic=True))


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
