"""Features by the file of a network: which kind it is, its metadata say."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.evaluate.follow import EvaluateTracksOptions
from engine.core.config import check
from engine.core.errors import ConfigError, ModelError
from engine.following.config import FollowConfig
from offline.following.presets import follow_by
from tests.networks.separation import small_file
from tests.networks.similarity import small_cnn, small_twin


def test_the_kind_of_a_file_decides() -> None:
    cnn, twin = (follow_by(str(path)).input_features for path in (small_cnn(), small_twin()))
    assert cnn is not None and (cnn.name, cnn.weights) == ("siamese-cnn", small_cnn())
    assert twin is not None and (twin.name, twin.weights) == ("learned", small_twin())


def test_the_cost_of_its_warping_is_its_distance_alone() -> None:
    assert follow_by(str(small_cnn())).warp.onset == 0
    assert follow_by(str(small_twin())).warp == FollowConfig().warp


def test_other_files_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="export similarity"):
        follow_by(str(small_file()))
    with pytest.raises(ModelError, match="readable"):
        follow_by(str(tmp_path / "absent.onnx"))
    with pytest.raises(ConfigError, match="did you mean bands"):
        follow_by("bnads")


def test_a_choice_may_be_a_file() -> None:
    check(EvaluateTracksOptions(folder=Path(), features="mine.onnx"))
    with pytest.raises(ConfigError, match="one of learned"):
        check(EvaluateTracksOptions(folder=Path(), features="mine.pt"))
