"""Import published weights: state dicts of the `openunmix` package and of X-UMX (asteroid).

All settings of the network follow from the tensors' shapes. A file is loaded as tensors and plain values only, never
as code, and nothing is computed before all names and sizes are known to be right.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from engine.core.errors import ConfigError, ModelError
from models.separation.config import TARGETS, SeparationNetworkConfig
from models.separation.network import OpenUnmix

__all__ = ["import_open_unmix", "is_complete", "target_of"]

MAX_BYTES = 2 << 30
MAX_VALUES = 1 << 28
REMEDY = "use the files as their authors offer them"
IGNORED = ("stft.", "transform.", "encoder.", "decoder.", "sample_rate")  # windows and the like
# Names in asteroid's X-UMX, and in the networks of the single targets.
CROSSED = {
    "layer_enc.{}.enc.0.": "fc1.",
    "layer_enc.{}.enc.1.": "bn1.",
    "layer_lstm.{}.": "lstm.",
    "layer_dec.{}.dec.0.": "fc2.",
    "layer_dec.{}.dec.1.": "bn2.",
    "layer_dec.{}.dec.3.": "fc3.",
    "layer_dec.{}.dec.4.": "bn3.",
}
SCALERS = ("input_mean", "input_scale", "output_mean", "output_scale")

Weights = dict[str, Tensor]


def target_of(path: Path) -> str:
    """Return the target of a file, the word that its name begins with: vocals.pth, vocals-b62c91ce.pth.

    ConfigError if it begins with none.
    """
    word = re.match("[A-Za-z]+", path.name)
    if word is None:
        raise ConfigError(str(path), expected="a file named by its target, as vocals.pth", got=path.name)
    return word[0].lower()


def import_open_unmix(paths: Sequence[Path], *, sample_rate: int = 44100, hop: int | None = None) -> OpenUnmix:
    """Read one file a target (UMX), or one file with all of them (X-UMX); ModelError for anything else.

    hop: samples, None for a quarter of a frame
    """
    files = {path: _load(path) for path in paths}
    crossed = {path: _crossed(path, weights) for path, weights in files.items() if _is_crossed(weights)}
    if crossed and len(files) > 1:
        raise ConfigError("import-weights", expected="one X-UMX file, or UMX files", got=f"{len(files)} files")
    banks = next(iter(crossed.values())) if crossed else {target_of(p): _known(p, w) for p, w in files.items()}
    if len(banks) < len(files):
        raise ConfigError("import-weights", expected="files named by target, as vocals.pth", got="two of one name")
    where = paths[0]
    configs = {target: _shape(where, weights, sample_rate, hop) for target, weights in banks.items()}
    first, *others = configs.values()
    if any(other != first for other in others):
        raise ModelError(str(where), expected="networks of one size for all targets", got="different ones")
    try:
        config = SeparationNetworkConfig(**first, targets=tuple(banks), sample_rate=sample_rate, cross=bool(crossed))
    except ConfigError as error:
        raise ModelError(str(where), expected=f"{error.where}: {error.expected}", got=error.got) from error
    with torch.device("meta"):  # shapes only: no size in a file makes us take memory
        bank = OpenUnmix(config)
    return _fill(where, bank, banks)


def is_complete(config: SeparationNetworkConfig) -> bool:
    """Return whether imported targets are the whole mixture: the published four, or those of one X-UMX with `other`."""
    return set(config.targets) >= set(TARGETS) or (config.cross and "other" in config.targets)


def _load(path: Path) -> Weights:
    """Read the tensors of a file, by name, none larger than its bytes."""
    try:
        size = path.stat().st_size
        if not 0 < size <= MAX_BYTES:
            raise ModelError(str(path), expected=f"1 to {MAX_BYTES} bytes", got=str(size), remedy=REMEDY)
        if zipfile.is_zipfile(path):
            _measure(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except ModelError:
        raise
    except Exception as error:  # the unpickler raises whatever it likes
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        raise ModelError(str(path), expected="a state dict of torch", got=reason, remedy=REMEDY) from error
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping) or not all(isinstance(name, str) for name in content):
        raise ModelError(str(path), expected="a state dict", got=type(content).__name__, remedy=REMEDY)
    kept = {name: value for name, value in content.items() if not name.startswith(IGNORED)}
    for name, value in kept.items():
        if not isinstance(value, Tensor) or value.layout is not torch.strided or value.is_complex():
            raise ModelError(str(path), expected=f"a tensor '{name}'", got=type(value).__name__, remedy=REMEDY)
    if sum(value.numel() for value in kept.values()) > MAX_VALUES:
        raise ModelError(str(path), expected=f"at most {MAX_VALUES} values", got="more", remedy=REMEDY)
    return dict(kept)


def _measure(path: Path) -> None:
    """Raise ModelError if a packed file would unpack to far more."""
    with zipfile.ZipFile(path) as file:
        size = sum(member.file_size for member in file.infolist())
    if size > MAX_BYTES:
        raise ModelError(str(path), expected=f"at most {MAX_BYTES} bytes unpacked", got=str(size), remedy=REMEDY)


def _is_crossed(weights: Weights) -> bool:
    return any(name.startswith("layer_enc.") for name in weights)


def _crossed(path: Path, weights: Weights) -> dict[str, Weights]:
    """Return the weights of an X-UMX file, by target."""
    targets = list(dict.fromkeys(name.split(".")[1] for name in weights if name.startswith("layer_enc.")))
    if not all(target.isidentifier() for target in targets):
        raise ModelError(str(path), expected="plain target names", got=repr(targets)[:60])
    banks: dict[str, Weights] = {}
    used = set()
    for target in targets:
        names = {f"mean_scale.{scaler}_{target}": scaler for scaler in SCALERS}
        for theirs, ours in CROSSED.items():
            prefix = theirs.format(target)
            names |= {name: ours + name.removeprefix(prefix) for name in weights if name.startswith(prefix)}
        banks[target] = {ours: weights[name] for name, ours in names.items() if name in weights}
        used |= set(names)
    _refuse_unknown(path, set(weights) - used)
    return banks


def _known(path: Path, weights: Weights) -> Weights:
    _refuse_unknown(path, {n for n in weights if n.partition(".")[0] not in (*SCALERS, *PARTS)})
    return weights


PARTS = ("fc1", "bn1", "lstm", "fc2", "bn2", "fc3", "bn3")


def _refuse_unknown(path: Path, names: set[str]) -> None:
    if names:
        got = ", ".join(sorted(names)[:3])[:100]
        raise ModelError(str(path), expected="the tensors of Open-Unmix or X-UMX", got=got, remedy=REMEDY)


def _shape(path: Path, weights: Weights, sample_rate: int, hop: int | None) -> dict[str, Any]:
    """Return the settings of `SeparationNetworkConfig` that the shapes determine."""
    try:
        (n_in,), (n_bins,) = weights["input_mean"].shape, weights["output_mean"].shape
        hidden, width = weights["fc1.weight"].shape
        n_layers = sum(name.startswith("lstm.weight_ih_l") and name[-1].isdigit() for name in weights)
    except (KeyError, ValueError) as error:
        raise ModelError(str(path), expected="the tensors of Open-Unmix or X-UMX", got=f"no usable {error}") from error
    if min(n_in, n_bins, width) < 1 or width % n_in:
        raise ModelError(str(path), expected="as many inputs for every channel", got=f"{width} for {n_in} bins")
    n_fft = 2 * (n_bins - 1)
    return {
        "n_fft": n_fft,
        "hop": hop or max(1, n_fft // 4),
        "n_channels": width // n_in,
        "hidden": hidden,
        "n_layers": n_layers,
        "bandwidth_hz": (n_in - 0.5) * sample_rate / n_fft if n_fft else 0.0,
        "bidirectional": any(name.endswith("_reverse") for name in weights),
    }


def _fill(path: Path, bank: OpenUnmix, banks: Mapping[str, Weights]) -> OpenUnmix:
    """Put the weights into the network, all names and shapes checked before."""
    for target, weights in banks.items():
        net = bank.nets[target]
        for name, ours in net.state_dict().items():
            theirs = weights.get(name)
            if theirs is None and name.endswith("num_batches_tracked"):
                weights[name] = torch.zeros((), dtype=torch.int64)
            elif theirs is None or theirs.shape != ours.shape:
                got = "none" if theirs is None else str(tuple(theirs.shape))
                raise ModelError(str(path), expected=f"{target}: {name} of shape {tuple(ours.shape)}", got=got)
            elif not torch.isfinite(theirs).all():
                raise ModelError(str(path), expected=f"{target}: {name} of numbers", got="NaN or Inf")
        _refuse_unknown(path, set(weights) - set(net.state_dict()))
        plain = {n: w.detach().to(net.state_dict()[n].dtype).contiguous() for n, w in weights.items()}
        net.load_state_dict(plain, assign=True)
    return bank.eval()
