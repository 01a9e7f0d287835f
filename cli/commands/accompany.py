"""`collaparte accompany`: play the other parts of a score as the soloist goes, live or over a recording."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cli.backing_options import BackingOptions, aligned_backing, refuse_with_backing
from cli.common import DEVICE, FOLLOW, INPUT, OUTPUT, argument, command, features_option, option, output
from cli.outward_options import cue_attendants, refuse_cues_without_events
from cli.practice_options import PracticeOptions, loop_of, players_of_options, plays_alone, report_bars
from cli.rehearsals import TakesOf, at_expected_tempo
from cli.score_options import print_parts
from cli.stage_outputs import StageOutputs, has_outlets, refuse_outlets
from cli.terminal.kernels import announced_compiling
from cli.terminal.places import WRITES_FILE
from cli.terminal.report import complain, wrote
from cli.terminal.stopping import INTERRUPTED, USER_ERROR, stoppable
from engine.accompaniment.config import SchedulerConfig
from engine.accompaniment.stage_config import StageConfig
from engine.accompaniment.synthesiser_config import ACCOMPANIMENT_DB, SynthesiserConfig
from engine.accompaniment.touch_config import TouchConfig
from engine.core.config import Settings, plain, ranged
from engine.core.errors import ConfigError

if TYPE_CHECKING:
    from cli.terminal.live_line import LiveLine
    from engine.accompaniment.accompanist import AccompanyConfig
    from engine.accompaniment.parts import Accompaniment
    from engine.audio.files import AudioReader
    from engine.score.score import Score

__all__ = ["AccompanyOptions", "accompaniment_db", "accompaniment_of", "accompany_command"]

SOUND = "Sound"
FILE_HZ = 44_100  # of the sound of a score that simply plays into a file
EXAMPLES = """\
examples:
  collaparte accompany sonata.musicxml --solo Violin --input mic --output device
  collaparte accompany sonata.musicxml --solo Violin --input jack --port Orchestra      MIDI into a DAW
  collaparte accompany sonata.musicxml --solo Violin --input take.flac -o mix.wav --scheduled played.csv
  collaparte accompany sonata.musicxml --solo Violin --input mic --output device --loop 9-16 --metronome
  collaparte accompany sonata.musicxml --solo none --play all --tempo-ratio 0.7 --output device
  collaparte accompany sonata.musicxml --solo Violin --input mic --output device --rehearsals monday.flac tuesday.flac
  collaparte accompany sonata.musicxml --solo Violin --input mic --backing orchestra.flac --output device
  collaparte accompany sonata.musicxml --list-parts
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccompanyOptions(Settings):
    """Options of `collaparte accompany`."""

    score: Path = argument("SCORE", "MusicXML, MXL or MIDI, with parts for soloist and accompaniment")
    input: str | None = option(
        plain(None, "audio file of the soloist, or input device"), metavar="FILE|mic|device:NAME|jack", group=INPUT
    )
    solo: tuple[str, ...] = option(
        plain(
            (),
            "follow this part and play the others; may be repeated; none: follow nothing, simply play (default a part "
            "Solo, else the first)",
        ),
        metavar="PART",
        group=FOLLOW,
    )
    list_parts: bool = option(plain(False, "list the parts of the score, and end"), group=FOLLOW)
    repeats_after_jump: bool = option(
        plain(False, "take repeats again after a D.C. or D.S., which by custom is not done"), group=FOLLOW
    )
    features: str = features_option()
    schedule: SchedulerConfig = plain(SchedulerConfig, "when the accompaniment plays")
    touch: TouchConfig = plain(TouchConfig, "how the accompaniment plays")
    practice: PracticeOptions = plain(PracticeOptions, "practise")
    tempo: float | None = option(
        ranged(
            None,
            5,
            1000,
            "tempo at the beginning, of an introduction and of the soloist (default the score's)",
            unit="quarters a minute",
        ),
        metavar="BPM",
        group=FOLLOW,
    )
    stage: StageConfig = plain(StageConfig, "on the stage")
    rehearsals: tuple[Path, ...] = option(
        plain((), "earlier takes of the soloist, or the curve of `rehearse`: expect their tempo"),
        metavar="TAKE|CURVE.csv",
        group=FOLLOW,
        several=True,
    )
    sound: SynthesiserConfig = plain(SynthesiserConfig, "the synthesiser")
    recorded: BackingOptions = plain(BackingOptions, "a recording in place of the synthesiser")
    solo_gain: float = option(
        ranged(0.0, -200, 40, "gain of the soloist in the mix", unit="dB"), metavar="DB", group=SOUND
    )
    accompaniment_gain: float | None = option(
        ranged(
            None, -200, 40, f"gain of the accompaniment (default {ACCOMPANIMENT_DB:g}, of a recording 0)", unit="dB"
        ),
        metavar="DB",
        group=SOUND,
    )
    output: tuple[str, ...] = output(
        "FILE.wav|device|device:NAME|jack", "a file for soloist and accompaniment together, or a device to play on", ()
    )
    port: str | None = option(
        plain(None, "also play the accompaniment into a virtual MIDI port of this name"), metavar="NAME", group=OUTPUT
    )
    port_programs: bool = option(
        plain(True, "tell the MIDI port the General MIDI instrument of each part, before its first note"), group=OUTPUT
    )
    scheduled: Path | None = option(
        plain(None, "write quarter,audio_s: when each onset of the accompaniment was played"),
        metavar="CSV",
        group=OUTPUT,
        writes=WRITES_FILE,
    )
    events: str | None = option(
        plain(None, "write events as JSON lines; - is standard output"), metavar="FILE", group=OUTPUT
    )
    rate: int | None = option(
        plain(None, "sample rate of the engine (default the device's own)"), metavar="HZ", group=DEVICE
    )
    block: int = option(plain(0, "block size of the device (default its own)"), metavar="SAMPLES", group=DEVICE)
    duration: float = option(plain(0.0, "stop a live run after this time; 0 for never"), metavar="S", group=DEVICE)
    outward: StageOutputs = plain(StageOutputs, "other programs")


@command(AccompanyOptions, EXAMPLES)
def accompany_command(options: AccompanyOptions) -> int:
    """Accompany a soloist."""
    if options.list_parts:
        return print_parts(options.score)
    refuse_with_backing(
        options.recorded,
        {
            "--port": options.port is not None,
            "--loop": options.practice.loop is not None,
            "--solo none": plays_alone(options.solo),
        },
    )
    from engine.audio.devices import is_device

    if plays_alone(options.solo):
        return _play_alone(options)
    if options.input is None:
        raise ConfigError("--input", expected="a recording or a device", got="none", remedy="--input mic, or a file")
    live = is_device(options.input) or any(map(is_device, options.output)) or options.port is not None
    if live or (has_outlets(options.outward) and not options.output):
        from cli.live.accompaniment import accompany_live

        return accompany_live(options)
    remedy = "-o device, or no -o, plays the file at its own pace"
    refuse_outlets(options.outward, expected="no file to write the mix to", got=" ".join(options.output), remedy=remedy)
    refuse_cues_without_events(options.outward.beyond, options.events)
    return _over_a_file(options, Path(options.input))


def _play_alone(options: AccompanyOptions) -> int:
    """Play the score without a soloist."""
    from engine.audio.devices import is_device

    if options.input is not None or options.practice.report is not None:
        name, got = ("--input", options.input) if options.input is not None else ("--report", options.practice.report)
        raise ConfigError(name, expected="nothing, where --solo none follows nobody", got=str(got))
    refuse_outlets(options.outward, expected="a soloist to follow", got="--solo none", cues=True)
    if any(map(is_device, options.output)) or options.port is not None:
        from cli.live.plain_playing import play_live_plain

        return play_live_plain(options)
    from engine.core.format import AudioFormat
    from offline.accompaniment.accompany import write_scheduled
    from offline.accompaniment.plain_playing import PlainJob, play_to_files

    mix = _mix_file(options)
    job = PlainJob(
        accompany=accompaniment_of(options, sounds=mix is not None),
        audio=AudioFormat(sample_rate=options.rate or FILE_HZ, n_channels=2),
        mix=mix,
        gains=_gains(options)[1:],
        events=options.events,
    )
    with stoppable() as stop, announced_compiling():
        played = play_to_files(job, stop=stop)
    if options.scheduled is not None:
        write_scheduled(options.scheduled, played)
    wrote([mix, options.scheduled, None if options.events == "-" else options.events])
    return INTERRUPTED if stop.is_set() else 0


def accompaniment_of(options: AccompanyOptions, *, sounds: bool) -> AccompanyConfig:
    """What is accompanied, and how."""
    from engine.accompaniment.accompanist import AccompanyConfig
    from engine.accompaniment.parts import read_accompaniment
    from engine.accompaniment.scheduler import Introduction

    practice = options.practice
    both = read_accompaniment(
        options.score,
        options.solo,
        players_of_options(practice),
        loop=loop_of(practice),
        repeats_after_jump=options.repeats_after_jump,
    )
    of = TakesOf(
        score=options.score,
        takes=options.rehearsals,
        features=options.features,
        repeats_after_jump=options.repeats_after_jump,
        loop=practice.loop,
    )
    both = _at_tempo(at_expected_tempo(both, of), options.tempo)
    return AccompanyConfig(
        accompaniment=both,
        schedule=options.schedule,
        intro=Introduction(pace=1 / practice.tempo_ratio, told=options.tempo is not None),
        touch=options.touch,
        metronome=practice.metronome,
        count_in_bars=practice.count_in,
        sound=options.sound if sounds else None,
        stage=options.stage,
        backing=aligned_backing(options.recorded, both),
    )


def _at_tempo(both: Accompaniment, tempo: float | None) -> Accompaniment:
    """The accompaniment at a tempo, quarters a minute, at its beginning; elsewhere in proportion."""
    if tempo is None:
        return both
    expected = None if both.expected is None else _begun_at(both.expected, tempo)
    return replace(both, solo=_begun_at(both.solo, tempo), expected=expected)


def _begun_at(score: Score, tempo: float) -> Score:
    quarter_s = float(score.seconds(1.0) - score.seconds(0.0))
    return score.retimed(score.tempo_quarter, 60 / tempo / quarter_s * score.tempo_s)


def accompaniment_db(options: AccompanyOptions) -> float:
    """Gain of the accompaniment: a recording has a level of its own."""
    if options.accompaniment_gain is not None:
        return options.accompaniment_gain
    return ACCOMPANIMENT_DB if options.recorded.backing is None else 0.0


def _gains(options: AccompanyOptions) -> tuple[float, float, float]:
    """Gains of solo, accompaniment and metronome."""
    levels_db = (options.solo_gain, accompaniment_db(options), options.practice.metronome_gain)
    solo, accompaniment, metronome = (10 ** (level_db / 20) for level_db in levels_db)
    return solo, accompaniment, metronome


def _mix_file(options: AccompanyOptions) -> Path | None:
    if not options.output:
        if options.scheduled is None and options.events is None and options.practice.report is None:
            remedy = "add -o mix.wav, --scheduled played.csv or --events events.jsonl, or -o device to listen"
            raise ConfigError("accompany", expected="somewhere to put the accompaniment", got="nowhere", remedy=remedy)
        return None
    if len(options.output) > 1 or Path(options.output[0]).suffix.lower() != ".wav":
        raise ConfigError("-o", expected="one file .wav, or a device", got=" ".join(options.output))
    return Path(options.output[0])


def _line(options: AccompanyOptions, reader: AudioReader) -> LiveLine:
    """The line on the terminal; none where events go to the same terminal, which would mix them."""
    from cli.terminal.live_line import LiveLine

    silent = options.events == "-" and sys.stdout.isatty()
    return LiveLine(reader.format.sample_rate, duration=reader.n_samples, silent=silent)


def _over_a_file(options: AccompanyOptions, recording: Path) -> int:
    """File to files."""
    from engine.audio.files import AudioReader
    from offline.accompaniment.accompany import AccompanyJob, accompany_file, write_scheduled
    from offline.following.presets import follow_soloist

    AudioReader(recording).close()  # say at once if there is no such file
    mix = _mix_file(options)
    accompany = accompaniment_of(options, sounds=mix is not None)
    job = AccompanyJob(
        input=recording,
        accompany=accompany,
        attendants=cue_attendants(options.outward.beyond, lambda: accompany.accompaniment.solo),
        follow=follow_soloist(options.features),
        mix=mix,
        gains=_gains(options),
        events=options.events,
        watch=lambda reader: _line(options, reader),
    )
    with stoppable() as stop, announced_compiling():
        report = accompany_file(job, stop=stop)
    if options.scheduled is not None:
        write_scheduled(options.scheduled, report.played)
    files = [mix, options.scheduled, None if options.events == "-" else options.events]
    wrote(files, then="" if mix is None else f"listen to {mix}")
    report_bars(options.practice, report.bars)
    if report.shortfall:
        complain(report.shortfall)
    return INTERRUPTED if stop.is_set() else USER_ERROR if report.shortfall else 0
