"""Read a network of bands back from the file that it was exported to, to train on from there.

Weights of 8 bits come back as they are run: within half a step of those that were trained. The inverse of
`models.separation.graph.export_separator`, but for the temperature, which is no weight.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import numpy_helper

from engine.core.errors import EngineError, ModelError
from models.separation.band_network import BandNetwork
from models.separation.config import SeparationNetworkConfig

__all__ = ["read_exported"]

WHAT = "a network of bands as `train separation` exports it"
PREFIX, SUFFIX = "model.", "_quantized"
LINEAR, JOINED = "blocks.", "inner_bias"  # begins the names of linear layers; a name that older files have not
KNOWN = ("targets", "sample_rate", "n_fft", "hop", "window", "n_channels", "stereo", "hidden", "level")
BANDWIDTH_HZ = SeparationNetworkConfig().bandwidth_hz  # bands look at all there is
GATES = (0, 2, 3, 1)  # of torch (input, forget, cell, output) among ONNX's (input, output, forget, cell)

Arrays = dict[str, npt.NDArray[Any]]
Weights = dict[str, torch.Tensor]


def read_exported(path: Path) -> BandNetwork:
    """Return the network of a file, in evaluation mode; ModelError for any other file."""
    try:
        model = onnx.load(str(path))
        told = {each.key: json.loads(each.value) for each in model.metadata_props}
        weights = dict(_weights(model))
        network = BandNetwork(_config(told, weights))
        network.load_state_dict(_apart(weights, network, told.get("temperature", 1.0)))
    except (EngineError, OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelError(str(path), expected=WHAT, got=" ".join(str(error).split())[:120]) from error
    except Exception as error:  # protobuf's own, of a file that is none
        raise ModelError(str(path), expected=WHAT, got=type(error).__name__) from error
    return network.eval()


def _config(told: Mapping[str, Any], weights: Weights) -> SeparationNetworkConfig:
    n_layers = 1 + max(int(name.split(".")[1]) for name in weights if name.startswith("blocks."))
    known = {name: told[name] for name in KNOWN} | {"network": told["network"], "n_layers": n_layers, "cross": False}
    known["nested"] = told.get("nested", 0)  # older files have none
    unused = {"bandwidth_hz": min(BANDWIDTH_HZ, told["sample_rate"])}
    return SeparationNetworkConfig.from_dict(known | unused)


def _weights(model: onnx.ModelProto) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield the weights by name: named tensors, those of products and those of recurrent layers."""
    arrays = {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}
    turned = {node.input[1] for node in model.graph.node if node.op_type == "MatMul"}
    for name, values in arrays.items():
        if "::" not in name and not name.endswith(("_scale", "_zero_point")):
            exact = _exact(arrays, name, values)
            is_turned = name in turned and name.startswith(LINEAR)
            yield name.removeprefix(PREFIX).removesuffix(SUFFIX), _tensor(exact.T if is_turned else exact)
    for node in model.graph.node:
        if node.op_type == "MatMul" and node.input[1] in arrays and "::" in node.input[1]:
            yield f"{_place(node.name)}.weight", _tensor(arrays[node.input[1]].T)
        elif node.op_type == "LSTM":
            yield from _recurrent(_place(node.name), [arrays[name] for name in node.input[1:4]])


def _apart(weights: Weights, network: BandNetwork, temperature: float) -> Weights:
    """Return the state dict of weights as `StreamingBands` has them; older files have the state dict itself."""
    if JOINED not in weights:
        return weights
    groups, config = network.groups, network.config
    counts, n_masks = [n for n, _ in groups], len(config.targets) * config.n_channels
    out = {name: values for name, values in weights.items() if name in network.state_dict()}
    for k, (encoder, inner, bias) in enumerate(
        zip(*(weights[name].split(counts) for name in ("encoder_bias", "inner.weight", JOINED)), strict=True)
    ):
        out |= {f"encoders.{k}.bias": encoder[:, None], f"inner.{k}.weight": inner, f"inner.{k}.bias": bias}
    parts = weights["outer_bias"].split([n * bins for n, bins in groups], 1)
    for k, (part, (n, bins)) in enumerate(zip(parts, groups, strict=True)):
        bias = part.reshape(n_masks, n, bins).transpose(0, 1).reshape(n, 1, n_masks * bins)
        encoder, outer = (weights[f"{name}.{k}.weight"] for name in ("encoders", "outer"))
        out[f"encoders.{k}.weight"] = encoder.reshape(n, -1, config.hidden)
        out |= {f"outer.{k}.weight": temperature * outer.reshape(n, -1, n_masks * bins)}
        out[f"outer.{k}.bias"] = temperature * bias
    for k in range(config.n_layers):
        for i, name in ((0, "spread"), (2, "gather")):
            out[f"blocks.{k}.bands.{i}.weight"] = weights[f"blocks.{k}.{name}"]
            out[f"blocks.{k}.bands.{i}.bias"] = weights[f"blocks.{k}.{name}_bias"][:, 0]
    return out


def _place(name: str) -> str:
    """Return where a node stands: `/blocks.0/bands/bands.2/MatMul` is `blocks.0.bands.2`."""
    parts: list[str] = []
    for part in name.strip("/").split("/")[:-1]:
        parts = [*parts[:-1], part] if parts and part.startswith(f"{parts[-1]}.") else [*parts, part]
    return ".".join(parts)


def _exact(arrays: Arrays, name: str, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return 8-bit weights as the numbers that they stand for."""
    if not name.endswith(SUFFIX):
        return values
    stem = name.removesuffix(SUFFIX)
    zero, scale = arrays[f"{stem}_zero_point"], arrays[f"{stem}_scale"]
    return (values.astype(np.float32) - zero.astype(np.float32)) * scale


def _recurrent(place: str, given: list[npt.NDArray[Any]]) -> Iterator[tuple[str, torch.Tensor]]:
    inner, outer, bias = (values[0] for values in given)
    inner_bias, outer_bias = np.split(bias, 2)
    named = {"weight_ih": inner, "weight_hh": outer, "bias_ih": inner_bias, "bias_hh": outer_bias}
    for name, values in named.items():
        gates = np.split(values, 4)
        yield f"{place}.{name}_l0", _tensor(np.concatenate([gates[k] for k in GATES]))


def _tensor(values: npt.NDArray[Any]) -> torch.Tensor:
    return torch.from_numpy(np.array(values, np.float32))
