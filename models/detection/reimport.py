"""Rebuild a trainable network from an exported sound event network: the inverse of `models.detection.graph`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn import functional

from engine.core.errors import ModelError
from models.detection.config import CrnnConfig
from models.detection.network import POOL, Crnn
from models.export import HALF

__all__ = ["calibrate", "crnn_from_onnx"]

N_STACKS = 7
GATES = (1, 0, 2)  # order of ONNX: update, reset, new; of torch: reset, update, new


def crnn_from_onnx(path: Path, **settings: Any) -> Crnn:
    """Rebuild the network of an exported file, in evaluation mode.

    Exported batch norms are part of the convolutions, so the rebuilt ones change nothing until `calibrate` gives them
    statistics. ModelError if the file is another network, or one with embeddings.

    settings: fields of `CrnnConfig` that the file does not tell, such as dropout
    """
    try:
        graph = onnx.load(str(path))
        values = {entry.key: json.loads(entry.value) for entry in graph.metadata_props}
        if values.get("kind") != "crnn" or values["embeddings"]:
            raise ValueError("not a sound event network of log-mel alone")
        return _rebuilt(graph, values, settings)
    except (OSError, ValueError, KeyError, IndexError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:100]
        raise ModelError(str(path), expected="a sound event network to start from", got=reason) from error
    except Exception as error:  # protobuf's own
        raise ModelError(str(path), expected="an ONNX network", got=type(error).__name__) from error


def calibrate(model: Crnn, mel: Tensor) -> None:
    """Set the statistics of the batch norms from log-mel (batch, frame, mel); the output stays the same.

    The norms normalise by these statistics and undo it by their scale, so training continues from the same point.
    """
    with torch.no_grad():
        x = functional.pad(model.standardised(mel), (0, 0, 0, POOL * model.config.look_ahead))[:, None]
        for stack in model.stacks:
            assert isinstance(stack, nn.Module)
            before, _ = stack.convolved(x, None)  # type: ignore[operator]
            variance, mean = torch.var_mean(before, (0, 2, 3), correction=0)
            norm: nn.BatchNorm2d = stack.norm  # type: ignore[assignment]
            norm.running_mean, norm.running_var = mean, variance
            norm.weight.copy_((variance + norm.eps).sqrt())
            norm.bias.copy_(mean)
            x, _ = stack(x)


def _rebuilt(graph: onnx.ModelProto, values: dict[str, Any], settings: dict[str, Any]) -> Crnn:
    weights = {one.name.removesuffix(HALF): _tensor(one) for one in graph.graph.initializer}
    convolutions = [_weights_of(node, weights) for node in graph.graph.node if node.op_type == "Conv"]
    gated = len(convolutions) == 2 * N_STACKS
    outer = convolutions[::2] if gated else convolutions
    recurrent = [_weights_of(node, weights) for node in graph.graph.node if node.op_type == "GRU"]
    head = next(node for node in reversed(graph.graph.node) if node.op_type == "MatMul")
    config = CrnnConfig(
        classes=tuple(values["classes"]),
        activation="glu" if gated else "relu",
        causal=values["causal"],
        look_ahead=values["look_ahead"],
        filters=tuple(len(weight) for weight, _ in outer),
        hidden=recurrent[0][1].shape[2],
        **settings,
    )
    model = Crnn(config)
    state = dict(_stacks(convolutions, gated=gated))
    for layer, parts in enumerate(recurrent):
        state |= dict(_recurrent(layer, parts))
    (matrix,) = _weights_of(head, weights)
    state |= {"head.weight": matrix.T, "head.bias": weights["model.head.bias"]}
    state |= {name: weights[f"model.{name}"] for name in ("mean", "scale")}
    model.load_state_dict({**model.state_dict(), **state})
    for stack in model.stacks:
        _neutral(stack.norm)  # type: ignore[arg-type]
    return model.eval()


def _tensor(one: onnx.TensorProto) -> Tensor:
    """Return a weight as it is run: what is stored in 16 bits in 32."""
    array = np.array(numpy_helper.to_array(one))
    return torch.from_numpy(array.astype(np.float32) if array.dtype == np.float16 else array)


def _weights_of(node: onnx.NodeProto, weights: dict[str, Tensor]) -> tuple[Tensor, ...]:
    """Return the inputs of a node that are weights, in order."""
    return tuple(weights[name] for name in node.input if name in weights)


def _stacks(convolutions: list[tuple[Tensor, ...]], *, gated: bool) -> Iterator[tuple[str, Tensor]]:
    for i, (weight, bias) in enumerate(convolutions):
        name = f"stacks.{i}.convolution"
        if gated:
            name = f"stacks.{i // 2}.{'linear' if i % 2 else 'convolution'}"
        yield f"{name}.weight", weight
        yield f"{name}.bias", bias


def _recurrent(layer: int, parts: tuple[Tensor, ...]) -> Iterator[tuple[str, Tensor]]:
    """Name the weights of a GRU layer; ONNX has (direction, 3 hidden, in or hidden), and both biases in one row."""
    given, carried, biases = parts
    for direction in range(len(given)):
        end = f"l{layer}{'_reverse' if direction else ''}"
        halves = biases[direction].chunk(2)
        yield f"recurrent.weight_ih_{end}", _ordered(given[direction])
        yield f"recurrent.weight_hh_{end}", _ordered(carried[direction])
        yield f"recurrent.bias_ih_{end}", _ordered(halves[0])
        yield f"recurrent.bias_hh_{end}", _ordered(halves[1])


def _ordered(rows: Tensor) -> Tensor:
    parts = rows.chunk(3)
    return torch.cat([parts[i] for i in GATES])


def _neutral(norm: nn.BatchNorm2d) -> None:
    """Make a batch norm change nothing in evaluation mode."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    with torch.no_grad():
        norm.running_mean.zero_()
        norm.running_var.fill_(1 - norm.eps)
        norm.weight.fill_(1)
        norm.bias.zero_()
