"""Control what is on the stage: one object for the page, OSC and MQTT, called from any thread."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Collection, Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from queue import SimpleQueue
from typing import Any, Protocol

from engine.core.config import require, require_one_of
from engine.core.errors import ConfigError
from engine.core.orders import (
    CountIn,
    GoTo,
    MutePart,
    Order,
    RefusePieces,
    SetDynamics,
    SetPace,
    SetPartGain,
    SetThreshold,
)

__all__ = ["ControlledSession", "StageControls", "StageDesk", "StageWish", "Wish"]

MIN_DB, MAX_DB = -80.0, 24.0  # of faders; at the lower end a target is silent
SAME = 1e-4  # quarters
SUM = "sum"  # the fader of all stems together
USUAL = 0.5  # probability from which a sound is told, where nothing says another
LONGEST_QUIET_S = 86_400.0
NEVER = 1.0  # probability from which nothing is told
MIN_RATIO, MAX_RATIO = 0.25, 4.0
CAN_NOT = {
    "follow": "a score to follow",
    "separate": "a separation: collaparte stage --separate hpss",
    "accompany": "an accompaniment: collaparte stage SCORE --solo PART",
    "detect": "the detection of sounds: collaparte stage --detect",
}


class ControlledSession(Protocol):
    """What the controls need of a running session."""

    @property
    def targets(self) -> tuple[str, ...]:
        """Return the names of its stems."""
        ...

    def set_gain(self, target: str, gain: float) -> None:
        """Set the gain of a stem, a factor."""
        ...

    def order(self, order: Order) -> None:
        """Pass an order to the pipeline."""
        ...

    def levels(self) -> dict[str, float]:
        """Return the peak of each stem, 0 to 1."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StageDesk:
    """Where the faders stand; read by all, replaced as a whole.

    gains: dB by target or part
    loop: first and last bar
    through: whether all stems sound as they are, whatever their faders say
    quiet: labels of sounds that are not told, and until when, seconds since 1970
    locked: controls that this session has not
    """

    gains: dict[str, float] = field(default_factory=dict)
    muted: tuple[str, ...] = ()
    ratio: float = 1.0
    dynamics: float = 1.0
    loop: tuple[int, int] | None = None
    through: bool = False
    thresholds: dict[str, float] = field(default_factory=dict)
    quiet: dict[str, float] = field(default_factory=dict)
    locked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StageWish:
    """What the thread that runs the sessions has to do.

    name: start, again (with other settings), choose or quit
    score: of choose
    """

    name: str
    score: str = ""


Wish = SimpleQueue[StageWish]


class StageControls:
    """Control the session that is running, or the one that will.

    does: what a session here does, of follow, accompany, separate, detect and generate
    parts: names of the parts that are played, with accompaniment
    ratio, dynamics, loop: what the settings say
    bars: returns the (quarter, number) of each bar of the score at hand
    here: returns the quarter that is played now
    change: has the session that runs go on in the bars that the desk says; returns whether that is possible
    labels: sounds that can be detected

    Every method raises EngineError, in one line, for what this session cannot do.
    """

    def __init__(
        self,
        does: Collection[str],
        *,
        parts: Sequence[str] = (),
        labels: Collection[str] = (),
        ratio: float = 1.0,
        dynamics: float = 0.5,
        loop: tuple[int, int] | None = None,
    ) -> None:
        self.does, self.parts, self.labels = frozenset(does), tuple(parts), frozenset(labels)
        self.bars: Callable[[], Sequence[tuple[float, int]]] = tuple
        self.here: Callable[[], float] = float
        self.change: Callable[[], bool] = bool
        self._usual = (ratio, dynamics)
        self.wishes: Wish = SimpleQueue()
        self.desk = StageDesk(ratio=ratio, dynamics=dynamics, loop=loop, locked=self._locked())
        self.halt = threading.Event()  # ends the session that runs
        self.count_in_bars = 0
        self.scores: Container[str] = ()
        self._session: ControlledSession | None = None
        self._begun = self._asked = False
        self._own_thresholds: dict[str, float] = {}  # that were set here
        self.piece_ids: Mapping[str, str] = {}  # of the scores that are found by listening, in the finder's index
        self._refused: list[str] = []
        self._lock = threading.RLock()
        self._changed: list[Callable[[StageDesk], None]] = []

    def _locked(self) -> tuple[str, ...]:
        needs = {"from": "follow", "loop": "follow", "ratio": "accompany", "dynamics": "accompany"}
        needs |= {"countin": "accompany", "threshold": "detect"}
        return tuple(name for name, what in needs.items() if what not in self.does)

    # For the thread that runs the sessions

    def prepare(self) -> None:
        """Say that a session is about to run; what ended the last one does not end it."""
        self._begun, self._asked = True, False
        self.halt.clear()

    def attach(self, session: ControlledSession) -> None:
        """Control this session from now on; what was set before holds for it."""
        with self._lock:
            self._session = session
            desk = self.desk
            for target in {*desk.gains, *desk.muted} - {*self.parts, SUM}:
                session.set_gain(target, self._factor(target))
            for order in self._standing(desk):
                session.order(order)

    def _standing(self, desk: StageDesk) -> list[Order]:
        orders: list[Order] = [SetPartGain(part, desk.gains[part]) for part in self.parts if part in desk.gains]
        orders += [MutePart(part, True) for part in self.parts if part in desk.muted]
        ratio, dynamics = self._usual
        orders += [SetPace(desk.ratio)] * (desk.ratio != ratio) + [SetDynamics(desk.dynamics)] * (
            desk.dynamics != dynamics
        )
        orders += [RefusePieces(self._refused_ids)] * bool(self._refused)
        orders += [SetThreshold(label, value) for label, value in self._own_thresholds.items()]
        return orders + [SetThreshold(label, NEVER) for label in desk.quiet]

    @property
    def _refused_ids(self) -> tuple[str, ...]:
        return tuple(self.piece_ids[score] for score in self._refused)

    def detach(self) -> None:
        """Say that no session is running."""
        with self._lock:
            self._session, self._begun = None, False

    @property
    def ended_by_hand(self) -> bool:
        """Return whether the last session was ended by whoever controls it."""
        return self._asked

    def show_gains(self, gains: Mapping[str, float]) -> None:
        """Take the gains with which a session has begun, dB, where none were set."""
        parts = dict.fromkeys(self.parts, 0.0)
        self._set(gains={**gains, **parts, **self.desk.gains})

    def equip(self, parts: Sequence[str], *, other: bool) -> None:
        """Take the parts of a score; settings of parts that it has not are dropped, and a loop if it is another."""
        with self._lock:
            gone = set(self.parts) - set(parts)
            self.parts, desk = tuple(parts), self.desk
            gains = {name: db for name, db in desk.gains.items() if name not in gone}
            muted = tuple(name for name in desk.muted if name not in gone)
            self._set(gains=gains, muted=muted, loop=None if other else desk.loop)

    def listen(self, changed: Callable[[StageDesk], None]) -> None:
        """Have a function called with the desk after every change, in whichever thread made it."""
        self._changed.append(changed)

    def show_thresholds(self, thresholds: Mapping[str, float]) -> None:
        """Take the thresholds of all sounds that a session can report, where none were set; no others can be."""
        self.labels = frozenset(thresholds)
        usual = {label: round(value, 3) for label, value in thresholds.items()}
        self._set(thresholds={**usual, **self._own_thresholds})

    @property
    def running(self) -> bool:
        """Return whether a session is running, or about to."""
        return self._begun

    def levels(self) -> dict[str, float]:
        """Return the peak of each target, 0 to 1; empty while nothing runs."""
        session = self._session
        return {} if session is None else session.levels()

    def _set(self, **values: Any) -> None:
        with self._lock:
            self.desk = replace(self.desk, **values)
        for changed in self._changed:
            changed(self.desk)

    def _need(self, what: str) -> None:
        if what not in self.does:
            raise ConfigError("stage", expected=CAN_NOT[what], got="a session without")

    def _order(self, order: Order) -> None:
        with self._lock:
            if self._session is not None:
                self._session.order(order)

    # For whoever controls

    def start(self) -> None:
        """Start a session, unless one runs."""
        with self._lock:
            if not self._begun:
                self._begun = True
                self.wishes.put(StageWish("start"))

    def stop(self) -> None:
        """End the session that runs."""
        self._asked = True
        self.halt.set()

    def quit(self) -> None:
        """End everything."""
        self.wishes.put(StageWish("quit"))
        self.stop()

    def _wish(self, wish: StageWish) -> None:
        """Have something done; a session that runs starts again with it."""
        with self._lock:
            self.wishes.put(wish)
            if self._begun:
                self.wishes.put(StageWish("start"))
                self.stop()

    def go_to(self, quarter: float) -> None:
        """Follow from here: wait for what is played at this quarter."""
        self._need("follow")
        require("quarter", quarter, 0, 1e6)
        if self._session is None:
            raise ConfigError("from here", expected="a session that runs", got="none", remedy="start it first")
        if (loop := self.desk.loop) is not None and not self._within(loop, quarter):
            expected = f"a place in bars {loop[0]} to {loop[1]}, which are repeated"
            raise ConfigError("from here", expected=expected, got="another", remedy="end the loop first")
        self._order(GoTo(float(quarter)))

    def go_to_bar(self, number: int) -> None:
        """Follow from the first bar of this number."""
        self.go_to(self._quarter_of(number))

    def _quarter_of(self, number: int) -> float:
        bars = self.bars()
        for quarter, each in bars:
            if each == number:
                return max(quarter, 0.0)
        known = f"a bar from {min(n for _, n in bars)} to {max(n for _, n in bars)}" if bars else "a score with bars"
        raise ConfigError("bar", expected=known, got=str(number))

    def pass_through(self, on: bool) -> None:
        """Let all stems sound as they are, which is the input, or as their faders say."""
        self._need("separate")
        self._set(through=on)
        self._apply_gain(SUM)

    def _within(self, loop: tuple[int, int], quarter: float) -> bool:
        begin, end = self._span(loop)
        return begin - SAME <= quarter < end - SAME

    def _span(self, loop: tuple[int, int]) -> tuple[float, float]:
        """Return where bars begin and end the first time that they are played, quarters."""
        bars = self.bars()
        numbers = [number for _, number in bars]
        first = numbers.index(loop[0])
        last = numbers.index(loop[1], first) + 1
        return max(bars[first][0], 0.0), bars[last][0] if last < len(bars) else math.inf

    def set_gain(self, target: str, db: float) -> None:
        """Set the gain of a target or of a part, dB; the lowest is silence."""
        require("gain", db, -math.inf, MAX_DB)
        self._known(target)
        self._set(gains={**self.desk.gains, target: max(float(db), MIN_DB)})
        self._apply_gain(target)

    def mute(self, target: str, on: bool) -> None:
        """Silence a target or a part, or let it sound again with the gain it has."""
        self._known(target)
        others = tuple(name for name in self.desk.muted if name != target)
        self._set(muted=(*others, target) if on else others)
        self._apply_gain(target)

    def _known(self, target: str) -> None:
        session = self._session
        targets = session.targets if session is not None else ()
        if session is not None or target not in self.desk.gains:
            whole = (SUM,) if "separate" in self.does else ()
            require_one_of("gain", target, (*targets, *self.parts, *whole))

    def _apply_gain(self, target: str) -> None:
        with self._lock:
            session, desk = self._session, self.desk
            if session is None:
                return
            if target == SUM:
                for each in session.targets:
                    session.set_gain(each, self._factor(each))
            elif target in session.targets:
                session.set_gain(target, self._factor(target))
            else:
                session.order(SetPartGain(target, desk.gains.get(target, 0.0)))
                session.order(MutePart(target, target in desk.muted))

    def _factor(self, target: str) -> float:
        whole = self._fader(SUM)
        return whole if self.desk.through else whole * self._fader(target)

    def _fader(self, target: str) -> float:
        db = self.desk.gains.get(target, 0.0)
        return 0.0 if target in self.desk.muted or db <= MIN_DB else 10 ** (db / 20)

    def loop(self, first: int | None, last: int | None) -> None:
        """Play these bars again and again, None for all once; a session that runs goes on in them where it can."""
        self._need("follow")
        if first is None or last is None:
            self._set(loop=None)
        else:
            if self._quarter_of(first) > self._quarter_of(last):
                raise ConfigError("loop", expected="the first bar before the last", got=f"{first}-{last}")
            self._set(loop=(int(first), int(last)))
        if self._session is None or not self.change():
            self.begin_again()

    def begin_again(self) -> None:
        """Have a session that runs end, and another begin with what was set."""
        self._wish(StageWish("again"))

    def tempo_ratio(self, ratio: float) -> None:
        """Play at this ratio to the score's tempo where nobody leads."""
        self._need("accompany")
        require("tempo ratio", ratio, MIN_RATIO, MAX_RATIO)
        self._set(ratio=float(ratio))
        self._order(SetPace(float(ratio)))

    def dynamics(self, amount: float) -> None:
        """Follow the soloist's loudness by this share; 0 not at all, 1 wholly."""
        self._need("accompany")
        require("dynamics", amount, 0, 1)
        self._set(dynamics=float(amount))
        self._order(SetDynamics(float(amount)))

    def threshold(self, label: str, probability: float) -> None:
        """Report a sound from this probability on."""
        self._need("detect")
        if self.labels:
            require_one_of("threshold", label, self.labels)
        require("threshold", probability, 0, 1)
        self._own_thresholds[label] = float(probability)
        quiet = {name: until for name, until in self.desk.quiet.items() if name != label}
        self._set(thresholds={**self.desk.thresholds, label: float(probability)}, quiet=quiet)
        self._order(SetThreshold(label, float(probability)))

    def quiet(self, label: str, seconds: float) -> None:
        """Tell nothing of a sound for so long, and then again from the probability that holds now; 0: now."""
        self._need("detect")
        if self.labels:
            require_one_of("quiet", label, self.labels)
        require("quiet", seconds, 0, LONGEST_QUIET_S)
        if seconds == 0:
            return self._speak(label)
        until = time.time() + seconds
        self._set(quiet={**self.desk.quiet, label: until})
        self._order(SetThreshold(label, NEVER))
        timer = threading.Timer(seconds, self._speak, (label, until))
        timer.daemon = True
        timer.start()

    def _speak(self, label: str, until: float | None = None) -> None:
        """Tell of a sound again, unless it has been asked to be quiet for longer since."""
        if until in (None, self.desk.quiet.get(label)) and label in self.desk.quiet:
            quiet = {name: then for name, then in self.desk.quiet.items() if name != label}
            self._set(quiet=quiet)
            self._order(SetThreshold(label, self.desk.thresholds.get(label, USUAL)))

    def choose(self, score: str) -> None:
        """Take another of the scores; a session that runs starts again with it."""
        if score not in self.scores:
            raise ConfigError("score", expected="one of the scores", got="no such id")
        if score in self._refused:
            self._refused.remove(score)
            self._order(RefusePieces(self._refused_ids))
        self._wish(StageWish("choose", score))

    def refuse(self, score: str) -> None:
        """Say that it is not this score that is played: it is not found until it is chosen."""
        if score not in self.piece_ids:
            raise ConfigError("score", expected="one that may be found", got="no such id")
        self._refused += [score] * (score not in self._refused)
        self._order(RefusePieces(self._refused_ids))

    def count_in(self) -> None:
        """Count a bar, then accompany from the bar that is played now; where nothing runs, start so."""
        self._need("accompany")
        if self._session is not None:
            return self._order(CountIn(self._bar_here(), 1))
        self.count_in_bars = 1
        self.start()

    def _bar_here(self) -> float:
        """Return where the bar that is played now begins, or the loop where it is played elsewhere, quarters."""
        here, loop = self.here(), self.desk.loop
        if loop is not None and not self._within(loop, here):
            return self._span(loop)[0]
        return max((begin for begin, _ in self.bars() if begin <= here + SAME), default=0.0)
