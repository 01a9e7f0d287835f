"""Ableton Link: another library's member has our beat while the tempo swings; who only joins changes nothing."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.core.errors import ConfigError
from engine.stage.clocks import link_process
from engine.stage.clocks.link_outlet import LinkOutlet
from engine.stage.phase import BeatLine, PhaseChange, PhaseConfig, Turn
from tests.engine.stage.clocks.session_in_jack import SessionInJack, played
from tests.places import ROOT
from tests.soak.helpers import await_that
from tests.tolerances import LINK_S

BPM, SWING_BPM, SWING_S = 100.0, 15.0, 8.0


def swinging(at_s: float) -> float:
    """Quarters at a tempo of 100 and up to 15 more or less, within 8 s."""
    depth = SWING_BPM / 60 * SWING_S / (2 * math.pi)
    return BPM / 60 * at_s + depth * (1 - math.cos(2 * math.pi * at_s / SWING_S))


class Peer:
    """The other member's process."""

    def __init__(self, seconds: float, bpm: float = 120.0) -> None:
        command = [sys.executable, "-m", "tests.engine.stage.clocks.link_peer", str(seconds), str(bpm)]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def rows(self) -> list[list[float]]:
        """Wait for its end; return time, beat, tempo, number of others and whether it plays."""
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            rows = [json.loads(line) for line in lines]
        self.process.wait()
        return rows


class Noting(LinkOutlet):
    """Notes the lines that it passes on, on this machine's clock."""

    def __init__(self, *arguments: Any) -> None:
        self.changes: list[PhaseChange] = []
        super().__init__(*arguments)

    def show(self, changes: list[PhaseChange], time: Any) -> None:
        self.changes += [
            change._replace(line=change.line._replace(at_s=time.there(change.line.at_s))) for change in changes
        ]
        super().show(changes, time)


def line_at(changes: list[PhaseChange], at_s: float) -> BeatLine | None:
    past = [change for change in changes if change.line.at_s <= at_s]
    return past[-1].line if past and past[-1].turn is not Turn.HALT else None


@pytest.mark.slow
def test_another_member_has_the_performers_beat_while_the_tempo_swings() -> None:
    peer = Peer(14.0)
    said: list[str] = []
    outlet = Noting("lead", PhaseConfig(), said.append)
    SessionInJack(0).play(outlet, played(swinging, 0.5, 11.0, BPM))
    outlet.close()
    rows = peer.rows()
    begun_s = outlet.changes[0].line.at_s + 1.0  # by then it has met the other, and leapt to our beat
    errors = [
        math.remainder(beat - line.place(at_s), 4.0) / line.rate
        for at_s, beat, *_ in rows
        if at_s > begun_s and (line := line_at(outlet.changes, at_s)) is not None
    ]
    assert len(errors) > 500
    assert np.percentile(np.abs(errors), 99) < LINK_S
    assert any("1 other program," in text for text in said)
    assert any(playing for *_, playing in rows)
    assert not rows[-1][-1]  # it stops with us


@pytest.mark.slow
def test_who_only_joins_changes_nothing() -> None:
    peer = Peer(6.0, 87.0)
    said: list[str] = []
    outlet = LinkOutlet("follow", PhaseConfig(), said.append)
    SessionInJack(0).play(outlet, played(swinging, 0.2, 4.0, BPM))
    assert outlet.tempo_bpm == pytest.approx(87.0, rel=1e-4)
    outlet.close()
    rows = peer.rows()
    assert max(n for _, _, _, n, _ in rows) == 1
    assert {round(tempo, 2) for _, _, tempo, _, _ in rows} == {87.0}
    assert said[0] == "Ableton Link: 1 other program, 87 quarters a minute"


@pytest.mark.slow
def test_a_process_that_dies_is_replaced() -> None:
    said: list[str] = []
    outlet = LinkOutlet("lead", PhaseConfig(), said.append)
    try:
        outlet._process.kill()
        for text in ("its process has ended; the music goes on without it", "joined again"):
            await_that(lambda text=text: f"Ableton Link: {text}" in said, text)
        assert outlet.trouble == ""
    finally:
        outlet.close()


def test_without_the_package_one_line_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_process, "PACKAGE", "no-such-package")
    with pytest.raises(ConfigError, match="GPL"):
        link_process.link_library()


def test_the_library_is_loaded_past_a_file_of_the_same_name(tmp_path: Path) -> None:
    (tmp_path / "link.py").write_text("raise SystemExit('the wrong one')")
    code = "import sys; from engine.stage.clocks.link_process import link_library; print(link_library().__file__)"
    found = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(ROOT)!r}]; {code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "site-packages" in found.stdout
