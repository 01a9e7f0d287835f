"""The controls: what they ask of a session, what they refuse, and what outlasts a session."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from engine.core.errors import EngineError
from engine.core.orders import (
    CountIn,
    GoTo,
    ListenForSounds,
    MutePart,
    RefusePieces,
    SetDynamics,
    SetPace,
    SetPartGain,
    SetThreshold,
)
from engine.stage.controls.desk import StageWish
from engine.stage.controls.stage_controls import StageControls
from tests.engine.stage.server.served import HeardSession

BARS = [(0.0, 1), (4.0, 2), (8.0, 3), (12.0, 2)]
EVERYTHING = ("follow", "accompany", "detect")


def running(*does: str) -> tuple[StageControls, HeardSession]:
    controls, session = StageControls(does), HeardSession()
    controls.equip(("Violin",), other=True)
    controls.bars = lambda: BARS
    controls.prepare()
    controls.attach(session)
    return controls, session


def wishes(controls: StageControls) -> list[str]:
    return [controls.wishes.get_nowait().name for _ in range(controls.wishes.qsize())]


def test_each_control_reaches_the_session() -> None:
    controls, session = running(*EVERYTHING)
    controls.go_to(2.5)
    controls.go_to_bar(2)
    controls.tempo_ratio(0.5)
    controls.dynamics(0.25)
    controls.set_gain("Violin", -6)
    controls.mute("Violin", True)
    controls.threshold("dog", 0.3)
    assert session.orders == [
        GoTo(2.5), GoTo(4.0), SetPace(0.5), SetDynamics(0.25), SetPartGain("Violin", -6.0), MutePart("Violin", False),
        SetPartGain("Violin", -6.0), MutePart("Violin", True), SetThreshold("dog", 0.3),
    ]  # fmt: skip
    controls.set_gain("harmonic", 6)
    controls.mute("harmonic", True)
    assert session.gains == {"harmonic": 0.0}
    controls.mute("harmonic", False)
    assert session.gains["harmonic"] == pytest.approx(10 ** (6 / 20))


def test_not_listening_outlasts_a_session() -> None:
    controls, session = running("detect")
    controls.listen_for_sounds(False)
    assert session.orders == [ListenForSounds(False)] and controls.desk.deaf
    controls.detach()
    controls.attach(again := HeardSession())
    assert again.orders == [ListenForSounds(False)]
    controls.listen_for_sounds(True)
    assert again.orders[1:] == [ListenForSounds(True)] and not controls.desk.deaf
    with pytest.raises(EngineError, match="detection"):
        running("follow")[0].listen_for_sounds(False)


def test_what_was_set_holds_for_the_next_session() -> None:
    controls, _ = running(*EVERYTHING)
    controls.set_gain("harmonic", -200)
    controls.tempo_ratio(2.0)
    controls.mute("Violin", True)
    controls.detach()
    controls.prepare()
    controls.attach(again := HeardSession())
    assert again.gains == {"harmonic": 0.0}
    assert again.orders == [MutePart("Violin", True), SetPace(2.0)]


def test_only_thresholds_that_were_set_are_set_again() -> None:
    controls, _ = running("detect")
    controls.show_thresholds({"dog": 0.61234, "bell": 0.5})
    controls.threshold("dog", 0.25)
    assert controls.desk.thresholds == {"dog": 0.25, "bell": 0.5}
    with pytest.raises(EngineError):
        controls.threshold("cat", 0.5)
    controls.detach()
    controls.attach(again := HeardSession())
    assert again.orders == [SetThreshold("dog", 0.25)]


def test_scores_that_are_refused_are_so_until_they_are_chosen() -> None:
    controls, session = running("follow")
    controls.scores, controls.piece_ids = ("s1", "s2", "sent"), {"s1": "a", "s2": "b"}
    controls.refuse("s1")
    controls.refuse("s2")
    controls.refuse("s2")
    assert session.orders == [RefusePieces(("a",)), RefusePieces(("a", "b")), RefusePieces(("a", "b"))]
    with pytest.raises(EngineError):
        controls.refuse("sent")
    controls.choose("s1")
    assert session.orders[-1] == RefusePieces(("b",))
    controls.detach()
    controls.attach(again := HeardSession())
    assert again.orders == [RefusePieces(("b",))]


def test_another_score_takes_its_parts_and_no_loop() -> None:
    controls, _ = running(*EVERYTHING)
    controls.loop(1, 2)
    controls.mute("Violin", True)
    controls.equip(("Cello",), other=True)
    assert controls.desk.loop is None and controls.desk.muted == ()


@pytest.mark.parametrize(
    "act",
    [
        lambda c: c.go_to(-1),
        lambda c: c.go_to_bar(9),
        lambda c: c.set_gain("nobody", 0),
        lambda c: c.set_gain("harmonic", 1000),
        lambda c: c.set_gain("harmonic", float("nan")),
        lambda c: c.mute("nobody", True),
        lambda c: c.loop(3, 1),
        lambda c: c.tempo_ratio(0),
        lambda c: c.dynamics(2),
        lambda c: c.threshold("dog", 1.5),
        lambda c: c.choose("s9"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(act: Callable[[StageControls], Any]) -> None:
    controls, session = running(*EVERYTHING)
    with pytest.raises(EngineError) as error:
        act(controls)
    assert "\n" not in str(error.value)
    assert not session.orders and not session.gains


@pytest.mark.parametrize(
    "act",
    [
        lambda c: c.go_to(1),
        lambda c: c.loop(1, 2),
        lambda c: c.tempo_ratio(1),
        lambda c: c.dynamics(1),
        lambda c: c.threshold("dog", 0.5),
        lambda c: c.count_in(),
    ],
)
def test_a_session_without_it_refuses(act: Callable[[StageControls], Any]) -> None:
    controls, session = running("separate")
    with pytest.raises(EngineError, match="a session without"):
        act(controls)
    assert not session.orders


def test_start_counts_once_and_stop_is_known_from_ctrl_c() -> None:
    controls = StageControls(["follow"])
    controls.start()
    controls.start()
    assert wishes(controls) == ["start"]
    controls.prepare()
    controls.stop()
    assert controls.halt.is_set() and controls.ended_by_hand
    controls.detach()
    controls.start()
    controls.prepare()
    assert not controls.halt.is_set() and not controls.ended_by_hand


def test_what_needs_a_new_session_starts_one_only_if_one_runs() -> None:
    controls = StageControls(["follow"])
    controls.scores = {"s1"}
    controls.choose("s1")
    assert controls.wishes.get_nowait() == StageWish("choose", "s1")
    controls.start()
    controls.choose("s1")
    assert wishes(controls) == ["start", "choose", "start"]
    assert controls.halt.is_set()


def test_whoever_listens_is_told_of_every_change() -> None:
    controls, told = StageControls(["follow", "accompany"]), []
    controls.listen(told.append)
    controls.tempo_ratio(0.5)
    assert [desk.ratio for desk in told] == [0.5]


def test_a_loop_that_the_session_can_take_up_ends_no_session() -> None:
    controls, _ = running("follow")
    asked: list[object] = []
    controls.change = lambda: bool(asked.append(controls.desk.loop)) or True
    controls.loop(1, 2)
    controls.loop(None, None)
    assert asked == [(1, 2), None] and wishes(controls) == [] and not controls.halt.is_set()
    controls.change = lambda: False
    controls.loop(1, 2)
    assert wishes(controls) == ["again", "start"] and controls.halt.is_set()


def test_in_a_loop_only_its_places_can_be_gone_to() -> None:
    controls, session = running("follow")
    controls.change = lambda: True
    controls.loop(1, 2)
    controls.go_to(7.9)
    with pytest.raises(EngineError, match="bars 1 to 2"):
        controls.go_to(8.0)
    controls.loop(None, None)
    controls.go_to(8.0)
    assert session.orders == [GoTo(7.9), GoTo(8.0)]


@pytest.mark.parametrize(
    ("here", "loop", "begin"), [(-0.1, None, 0.0), (6.5, None, 4.0), (2.0, (2, 3), 4.0), (9, (2, 3), 8.0)]
)
def test_bars_are_counted_before_the_one_that_is_played(here: float, loop: Any, begin: float) -> None:
    controls, session = running("follow", "accompany")
    controls.here, controls.change = (lambda: here), lambda: True
    if loop is not None:
        controls.loop(*loop)
    controls.count_in()
    assert session.orders == [CountIn(begin, 1)] and wishes(controls) == []


def test_where_nothing_runs_a_count_in_begins() -> None:
    controls = StageControls(["follow", "accompany"])
    controls.count_in()
    assert wishes(controls) == ["start"] and controls.count_in_bars == 1


def test_the_sum_and_the_input_itself() -> None:
    controls, session = running("separate")
    controls.set_gain("harmonic", -6)
    controls.mute("percussive", True)
    controls.set_gain("sum", -20)
    assert session.gains == {"harmonic": pytest.approx(10 ** (-26 / 20)), "percussive": 0.0}
    controls.pass_through(True)
    assert list(session.gains.values()) == pytest.approx([0.1, 0.1])
    controls.pass_through(False)
    assert session.gains["percussive"] == 0.0
    with pytest.raises(EngineError):
        running("follow")[0].pass_through(True)
    with pytest.raises(EngineError):
        running("follow")[0].set_gain("sum", 0)


def test_a_sound_is_not_told_for_a_while() -> None:
    controls, session = running("detect")
    controls.show_thresholds({"dog": 0.6, "bell": 0.5})
    controls.quiet("dog", 3600)
    assert session.orders == [SetThreshold("dog", 1.0)] and list(controls.desk.quiet) == ["dog"]
    controls.quiet("dog", 0)
    assert session.orders[-1] == SetThreshold("dog", 0.6) and controls.desk.quiet == {}
    controls.quiet("dog", 3600)
    controls.threshold("dog", 0.7)  # whoever sets it wants to be told
    assert session.orders[-1] == SetThreshold("dog", 0.7) and controls.desk.quiet == {}
    over = threading.Event()
    controls.quiet("bell", 0.01)
    controls.listen(lambda desk: over.set() if "bell" not in desk.quiet else None)
    assert over.wait(10) and session.orders[-1] == SetThreshold("bell", 0.5)


def test_quiet_lasts_into_the_next_session() -> None:
    controls, _ = running("detect")
    controls.show_thresholds({"dog": 0.6})
    controls.quiet("dog", 3600)
    controls.detach()
    controls.attach(again := HeardSession())
    assert again.orders == [SetThreshold("dog", 1.0)]
