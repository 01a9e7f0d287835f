"""An exported file becomes a network again, with the same output and fit for further training."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from engine.core.errors import ModelError
from models.detection.reimport import calibrate, crnn_from_onnx
from tests.networks.detection import small_crnn, small_crnn_file
from tests.networks.embedding import embedding_file
from tests.tolerances import EXPORT

MEL = torch.randn(2, 80, 128, generator=torch.Generator().manual_seed(0)) - 6


@pytest.mark.parametrize(
    "settings", [{"causal": True, "look_ahead": 1}, {}, {"activation": "glu", "causal": True, "look_ahead": 1}]
)
def test_the_file_becomes_the_network(settings: dict[str, object]) -> None:
    model, again = small_crnn(**settings), crnn_from_onnx(small_crnn_file(**settings), dropout=0.2)
    assert again.config.filters == model.config.filters
    assert again.config.dropout == 0.2
    with torch.inference_mode():
        expected = model(MEL)
        assert (again(MEL) - expected).abs().max() <= EXPORT * expected.std()
        calibrate(again, MEL)
        assert (again(MEL) - expected).abs().max() <= EXPORT * expected.std()
        again.train()
        for stack in again.stacks:
            stack.dropout.p = 0.0
        again.dropout.p = 0.0
        assert (again(MEL) - expected).abs().max() <= 10 * EXPORT * expected.std()  # the batch is what was measured


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="expected"):
        crnn_from_onnx(tmp_path / "x.onnx")
    with pytest.raises(ModelError, match="a sound event network to start from"):
        crnn_from_onnx(embedding_file())
