"""Several exported banks of the same targets as one file that answers with the mean of their masks.

Uhlich et al., "Improving music source separation based on deep neural networks through data augmentation and network
blending" (2017), section 3.3: networks of different kinds err differently, and their mean errs less. Each network keeps
its own state; its masks are brought to a sum of one first, as the engine would share them out.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, compose, helper, numpy_helper

from engine.errors import ModelError

__all__ = ["blend", "known_values"]

ALIKE = ("kind", "feature", "sample_rate", "n_fft", "hop", "window", "n_channels", "stereo", "targets", "bidirectional")
SMALLEST = 1e-6  # sum of masks that counts as none
IR_VERSION = 10


def blend(files: Sequence[Path], shares: Sequence[float], target: Path, metadata: dict[str, Any]) -> None:
    """Write `target`: the networks of `files`, whose masks count by `shares`; metadata: what it says besides theirs.

    ModelError unless all files are banks of the same targets, spectra and rate.
    """
    parts = [_opened(path) for path in files]
    (first, known), *others = parts
    for path, (_, values) in zip(files[1:], others, strict=True):
        for name in ALIKE:
            if values.get(name) != known.get(name):
                raise ModelError(str(path), expected=f"{name} {known.get(name)}", got=repr(values.get(name))[:60])
    graphs = [compose.add_prefix(model, f"n{i}_") for i, (model, _) in enumerate(parts)]
    merged = _merged(graphs, np.asarray(shares, np.float32) / np.float32(sum(shares)), first)
    values = {**{name: known[name] for name in ALIKE if name in known}, **metadata}
    helper.set_model_props(merged, {name: json.dumps(value) for name, value in values.items()})
    onnx.checker.check_model(merged)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(merged.SerializeToString(deterministic=True))


def known_values(path: Path) -> dict[str, Any]:
    """What a bank's file says of itself; ModelError if it is none."""
    return _opened(path)[1]


def _opened(path: Path) -> tuple[onnx.ModelProto, dict[str, Any]]:
    try:
        model = onnx.load(str(path))
        values = {entry.key: json.loads(entry.value) for entry in model.metadata_props}
    except Exception as error:  # protobuf's own, and what is no JSON
        raise ModelError(str(path), expected="an ONNX network", got=type(error).__name__) from error
    if values.get("kind") != "unmix":
        raise ModelError(str(path), expected="a network of kind unmix", got=repr(values.get("kind"))[:60])
    return model, {"stereo": "left-right", **values}


def _merged(graphs: Sequence[onnx.ModelProto], shares: np.ndarray, like: onnx.ModelProto) -> onnx.ModelProto:
    """One graph: magnitude goes to all, the masks' weighted mean comes out, each state keeps its prefixed name."""
    magnitude = next(value for value in like.graph.input if value.name == "magnitude")
    mask = next(value for value in like.graph.output if value.name == "mask")
    nodes, inputs, outputs, constants = [], [magnitude], [mask], [_axis(), _scalar("smallest", SMALLEST)]
    for i, model in enumerate(graphs):
        nodes.append(helper.make_node("Identity", ["magnitude"], [f"n{i}_magnitude"]))
        nodes += list(model.graph.node)
        inputs += [value for value in model.graph.input if value.name != f"n{i}_magnitude"]
        outputs += [value for value in model.graph.output if value.name != f"n{i}_mask"]
        constants += [*model.graph.initializer, _scalar(f"n{i}_share", shares[i])]
        nodes += [
            helper.make_node("ReduceSum", [f"n{i}_mask", "targets_axis"], [f"n{i}_sum"], keepdims=1),
            helper.make_node("Max", [f"n{i}_sum", "smallest"], [f"n{i}_safe"]),
            helper.make_node("Div", [f"n{i}_share", f"n{i}_safe"], [f"n{i}_factor"]),
            helper.make_node("Mul", [f"n{i}_mask", f"n{i}_factor"], [f"n{i}_part"]),
        ]
    nodes.append(helper.make_node("Sum", [f"n{i}_part" for i in range(len(graphs))], ["mask"]))
    graph = helper.make_graph(nodes, "blend", inputs, outputs, initializer=constants)
    domains = {one.domain: one for model in graphs for one in model.opset_import}
    return helper.make_model(graph, opset_imports=list(domains.values()), ir_version=IR_VERSION)


def _axis() -> TensorProto:
    return numpy_helper.from_array(np.array([1], np.int64), "targets_axis")


def _scalar(name: str, value: float) -> TensorProto:
    return numpy_helper.from_array(np.float32(value), name)
