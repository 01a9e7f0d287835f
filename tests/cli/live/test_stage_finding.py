"""A folder on the stage: with what the score that is played is found, and with what it is chosen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cli.backing_options import BackingOptions
from cli.live.stage import run_stage
from cli.live.stage_changes import StageChanges
from cli.live.stage_finding import StageFinding, stage_finding
from cli.live.stage_sessions import session_config
from cli.outward_options import OutwardOptions
from cli.stage_outputs import StageOutputs
from engine.core.errors import ConfigError
from engine.stage.controls.stage_controls import StageControls
from engine.stage.finding.piece_follower import PieceFollowerConfig
from engine.stage.server.shelf import StageShelf
from tests.cli.live.test_stage import at_hand, options, study, take

__all__ = ["study", "take"]  # fixtures


@pytest.fixture
def folder(study: Path) -> Path:
    (study.parent / "second.musicxml").write_text(study.read_text())
    return study.parent


def finding_of(folder: Path, take: Path, **more: Any) -> StageFinding | None:
    scores = sorted(folder.glob("*.musicxml"))
    shelf = StageShelf(scores, folder / "uploads", (), repeats_after_jump=False)
    return stage_finding(options(folder, take, **more), scores, shelf)


def node_of(folder: Path, take: Path, **more: Any) -> PieceFollowerConfig:
    finding = finding_of(folder, take, **more)
    assert finding is not None
    config = session_config(options(folder, take, **more), at_hand(folder / "study.musicxml"))
    applied = finding.applied(config).pipeline
    assert applied.score is None and len(applied.listeners) == 1
    node = applied.listeners[0]
    assert isinstance(node, PieceFollowerConfig)
    return node


@pytest.mark.parametrize("method", ["search", "match"])
def test_what_is_found_is_followed_by_the_method_that_is_asked_for(folder: Path, take: Path, method: str) -> None:
    follow = node_of(folder, take, follow=method).follow
    assert follow is not None and follow.method == method and follow.input_features is None


def test_what_belongs_to_one_score_leaves_the_choice_to_the_page(
    folder: Path, take: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cues = replace(StageOutputs(), beyond=replace(OutwardOptions(), cues=folder / "show.toml"))
    for more in ({"solo": ("Solo",)}, {"outward": cues}):
        assert finding_of(folder, take, **more) is None
        assert "choose it on the page" in capsys.readouterr().err


@pytest.mark.parametrize(("solo", "said"), [((), "add --solo"), (("Solo",), "name the file of the score")])
def test_a_recorded_backing_of_a_folder_is_refused(folder: Path, take: Path, solo: tuple[str, ...], said: str) -> None:
    backing = replace(BackingOptions(), backing=take)
    with pytest.raises(ConfigError, match=said):
        run_stage(options(folder, take, solo=solo, recorded=backing))


@pytest.mark.parametrize("finds", [True, False])
def test_after_a_loop_the_finder_is_back(folder: Path, take: Path, *, finds: bool) -> None:
    """Bars that are looped are of one score; the session of the whole score begins anew where it finds."""
    chosen = options(folder, take)
    controls = StageControls(["follow"])
    changes = StageChanges(chosen, controls, print, lambda: finds)
    looped = at_hand(folder / "study.musicxml", loop=(2, 3))

    class Running:
        config = session_config(chosen, looped)
        engine = object()

        def change_score(self, *args: object) -> bool:
            return True

    changes.attach(Running(), looped)  # type: ignore[arg-type]
    assert changes.ask() is not finds
