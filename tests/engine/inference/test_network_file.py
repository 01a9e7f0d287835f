"""The metadata of network files, read without opening them: what the runtime reads, and files that are none."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from engine.core.errors import ModelError
from engine.inference.network import Network
from engine.inference.network_file import read_network_file
from tests.networks.detection import small_crnn_file
from tests.places import ROOT

SHIPPED = ROOT / "models" / "weights" / "crnn.onnx"


@pytest.mark.parametrize("path", [SHIPPED, small_crnn_file()], ids=["shipped", "small"])
def test_the_runtime_reads_the_same(path: Path) -> None:
    file = read_network_file(path, "crnn")
    assert file.metadata == Network(path, "crnn").metadata
    assert file.value("classes", list)
    with pytest.raises(ModelError, match="metadata 'hop' of type bool"):
        file.value("hop", bool)


def test_a_network_of_another_kind_is_refused() -> None:
    with pytest.raises(ModelError, match="expected a network of kind unmix, got crnn"):
        read_network_file(SHIPPED, "unmix")


@pytest.mark.parametrize("keep", [0, 1, 100, 1000])
def test_a_file_that_is_cut_short(keep: int, tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(SHIPPED.read_bytes()[:keep])
    with pytest.raises(ModelError, match=r"x\.onnx: expected (an ONNX network|1 to \d+ bytes)"):
        read_network_file(tmp_path / "x.onnx", "crnn")


def test_metadata_that_is_not_json(tmp_path: Path) -> None:
    model = onnx.load(str(SHIPPED))
    onnx.helper.set_model_props(model, {"kind": "crnn"})
    onnx.save(model, str(tmp_path / "x.onnx"))
    with pytest.raises(ModelError, match="metadata written as JSON"):
        read_network_file(tmp_path / "x.onnx", "crnn")
