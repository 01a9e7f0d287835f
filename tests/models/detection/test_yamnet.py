"""YAMNet's variables out of a SavedModel: a table written here by the book, its network beside one not folded."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from pathlib import Path

import librosa
import numpy as np
import pytest
import torch
from torch.nn import functional as F

from cli.app import main
from cli.terminal.stopping import USER_ERROR
from engine.core.errors import ModelError
from engine.core.format import AudioFormat
from engine.detection.crnn import SoundConfig
from engine.detection.window_network import WindowProbabilities
from models.detection.tensor_bundle import DATA, INDEX, MAGIC, read_variables
from models.detection.yamnet import CLASS_MAP, DENSE, DIMENSION, EPSILON, FLOOR, LAYERS, SAMPLE_RATE, WINDOW, yamnet
from tests.tolerances import FLOAT32

Arrays = dict[str, np.ndarray]
PREFIX = "layer-1/layer/_func/_yamnet/layer_with_weights-{}/{}/.ATTRIBUTES/VARIABLE_VALUE"


def varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def block(entries: Mapping[bytes, bytes]) -> bytes:
    """Sorted entries, each key by what it adds to the one before; no compression, an empty checksum."""
    out, before = b"", b""
    for key in sorted(entries):
        shared = next(
            (i for i, (a, b) in enumerate(zip(key, before, strict=False)) if a != b), min(len(key), len(before))
        )
        new, before = key[shared:], key
        out += varint(shared) + varint(len(new)) + varint(len(entries[key])) + new + entries[key]
    return out + bytes(4) + (1).to_bytes(4, "little") + bytes(5)


def save(folder: Path, arrays: Arrays) -> Path:
    """As TensorFlow saves variables."""
    (folder / "variables").mkdir(parents=True, exist_ok=True)
    entries, data = {b"": field(1, 1)}, b""  # the header: one file of data
    for name, array in arrays.items():
        shape = b"".join(field(2, field(1, n)) for n in array.shape)
        entries[name.encode()] = field(1, 1) + field(2, shape) + field(4, len(data)) + field(5, array.nbytes)
        data += array.astype("<f4").tobytes()
    entries[b"_CHECKPOINTABLE_OBJECT_GRAPH"] = field(1, 7) + field(5, 3)  # a string, which is passed over
    half = sorted(entries)[len(entries) // 2]
    parts = [{k: v for k, v in entries.items() if (k < half) == first} for first in (True, False)]
    table, handles = b"", {}
    for part in parts:
        handles[max(part)] = varint(len(table)) + varint(len(block(part)) - 5)
        table += block(part)
    meta = varint(len(table)) + varint(len(block({})) - 5)
    table += block({})
    footer = meta + varint(len(table)) + varint(len(block(handles)) - 5)
    table += block(handles) + footer.ljust(40, b"\0") + MAGIC
    (folder / "variables" / INDEX).write_bytes(table)
    (folder / "variables" / DATA).write_bytes(data)
    return folder


def variables() -> Arrays:
    """Random ones of the published shapes."""
    rng, arrays = np.random.default_rng(0), {}
    sizes = [("kernel", (3, 3, 1, 32))]
    for n_in, (_, n_out) in zip([32, *(n for _, n in LAYERS)], LAYERS, strict=False):
        sizes += [("depthwise_kernel", (3, 3, n_in, 1)), ("kernel", (1, 1, n_in, n_out))]
    for i, (name, shape) in enumerate(sizes):
        fan_in = (
            math.prod(shape) // (1 if name == "depthwise_kernel" else shape[3]) // (shape[2] if shape[3] == 1 else 1)
        )
        arrays[PREFIX.format(2 * i, name)] = rng.standard_normal(shape) * np.sqrt(2 / fan_in)
        n = shape[2] if name == "depthwise_kernel" else shape[3]
        arrays[PREFIX.format(2 * i + 1, "beta")] = 0.1 * rng.standard_normal(n)
        arrays[PREFIX.format(2 * i + 1, "moving_mean")] = 0.1 * rng.standard_normal(n)
        arrays[PREFIX.format(2 * i + 1, "moving_variance")] = rng.uniform(0.5, 2, n)
    arrays["keras_api/metrics/0/total/.ATTRIBUTES/VARIABLE_VALUE"] = np.zeros(())
    return {name: array.astype(np.float32) for name, array in arrays.items()}


def test_variables_come_out_as_they_went_in(tmp_path: Path) -> None:
    given = variables()
    found = read_variables(save(tmp_path, given))
    assert found.keys() == given.keys()
    assert all(np.array_equal(found[name], array) for name, array in given.items())


def same(x: torch.Tensor, stride: int) -> torch.Tensor:
    """TensorFlow's padding for a kernel of three: as many rows out as there are strides, the odd one at the end."""
    pads = []
    for n in (x.shape[3], x.shape[2]):
        total = max((math.ceil(n / stride) - 1) * stride + 3 - n, 0)
        pads += [total // 2, total - total // 2]
    return F.pad(x, pads)


def plain(given: Arrays, mel: torch.Tensor) -> torch.Tensor:
    """The network as published: convolution, batch norm, ReLU."""
    x, n = mel[:, None], 0
    strides = [2, *(s for stride, _ in LAYERS for s in (stride, 1))]
    for stride in strides:
        kernels = {name: given.get(PREFIX.format(n, name)) for name in ("kernel", "depthwise_kernel")}
        depthwise = kernels["depthwise_kernel"] is not None
        kernel = torch.from_numpy(kernels["depthwise_kernel" if depthwise else "kernel"])
        weight = kernel.permute(2, 3, 0, 1) if depthwise else kernel.permute(3, 2, 0, 1)
        x = same(x, stride) if weight.shape[2] == 3 else x
        x = F.conv2d(x, weight, stride=stride, groups=x.shape[1] if depthwise else 1)
        names = ("moving_mean", "moving_variance", "beta")
        mean, variance, beta = (torch.from_numpy(given[PREFIX.format(n + 1, name)]) for name in names)
        x = torch.relu(F.batch_norm(x, mean, variance, None, beta, eps=EPSILON))
        n += 2
    return x.mean((2, 3))


def test_the_folded_network_is_the_published_one(tmp_path: Path) -> None:
    given = variables()
    net = yamnet(given, tmp_path)
    audio = torch.from_numpy(np.random.default_rng(1).standard_normal((2, WINDOW)).astype(np.float32)) * 0.1
    with torch.no_grad():
        found, expected = net(audio), plain(given, net.log_mel(audio))
    assert found.shape == (2, DIMENSION)
    assert (found - expected).abs().max() < 10 * FLOAT32 * expected.std()


def test_log_mel_is_that_of_librosa(tmp_path: Path) -> None:
    """Magnitudes are librosa's; a tone stands in the band that its mel says."""
    net = yamnet(variables(), tmp_path)
    time_s = np.arange(WINDOW) / SAMPLE_RATE
    for hz in (200, 1000, 5000):
        audio = np.sin(2 * np.pi * hz * time_s).astype(np.float32)
        with torch.no_grad():
            mel = net.log_mel(torch.from_numpy(audio)[None])[0].numpy()
        magnitude = np.abs(
            librosa.stft(np.pad(audio, (56, 56)), n_fft=512, hop_length=160, win_length=400, center=False)
        )
        expected = np.log(magnitude.T @ net.mel.numpy() + FLOOR)
        assert mel.shape == (96, 64)
        assert np.abs(mel - expected).max() < 2e-3  # float32 sums where hardly anything sounds
        tops = np.linspace(*1127 * np.log1p(np.array([125, 7500]) / 700), 66)[1:-1]
        assert abs(mel.mean(0).argmax() - np.abs(tops - 1127 * np.log1p(hz / 700)).argmin()) <= 1


def test_what_is_no_saved_model(tmp_path: Path) -> None:
    given = variables()
    folder = save(tmp_path, given)
    index, data = (folder / "variables" / name for name in (INDEX, DATA))
    whole = index.read_bytes()
    for n in (0, 10, 47, len(whole) // 2, len(whole) - 1):
        index.write_bytes(whole[:n])
        with pytest.raises(ModelError, match="SavedModel"):
            read_variables(folder)
    index.write_bytes(whole)
    data.write_bytes(data.read_bytes()[:-4])
    with pytest.raises(ModelError, match="beyond the end"):
        read_variables(folder)
    with pytest.raises(ModelError, match="SavedModel"):
        read_variables(tmp_path / "nothing")


def test_a_damaged_index_never_harms(tmp_path: Path) -> None:
    folder = save(tmp_path, {PREFIX.format(0, "kernel"): np.ones((3, 3, 1, 32), np.float32)})
    index = folder / "variables" / INDEX
    whole, rng = index.read_bytes(), np.random.default_rng(0)
    for _ in range(300):
        broken = bytearray(whole)
        broken[rng.integers(len(whole))] = rng.integers(256)
        index.write_bytes(broken)
        with contextlib.suppress(ModelError):
            read_variables(folder)


def test_another_network_is_named(tmp_path: Path) -> None:
    given = variables()
    for change in ({}, {PREFIX.format(3, "beta"): np.zeros(5, np.float32)}):
        other = {**given, **change}
        if not change:
            del other[PREFIX.format(3, "beta")]
        with pytest.raises(ModelError, match="beta of layer 3"):
            yamnet(other, tmp_path)
    given[PREFIX.format(0, "kernel")][0, 0, 0, 0] = np.nan
    with pytest.raises(ModelError, match="NaN"):
        yamnet(given, tmp_path)


def test_its_classes_are_heard_live(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One command makes a detector of the folder; its rows are those of a front end and a network written anew."""
    names = [f"sound {i}, of a kind" for i in range(521)]
    rng, given = np.random.default_rng(5), variables()
    kernel, bias = rng.standard_normal((DIMENSION, 521)) * 0.05, rng.standard_normal(521)
    given |= {PREFIX.format(DENSE, "kernel"): kernel.astype("f4"), PREFIX.format(DENSE, "bias"): bias.astype("f4")}
    folder, out = save(tmp_path / "yamnet", given), tmp_path / "sounds.onnx"
    words = ["import-weights", str(folder), "--detector", "--licence", "Apache-2.0", "-o", str(out)]
    assert main(words) == USER_ERROR
    assert "yamnet_class_map.csv" in capsys.readouterr().err
    (folder / CLASS_MAP).parent.mkdir()
    lines = ["index,mid,display_name", *(f'{i},/m/{i},"{name}"' for i, name in enumerate(names))]
    (folder / CLASS_MAP).write_text("\n".join(lines) + "\n")
    assert main(words) == 0

    audio = (0.1 * rng.standard_normal(2 * SAMPLE_RATE)).astype(np.float32)
    node = WindowProbabilities(SoundConfig(model=out), AudioFormat(sample_rate=SAMPLE_RATE, n_channels=1))
    rows = np.concatenate([node.process(audio[at : at + 1000, None]).copy() for at in range(0, len(audio), 1000)])
    assert node.classes == tuple(names)
    hop, n_windows = 160, len(audio) // 160 // 48
    assert len(rows) == n_windows
    bank = net_bank()
    spectra = np.abs(
        librosa.stft(np.pad(audio, (56 + 240, 56)), n_fft=512, hop_length=hop, win_length=400, center=False)
    )
    mel = np.log(spectra.T @ bank + FLOOR)
    for k in range(2, n_windows):
        window = torch.from_numpy(mel[48 * (k + 1) - 96 : 48 * (k + 1)].astype(np.float32))
        pooled = plain(given, window[None]).numpy()
        expected = 1 / (1 + np.exp(-(pooled @ kernel + bias)))[0]
        assert np.abs(rows[k] - expected).max() < 1e-3


def net_bank() -> np.ndarray:
    """Triangles over mels of HTK, (bin, mel), as TensorFlow makes them: none of the constant bin."""
    mel = 1127 * np.log1p(np.arange(257) * SAMPLE_RATE / 512 / 700)
    edges = np.linspace(*(1127 * np.log1p(np.array([125.0, 7500.0]) / 700)), 66)
    bank = np.stack([np.interp(mel, edges[k : k + 3], [0, 1, 0]) for k in range(64)], 1)
    bank[0] = 0
    return bank
