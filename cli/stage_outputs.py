"""Options of `run`, `accompany` and `stage` for other programs, and what they open."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from cli.common import option
from cli.outward_options import OTHER_PROGRAMS, OutwardOptions, StageHands, open_outward
from cli.terminal.report import note
from engine.core.config import Settings, choice, plain, ranged
from engine.core.errors import ConfigError
from engine.midi.timecode import FRAME_RATES
from engine.stage.phase import LINK_ROLES, PhaseConfig

if TYPE_CHECKING:
    from threading import Event

    from engine.core.events import Event as Told
    from engine.pipeline.pipeline import PipelineConfig
    from engine.realtime.session import Session, SessionStatus
    from engine.score.score import Score
    from engine.stage.clocks.programs import ProgramChanges
    from engine.stage.clocks.tick_outlet import TickOutlet
    from engine.stage.controls.stage_controls import StageControls
    from engine.stage.outlet import Outlet

__all__ = ["StageOutputs", "has_outlets", "open_controls", "open_osc_in", "open_outlets", "refuse_outlets"]

STAGE = OTHER_PROGRAMS
TO = "to:"  # before the name of a port that is there
BEAT = ("clock", "mtc", "link")  # what goes by the beat, and so needs a score
OUTLETS = ("osc", "osc_in", *BEAT)


@dataclass(frozen=True, slots=True, kw_only=True)
class StageOutputs(Settings):
    """What a live session tells other programs."""

    osc: tuple[str, ...] = option(
        plain(
            (),
            "send position, tempo, cues and sounds by OSC; may be repeated; PRESET is qlab, touchosc or antescofo "
            "(default our own addresses, see docs/formats.md)",
        ),
        metavar="[PRESET:]HOST:PORT",
        group=STAGE,
    )
    osc_in: str | None = option(
        plain(
            None,
            "take orders by OSC on this port: start, stop, from, bar, gain and others (default host 127.0.0.1; OSC has "
            "no passwords: 0.0.0.0 lets everybody in the network order)",
        ),
        metavar="[HOST:]PORT",
        group=STAGE,
    )
    clock: str | None = option(
        plain(
            None,
            "send a MIDI clock that follows the performer, into a virtual port of this name, or to a port that is "
            "there; jumps by song position",
        ),
        metavar=f"NAME|{TO}PORT",
        group=STAGE,
    )
    clock_programs: int | None = option(
        ranged(
            None,
            1,
            16,
            "with --clock, send a program change at the first note and each rehearsal mark, on this channel",
        ),
        metavar="CHANNEL",
        group=STAGE,
    )
    mtc: str | None = option(
        plain(None, "send MIDI time code: the place in the score in its own time, for lights and video"),
        metavar=f"NAME|{TO}PORT",
        group=STAGE,
    )
    mtc_fps: str = option(choice("30", tuple(FRAME_RATES), "frames a second of the time code"), group=STAGE)
    mtc_hour: int = option(ranged(0, 0, 23, "hour at which the time code of the first note begins"), group=STAGE)
    clock_earlier: float = option(
        ranged(
            0.0, -1000, 1000, "send clock, time code and Link's beat earlier, for receivers that are late", unit="ms"
        ),
        group=STAGE,
    )
    link: str | None = option(
        choice(
            None,
            LINK_ROLES,
            "join Ableton Link: lead (default) gives tempo and beat, follow changes nothing; needs collaparte[link], "
            "whose library is licensed under the GPL, version 2 or later",
        ),
        bare=LINK_ROLES[0],
        group=STAGE,
    )
    beat: PhaseConfig = plain(PhaseConfig, "other programs")
    beyond: OutwardOptions = plain(OutwardOptions, "other programs")


def open_outlets(
    options: StageOutputs, session: Session, stack: ExitStack, hands: StageHands | None = None
) -> tuple[Callable[[Told], None], Callable[[SessionStatus], None]]:
    """Open what the options ask for; return what the session calls with every event and status.

    hands: what cues and brokers may take hold of
    stack: closes them; EngineError in one line if one cannot be opened
    """
    from engine.stage.outlet import NamedOutlet, close_together, fan_out

    _check(options, session)
    hands, outlets = hands or StageHands(), list[NamedOutlet]()
    stack.callback(lambda: close_together([each.outlet for each in outlets]))
    for name, outlet in chain(_opened(options, session), open_outward(options.beyond, session, hands)):
        outlets.append(NamedOutlet(name, outlet))
    if hands.opened is not None:
        hands.opened(outlets)
    return fan_out(session, [each.outlet for each in outlets])


def _check(options: StageOutputs, session: Session) -> None:
    """Raise ConfigError for options that have nothing to work on."""
    going = [name for name in BEAT if getattr(options, name)]
    if going and session.config.pipeline.score is None and _score(session) is None:
        raise ConfigError(f"--{going[0]}", expected="a score to follow", got="none", remedy="add --score FILE")
    if options.clock_programs is not None and (options.clock is None or _score(session) is None):
        expected, got = "--clock, and a score", "no --clock" if options.clock is None else "a recording"
        raise ConfigError("--clock-programs", expected=expected, got=got)
    if options.mtc and _score(session) is None:
        raise ConfigError("--mtc", expected="a score, which has a time of its own", got="a recording")
    if options.beat != PhaseConfig() and not going:
        got = "neither of " + ", ".join(f"--{name}" for name in BEAT)
        raise ConfigError("--beat-smoothing or --beat-when-lost", expected="something that goes by the beat", got=got)


def _opened(options: StageOutputs, session: Session) -> Iterator[tuple[str, Outlet]]:
    if options.osc:
        from engine.stage.osc.sender import OscSender
        from engine.stage.osc.target import OscTarget

        yield "OSC", OscSender([OscTarget.read(text) for text in options.osc], _score(session))
    if options.clock:
        yield "MIDI clock", _tick_outlet(options, options.clock, None, _programs(options, session))
    if options.link:
        from engine.stage.clocks.link_outlet import LinkOutlet

        yield "Link", LinkOutlet(options.link, options.beat, note, earlier_s=options.clock_earlier / 1000)
    if options.mtc:
        yield "time code", _tick_outlet(options, options.mtc, _score(session))


def _programs(options: StageOutputs, session: Session) -> ProgramChanges | None:
    """The program changes that go with the clock, if any."""
    from engine.stage.clocks.programs import programs_of_marks

    score = _score(session)
    if options.clock_programs is None or score is None:
        return None
    return programs_of_marks(score, options.clock_programs - 1)


def _tick_outlet(
    options: StageOutputs, name: str, score: Score | None, programs: ProgramChanges | None = None
) -> TickOutlet:
    """A MIDI clock, or time code where a score is given."""
    from engine.midi.port import MidiConfig
    from engine.stage.clocks.tick_outlet import TickOutlet, TickPort
    from engine.stage.clocks.ticks import clock_ticks, timecode_ticks

    to = name.removeprefix(TO) if name.startswith(TO) else None
    midi = MidiConfig(
        name=name if to is None else "collaparte",
        to=to,
        listen=False,
        timecode=None if score is None else options.mtc_fps,
    )
    scale = clock_ticks() if score is None else timecode_ticks(score, options.mtc_fps, options.mtc_hour)
    return TickOutlet(TickPort(midi, scale, options.clock_earlier / 1000, programs), options.beat, note)


def _score(session: Session) -> Score | None:
    """The score that is followed; None where nothing is, or where it is a recording."""
    from engine.score.score import Score

    pipeline = session.config.pipeline
    score = pipeline.score if pipeline.loop is None else pipeline.loop.whole
    if score is None and pipeline.accompany is not None:  # nobody is followed
        return pipeline.accompany.accompaniment.solo
    return score if score is None or isinstance(score, Score) else score.written


def open_controls(options: StageOutputs, session: Session, stack: ExitStack) -> Event | None:
    """Let a session be controlled by OSC, if that is asked for; return what then ends it."""
    if options.osc_in is None:
        return None
    from engine.stage.controls.stage_controls import StageControls

    config = session.config
    ratio = 1.0 if config.pipeline.accompany is None else 1 / config.pipeline.accompany.intro.pace
    parts = () if config.pipeline.accompany is None else config.pipeline.accompany.accompaniment.parts
    controls = StageControls(_does(config.pipeline), parts=[part.name for part in parts], ratio=ratio)
    if (score := _score(session)) is not None:
        bars = list(zip(score.bar_quarter.tolist(), score.bar_number.tolist(), strict=True))
        controls.bars = lambda: bars
    controls.prepare()
    controls.attach(session)
    stack.callback(controls.detach)
    open_osc_in(options, controls, stack)
    return controls.halt


def _does(pipeline: PipelineConfig) -> list[str]:
    """What can be controlled."""
    does = {
        "follow": pipeline.score,
        "accompany": pipeline.accompany,
        "separate": pipeline.separate,
        "detect": pipeline.detect,
    }
    return [name for name, settings in does.items() if settings is not None]


def open_osc_in(options: StageOutputs, controls: StageControls, stack: ExitStack) -> None:
    """Take orders by OSC, if that is asked for, until the stack is closed."""
    if options.osc_in is not None:
        from engine.stage.osc.receiver import OscReceiver

        stack.callback(OscReceiver(options.osc_in, controls, note).close)


def has_outlets(options: StageOutputs) -> bool:
    """Whether another program is told, or tells, anything: then a file is played at its own pace."""
    return any(_asked(options).values())


def _asked(options: StageOutputs) -> dict[str, object]:
    """What was typed, by the names of the options."""
    own = {name: getattr(options, name) for name in OUTLETS}
    return {**own, "mqtt": options.beyond.mqtt, "post": options.beyond.post}


def refuse_outlets(options: StageOutputs, *, expected: str, got: str, remedy: str = "", cues: bool = False) -> None:
    """ConfigError for these options; for cues too, which over files only say in the events when they would act."""
    for name, value in {**_asked(options), "cues": cues and options.beyond.cues}.items():
        if value:
            typed = f"--{name.replace('_', '-')}"
            raise ConfigError(typed, expected=expected, got=got, remedy=remedy or f"leave {typed} out")
