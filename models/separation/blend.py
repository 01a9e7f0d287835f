"""Blend several exported networks into one file whose masks are the mean of theirs.

Uhlich et al., "Improving music source separation based on deep neural networks through data augmentation and network
blending" (2017), section 3.3: networks of different kinds err differently, and their mean errs less. Each network keeps
its own state; its masks are brought to a sum of one first, as the engine does when it applies them. Beside networks
with masks for mid and side, one for left and right masks both with the mean of its channels' masks. Beside a network
that tells its nested targets (a bass) from `other`, one that does not has its `other` divided as that network does.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, compose, helper, numpy_helper

from engine.core.errors import ModelError
from engine.core.format import STEREO

__all__ = ["blend_networks", "separator_metadata"]

ALIKE = ("kind", "feature", "sample_rate", "n_fft", "hop", "window", "n_channels", "bidirectional")
CHANNEL_ROWS = 2, 4  # first and last row of left and right in the input of a network for mid and side
SMALLEST = 1e-6  # sum of masks below which there is none
IR_VERSION = 10


@dataclass(frozen=True, slots=True)
class _Join:
    """How the graphs become one.

    like: place of the network whose input and output the blend has
    plain: whether each graph is for left and right where the blend is for mid and side
    undivided: whether each graph has `other` where the blend has nested targets and `other`
    n_known: targets before these
    """

    like: int
    plain: tuple[bool, ...]
    undivided: tuple[bool, ...]
    n_known: int


def blend_networks(files: Sequence[Path], shares: Sequence[float], target: Path, metadata: dict[str, Any]) -> None:
    """Write `target`, the networks of `files` with the shares of their masks in the mean.

    metadata: values of the new file beside those that all files have in common
    ModelError unless all files have the same spectra and rate, and the same targets but for nested ones
    """
    parts = [_opened(path) for path in files]
    join = _join(files, [values for _, values in parts])
    graphs = [compose.add_prefix(model, f"n{i}_") for i, (model, _) in enumerate(parts)]
    merged = _merged(graphs, np.asarray(shares, np.float32) / np.float32(sum(shares)), join, parts[join.like][0])
    known = parts[join.like][1]
    values = {**{name: known[name] for name in (*ALIKE, "targets", "stereo") if name in known}, **metadata}
    helper.set_model_props(merged, {name: json.dumps(value) for name, value in values.items()})
    onnx.checker.check_model(merged)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(merged.SerializeToString(deterministic=True))


def _join(files: Sequence[Path], parts: Sequence[dict[str, Any]]) -> _Join:
    """Return how the networks become one: like the one for mid and side, if any is, with the most targets."""
    like = max(range(len(parts)), key=lambda i: (len(parts[i]["targets"]), STEREO.index(parts[i]["stereo"])))
    known, targets = parts[like], parts[like]["targets"]
    n_known = len(targets) - 1 - known.get("nested", 0)
    fewer = [*targets[:n_known], targets[-1]]
    for path, values in zip(files, parts, strict=True):
        for name in ALIKE:
            if values.get(name) != known.get(name):
                raise ModelError(str(path), expected=f"{name} {known.get(name)}", got=repr(values.get(name))[:60])
        if values["targets"] not in (targets, fewer):
            raise ModelError(str(path), expected=f"targets {targets}", got=repr(values["targets"])[:60])
        if STEREO.index(values["stereo"]) > STEREO.index(known["stereo"]):
            expected = f"stereo {known['stereo']} beside the network of the most targets"
            raise ModelError(str(path), expected=expected, got=values["stereo"])
    plain = tuple(values["stereo"] != known["stereo"] for values in parts)
    return _Join(like, plain, tuple(values["targets"] != targets for values in parts), n_known)


def separator_metadata(path: Path) -> dict[str, Any]:
    """Return the metadata of a network that separates; ModelError if the file is anything else."""
    return _opened(path)[1]


def _opened(path: Path) -> tuple[onnx.ModelProto, dict[str, Any]]:
    try:
        model = onnx.load(str(path))
        values = {entry.key: json.loads(entry.value) for entry in model.metadata_props}
    except Exception as error:  # protobuf's own, and what is no JSON
        raise ModelError(str(path), expected="an ONNX network", got=type(error).__name__) from error
    if values.get("kind") != "unmix":
        raise ModelError(str(path), expected="a network of kind unmix", got=repr(values.get("kind"))[:60])
    values = {"stereo": STEREO[0], **values}
    if values["stereo"] not in STEREO:
        raise ModelError(str(path), expected=" or ".join(STEREO), got=repr(values["stereo"])[:60])
    return model, values


def _merged(
    graphs: Sequence[onnx.ModelProto], shares: np.ndarray, join: _Join, like: onnx.ModelProto
) -> onnx.ModelProto:
    """Join the graphs: magnitudes go to all, the weighted mean of the masks comes out, states have prefixed names.

    like: the network whose input and output the blend has
    """
    magnitude = next(value for value in like.graph.input if value.name == "magnitude")
    mask = next(value for value in like.graph.output if value.name == "mask")
    if any(_takes_one_frame(model, f"n{i}_magnitude") for i, model in enumerate(graphs)):
        for value in (magnitude, mask):
            value.type.tensor_type.shape.dim[0].dim_value = 1
    inputs, outputs, constants = [magnitude], [mask], _constants(join)
    nodes: list[NodeProto] = []
    weighted = _division(join.like) if any(join.undivided) else []
    for i, model in enumerate(graphs):
        nodes += [_input(i, join.plain[i]), *model.graph.node]
        weighted += _weighted(i, join.plain[i], join.undivided[i])
        inputs += [value for value in model.graph.input if value.name != f"n{i}_magnitude"]
        outputs += [value for value in model.graph.output if value.name != f"n{i}_mask"]
        constants += [*model.graph.initializer, numpy_helper.from_array(np.asarray(shares[i]), f"n{i}_share")]
    nodes += [*weighted, helper.make_node("Sum", [f"n{i}_part" for i in range(len(graphs))], ["mask"])]
    graph = helper.make_graph(nodes, "blend", inputs, outputs, initializer=constants)
    domains = {one.domain: one for model in graphs for one in model.opset_import}
    return helper.make_model(graph, opset_imports=list(domains.values()), ir_version=IR_VERSION)


def _takes_one_frame(model: onnx.ModelProto, name: str) -> bool:
    """Return whether the input of a name is one frame, and not any number of them."""
    shapes = (value.type.tensor_type.shape for value in model.graph.input if value.name == name)
    return any(shape.dim[0].dim_value == 1 for shape in shapes)


def _input(i: int, plain: bool) -> NodeProto:
    """Make the node that gives network `i` all magnitudes, or those of left and right."""
    if plain:
        return helper.make_node("Slice", ["magnitude", "first_row", "end_row", "second_axis"], [f"n{i}_magnitude"])
    return helper.make_node("Identity", ["magnitude"], [f"n{i}_magnitude"])


def _weighted(i: int, plain: bool, undivided: bool) -> list[NodeProto]:
    """Make the nodes that bring the masks of network `i` to a sum of its share: mid and side alike if `plain`."""
    mask, nodes = f"n{i}_mask", []
    if plain:
        nodes.append(helper.make_node("ReduceMean", [mask, "third_axis"], [f"n{i}_mean"], keepdims=1))
        mask = f"n{i}_mean"
    if undivided:
        nodes += _divided(i, mask)
        mask = f"n{i}_divided"
    return [
        *nodes,
        helper.make_node("ReduceSum", [mask, "second_axis"], [f"n{i}_sum"], keepdims=1),
        helper.make_node("Max", [f"n{i}_sum", "smallest"], [f"n{i}_safe"]),
        helper.make_node("Div", [f"n{i}_share", f"n{i}_safe"], [f"n{i}_factor"]),
        helper.make_node("Mul", [mask, f"n{i}_factor"], [f"n{i}_part"]),
    ]


def _division(like: int) -> list[NodeProto]:
    """Make the nodes that tell how network `like` divides what others call `other`, and the shape of the rest."""
    return [
        helper.make_node("Slice", [f"n{like}_mask", "first", "n_known", "second_axis"], ["known_masks"]),
        helper.make_node("Shape", ["known_masks"], ["known_shape"]),
        helper.make_node("Slice", [f"n{like}_mask", "n_known", "end", "second_axis"], ["inner_masks"]),
        helper.make_node("ReduceSum", ["inner_masks", "second_axis"], ["inner_sum"], keepdims=1),
        helper.make_node("Max", ["inner_sum", "smallest"], ["inner_safe"]),
        helper.make_node("Div", ["inner_masks", "inner_safe"], ["division"]),
    ]


def _divided(i: int, mask: str) -> list[NodeProto]:
    """Make the nodes that divide the last mask of network `i`, and leave the others."""
    return [
        helper.make_node("Slice", [mask, "first", "n_known", "second_axis"], [f"n{i}_few"]),
        helper.make_node("Expand", [f"n{i}_few", "known_shape"], [f"n{i}_known"]),
        helper.make_node("Slice", [mask, "n_known", "end", "second_axis"], [f"n{i}_last"]),
        helper.make_node("Mul", [f"n{i}_last", "division"], [f"n{i}_inner"]),
        helper.make_node("Concat", [f"n{i}_known", f"n{i}_inner"], [f"n{i}_divided"], axis=1),
    ]


def _constants(join: _Join) -> list[TensorProto]:
    """Make the constants of the nodes around the networks: axes, rows, and the smallest sum."""
    rows = {"first_row": CHANNEL_ROWS[0], "end_row": CHANNEL_ROWS[1]}
    targets = {"first": 0, "n_known": join.n_known, "end": np.iinfo(np.int64).max}
    numbers = {"second_axis": 1, "third_axis": 2, **rows, **targets}
    whole = [numpy_helper.from_array(np.array([n], np.int64), name) for name, n in numbers.items()]
    return [*whole, numpy_helper.from_array(np.array(SMALLEST, np.float32), "smallest")]
