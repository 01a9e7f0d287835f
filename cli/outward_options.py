"""Options for cues, MQTT and web servers, and what they open."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cli.common import option
from cli.terminal.report import note
from engine.core.config import Settings, plain
from engine.core.errors import ConfigError

if TYPE_CHECKING:
    from engine.realtime.session import Session
    from engine.score.score import Score
    from engine.score.score_config import ScoreConfig
    from engine.stage.cues.actions import Action, MqttAction
    from engine.stage.cues.caller import CueSettings
    from engine.stage.cues.cue_list import CueList
    from engine.stage.cues.cue_runner import CueRunner
    from engine.stage.cues.performers import CueControls, Performer
    from engine.stage.outlet import NamedOutlet, Outlet
    from engine.stage.outward.mqtt_outlet import MqttOutlet, ThresholdControl

__all__ = [
    "OTHER_PROGRAMS",
    "OutwardOptions",
    "StageHands",
    "cue_attendants",
    "cue_score",
    "open_outward",
    "refuse_cues_without_events",
]

OTHER_PROGRAMS = "Other programs"
PAHO = "pip install 'collaparte[stage]'"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutwardOptions(Settings):
    """Cues, and what brokers and web servers are told."""

    cues: Path | None = option(
        plain(None, "do what this cue list says, where it says so; see collaparte cues"),
        metavar="SHOW.toml",
        group=OTHER_PROGRAMS,
    )
    mqtt: str | None = option(
        plain(
            None,
            "tell an MQTT broker of sounds, place, state and cues, and take thresholds from it; Home Assistant finds "
            "them by itself",
        ),
        metavar="HOST[:PORT]|mqtts://HOST",
        group=OTHER_PROGRAMS,
    )
    mqtt_topic: str = option(
        plain("collaparte", "begin of all topics; another for each of several that run"),
        metavar="TOPIC",
        group=OTHER_PROGRAMS,
    )
    mqtt_login: Path | None = option(
        plain(
            None,
            "file of two lines, user and password of the brokers (default COLLAPARTE_MQTT_USER and "
            "COLLAPARTE_MQTT_PASSWORD of the environment)",
        ),
        metavar="FILE",
        group=OTHER_PROGRAMS,
    )
    post: tuple[str, ...] = option(
        plain((), "post sounds, states and cues to this web server as JSON; may be repeated"),
        metavar="URL",
        group=OTHER_PROGRAMS,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StageHands:
    """What cues and brokers may take hold of.

    turn: shows a quarter on the page, None for where the music is
    opened: is told of everything that was opened
    """

    controls: CueControls | None = None
    turn: Callable[[float | None], None] | None = None
    opened: Callable[[Sequence[NamedOutlet]], None] | None = None


def cue_score(path: Path | None, reading: ScoreConfig) -> Score:
    """The score that the cues are placed in; ConfigError without one."""
    from engine.audio.suffixes import is_audio
    from engine.score.parts import finished_score
    from engine.score.readers import read_draft

    if path is None or is_audio(path):
        got = "none" if path is None else f"the recording {path}"
        raise ConfigError("--cues", expected="a score to follow", got=got, remedy="add --score FILE, MusicXML or MIDI")
    return finished_score(read_draft(path, reading.repeats_after_jump), reading.part)


def cue_attendants(options: OutwardOptions, score: Callable[[], Score]) -> tuple[CueSettings, ...]:
    """What calls the cues in the pipeline, if any are asked for."""
    if options.cues is None:
        return ()
    from engine.stage.cues.caller import CueSettings
    from engine.stage.cues.cue_list import read_cues

    cues, followed = read_cues(options.cues), score()
    planned = tuple(cues.planned(followed))
    return (CueSettings(score=followed, cues=planned, timing=cues.timing, sounds=cues.sounds),)


def refuse_cues_without_events(options: OutwardOptions, events: str | None) -> None:
    """ConfigError for cues over files, where nothing is done, that nobody would be told of."""
    if options.cues is not None and events is None:
        remedy = "add --events FILE to know when each would act; --output device plays the file, and acts"
        raise ConfigError("--cues", expected="a device, or --events", got="files only", remedy=remedy)


def open_outward(options: OutwardOptions, session: Session, hands: StageHands) -> Iterator[tuple[str, Outlet]]:
    """Open what the options ask for."""
    if options.cues is not None:
        from engine.audio.devices import SILENT
        from engine.stage.cues.cue_list import read_cues

        cues = read_cues(options.cues)
        if cues.sounds and (session.config.sink is None or session.config.sink.backend == SILENT):
            note("cues that sound are not heard: add --output device")
        yield "cues", _cue_runner(options, cues, _score_of(session), hands)
    if options.mqtt is not None:
        yield "MQTT", _mqtt_outlet(options, options.mqtt, session, hands)
    for url in options.post:
        from engine.stage.outward.post import PostOutlet

        yield "POST", PostOutlet(url, session.config.sample_rate or 1, note)


def _score_of(session: Session) -> Score:
    """The score that the session's cues are placed in."""
    from engine.stage.cues.caller import CueSettings

    pipeline = session.config.pipeline
    if pipeline.loop is not None:
        return pipeline.loop.whole
    return next(each.score for each in pipeline.attendants if isinstance(each, CueSettings))


def _cue_runner(options: OutwardOptions, cues: CueList, score: Score, hands: StageHands) -> CueRunner:
    from engine.stage.cues.cue_runner import CueRunner

    stage = _performers_on_stage(cues, score, hands)
    return CueRunner(cues.entries, {**stage, **_performers(options, cues)}, note)


def _actions(cues: CueList) -> list[Action]:
    return [action for entry in cues.entries for action in entry.does]


def _performers(options: OutwardOptions, cues: CueList) -> dict[type[Action], Performer]:
    """One for each kind of action to other programs that the list has."""
    from engine.stage.cues import performers as by
    from engine.stage.cues.actions import HttpAction, MidiAction, MqttAction, OscAction

    actions = _actions(cues)
    found: dict[type[Action], Performer] = {}
    if osc := [action for action in actions if isinstance(action, OscAction)]:
        found[OscAction] = by.OscPerformer(osc)
    if midi := [action for action in actions if isinstance(action, MidiAction)]:
        found[MidiAction] = by.MidiPerformer(midi, note)
    if http := [action for action in actions if isinstance(action, HttpAction)]:
        found[HttpAction] = by.HttpPerformer(http, note)
    if mqtt := [action for action in actions if isinstance(action, MqttAction)]:
        found[MqttAction] = _mqtt_performer(options, mqtt)
    return found


def _performers_on_stage(cues: CueList, score: Score, hands: StageHands) -> dict[type[Action], Performer]:
    """One for each kind of action on the stage itself; ConfigError for one that nothing here can perform."""
    from engine.stage.cues.actions import ControlAction, PageAction
    from engine.stage.cues.performers import ControlPerformer, PagePerformer

    found: dict[type[Action], Performer] = {}
    if pages := [action for action in _actions(cues) if isinstance(action, PageAction)]:
        if hands.turn is None:
            raise ConfigError(cues.where, expected="a page to turn", got="none", remedy="use collaparte stage")
        found[PageAction] = PagePerformer(pages, score, hands.turn)
    if any(isinstance(action, ControlAction) for action in _actions(cues)):
        if hands.controls is None:
            raise ConfigError(cues.where, expected="controls", got="none here", remedy="use collaparte stage")
        found[ControlAction] = ControlPerformer(hands.controls)
    return found


def _mqtt_performer(options: OutwardOptions, actions: list[MqttAction]) -> Performer:
    try:
        from engine.stage.outward.mqtt_cues import MqttPerformer
    except ImportError as error:
        raise _without_paho("--cues", error) from error
    return MqttPerformer(actions, note, options.mqtt_login)


def _mqtt_outlet(options: OutwardOptions, address: str, session: Session, hands: StageHands) -> MqttOutlet:
    try:
        from engine.stage.outward.mqtt_link import read_login
        from engine.stage.outward.mqtt_outlet import MqttOutlet, MqttPlan
    except ImportError as error:
        raise _without_paho("--mqtt", error) from error
    labels, thresholds = _labels(session)
    plan = MqttPlan(
        broker=read_login(address, options.mqtt_login),
        sample_rate=session.config.sample_rate or 1,
        topic=_topic(options.mqtt_topic),
        labels=labels,
        thresholds=thresholds,
        follows=session.config.pipeline.score is not None,
    )
    return MqttOutlet(plan, note, _thresholds_of(session, hands, labels))


def _topic(text: str) -> str:
    topic = text.strip("/")
    if not topic or set(topic) & set("+#\0") or not topic.isprintable():
        raise ConfigError("--mqtt-topic", expected="a topic without + and #", got=repr(text))
    return topic


def _without_paho(name: str, error: ImportError) -> ConfigError:
    return ConfigError(name, expected="paho-mqtt", got=str(error), remedy=PAHO)


def _labels(session: Session) -> tuple[tuple[str, ...], dict[str, float]]:
    """The sounds that the session can detect, and their thresholds."""
    detect = session.config.pipeline.detect
    if detect is None:
        return (), {}
    from engine.detection.detector import sound_thresholds

    thresholds = sound_thresholds(detect)
    return tuple(thresholds), thresholds


def _thresholds_of(session: Session, hands: StageHands, labels: tuple[str, ...]) -> ThresholdControl | None:
    """What sets thresholds: the controls of the stage, else controls of this session alone."""
    if hands.controls is not None or not labels:
        return hands.controls
    from engine.stage.controls.stage_controls import StageControls

    controls = StageControls(["detect"], labels=labels)
    controls.attach(session)
    return controls
