"""Files that are no networks, or other ones: one line each, and nothing else is touched."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from engine.core.errors import ModelError
from engine.inference.network import Network
from tests.networks.separation import small_file


def graph_file(path: Path, *, metadata: dict[str, str] | None = None, state: object = 3) -> Path:
    """Adds its input to a running sum: the smallest network with a state."""
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [state]) for name in ("x", "sum_in")]
    results = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [state]) for name in ("sum_out",)]
    graph = helper.make_graph([helper.make_node("Add", ["x", "sum_in"], ["sum_out"])], "sum", values, results)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    helper.set_model_props(model, {"kind": '"sum"'} if metadata is None else metadata)
    path.write_bytes(model.SerializeToString())
    return path


def test_state_is_carried_and_reset(tmp_path: Path) -> None:
    network = Network(graph_file(tmp_path / "sum.onnx"), "sum")
    one = np.ones(3, np.float32)
    assert [network.run({"x": one})["sum_out"][0] for _ in range(3)] == [1, 2, 3]
    network.reset()
    assert network.run({"x": one})["sum_out"].tolist() == [1, 1, 1]


def refused(path: Path, kind: str = "unmix") -> str:
    with pytest.raises(ModelError) as caught:
        Network(path, kind)
    line = str(caught.value)
    assert "\n" not in line
    assert len(line) < 400
    assert str(path) in line
    return line


def test_what_is_no_file(tmp_path: Path) -> None:
    assert "No such file" in refused(tmp_path / "missing.onnx")
    refused(tmp_path)


@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"RIFF....WAVE", b"\x08\x07" * 500, "ÿ".encode() * 999])
def test_what_is_no_network(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file.onnx"
    path.write_bytes(content)
    refused(path)


@pytest.mark.parametrize("part", [0.01, 0.3, 0.7, 1.0])
def test_truncated_files(part: float, tmp_path: Path) -> None:
    """At least by the last byte; a cut right between two entries of the metadata leaves a whole file without one."""
    whole = small_file().read_bytes()
    path = tmp_path / "cut.onnx"
    path.write_bytes(whole[: min(int(part * len(whole)), len(whole) - 1)])
    refused(path)


@pytest.mark.parametrize("seed", range(20))
def test_damaged_files_never_crash(seed: int, tmp_path: Path) -> None:
    """Flipped bytes may hit weights, and then the file still loads; whatever happens is that or one line."""
    content = bytearray(small_file().read_bytes())
    rng = np.random.default_rng(seed)
    for at in rng.integers(len(content), size=20):
        content[at] = rng.integers(256)
    path = tmp_path / "damaged.onnx"
    path.write_bytes(content)
    try:
        Network(path, "unmix")
    except ModelError as error:
        assert "\n" not in str(error)


def test_another_kind_of_network(tmp_path: Path) -> None:
    assert "expected a network of kind unmix, got sum" in refused(graph_file(tmp_path / "sum.onnx"))


@pytest.mark.parametrize("metadata", [{}, {"kind": "sum"}, {"kind": "[" * 100_000}, {"kind": "7"}])
def test_metadata_missing_or_malformed(metadata: dict[str, str], tmp_path: Path) -> None:
    refused(graph_file(tmp_path / "sum.onnx", metadata=metadata), "sum")


@pytest.mark.parametrize("state", ["n", 1 << 30])
def test_a_state_without_a_sensible_size(state: object, tmp_path: Path) -> None:
    assert "fixed size" in refused(graph_file(tmp_path / "sum.onnx", state=state), "sum")


def test_other_files_are_never_pulled_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights kept outside the file would let it read any file of the machine."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret.bin").write_bytes(np.ones(4, np.float32).tobytes())
    weights = helper.make_tensor("w", TensorProto.FLOAT, [4], np.ones(4, np.float32).tobytes(), raw=True)
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    entry = weights.external_data.add()
    entry.key, entry.value = "location", "secret.bin"
    value = helper.make_tensor_value_info("y", TensorProto.FLOAT, [4])
    graph = helper.make_graph([helper.make_node("Identity", ["w"], ["y"])], "leak", [], [value], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.helper.set_model_props(model, {"kind": '"sum"'})
    path = tmp_path / "leak.onnx"
    path.write_bytes(model.SerializeToString())
    refused(path, "sum")
