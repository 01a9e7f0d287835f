"""`collaparte generate`: a table of the systems, music to files, or live to a device or a MIDI port."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.commands.midi import BACKEND, MIDI_BACKENDS, PORT, TO
from cli.commands.stage import PAGE, StageOptions, as_in
from cli.common import DEVICE, INPUT, OUTPUT, command, data_folder, option, output, random_seed
from cli.terminal.completion import generator_names
from cli.terminal.report import wrote
from cli.terminal.stopping import INTERRUPTED, stoppable, unhurried
from engine.audio.devices import is_device
from engine.core.config import Settings, choice, plain, ranged
from engine.core.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np

    from offline.generation.config import GeneratorConfig
    from offline.generation.stream import Generator, Melody
    from offline.generation.systems import System
    from offline.music.piece import Piece

__all__ = ["MUSICAL_KEYS", "GenerateOptions", "generate", "generate_command"]

EXAMPLES = """\
examples:
  collaparte generate --list                                        the systems, and what each reached
  collaparte generate --model Frames -o chorale.mid -o chorale.wav --bars 16 --seed 3
  collaparte generate --model Frames --melody tune.mid -o harmonised.mid
  collaparte generate --model Rhythm --band song.mid -o drums.mid
  collaparte generate --model BachBot --prime beginning.mid -o continued.mid
  collaparte generate --model BachBot --output device               play on the loudspeakers until ctrl-C
  collaparte generate --model BachBot --port Bach --tempo 100       play to a virtual MIDI port until ctrl-C
  collaparte generate --model DeepBach --to "Synth input" --send-clock
  collaparte generate --model Frames --port Duo --accompany         send the soprano to its input
  collaparte generate --model BachBot --port Bach --listen 4        send four bars to its input: it continues them
  collaparte generate --model Frames --port Bach --stage            with a page: what plays, what comes, parameters
  collaparte generate --model WaveNet -o sound.wav --seconds 4
"""
MUSICAL_KEYS = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
MUSIC, LIVE = "Music", "Live"
NOT_ON_DEVICES = ("port", "to", "accompany", "listen", "follow_clock", "send_clock")


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateOptions(Settings):
    """Options of `collaparte generate`."""

    list: bool = plain(False, "show the systems")
    model: str | None = option(
        plain(None, "a system (--list shows them), or a file that `train generation` wrote"),
        metavar="NAME|FILE.onnx",
        group=INPUT,
        names=generator_names,
    )
    data: Path | None = data_folder("count this corpus instead of playing what ships, for Markov")
    melody: Path | None = option(
        plain(None, "harmonise the highest voice of this file"), metavar="FILE.mid", group=INPUT
    )
    chords: Path | None = option(
        plain(None, "follow the chords of this file, a bar each"), metavar="FILE.mid", group=INPUT
    )
    band: Path | None = option(
        plain(None, "write drums to the bass and the guitar of this file"), metavar="FILE.mid", group=INPUT
    )
    prime: Path | None = option(plain(None, "continue from the end of this piece"), metavar="FILE.mid", group=INPUT)
    bars: int = option(
        ranged(16, 1, 100_000, "length of files, in bars of four quarter notes"), metavar="N", group=MUSIC
    )
    seconds: float = option(
        ranged(4.0, 0.01, 3600, "length, for systems that generate audio"), metavar="S", group=MUSIC
    )
    tempo: float = option(ranged(100.0, 10, 1000, "quarter notes per minute"), metavar="BPM", group=MUSIC)
    temperature: float = option(
        plain(0.7, "temperature of the choice of pitch, not of whether a voice moves; higher is more surprising"),
        metavar="X",
        group=MUSIC,
    )
    free: bool = option(plain(False, "allow parallel fifths and octaves"), group=MUSIC)
    key: str | None = option(
        choice(None, MUSICAL_KEYS, "key (default that of the input, else drawn by the seed)"),
        metavar="KEY",
        group=MUSIC,
    )
    activity: float | None = option(
        plain(
            None, "Frames only: factor on the odds that a voice moves, 1 as trained (default about 1.2, by the seed)"
        ),
        metavar="FACTOR",
        group=MUSIC,
    )
    seed: int = option(random_seed(0, "the same seed gives the same music"), metavar="N", group=MUSIC)
    output: tuple[str, ...] = output(
        "FILE|DEVICE",
        "FILE.mid or FILE.wav, may be given twice; or device, device:NAME, jack, jack:PORTS to play there until ctrl-C",
        (),
    )
    sound_font: Path | None = option(
        plain(None, "soundfont of WAV files and of devices"), metavar="FILE.sf2", group=OUTPUT
    )
    port: str | None = option(plain(None, PORT), metavar="NAME", group=DEVICE)
    to: str | None = option(plain(None, TO), metavar="NAME", group=DEVICE)
    backend: str = option(choice("auto", MIDI_BACKENDS, BACKEND), group=DEVICE)
    accompany: bool = option(plain(False, "use the notes that the port receives as the melody"), group=LIVE)
    listen: int | None = option(
        plain(None, "wait until the port has received this many bars, and continue them"),
        metavar="BARS",
        group=LIVE,
    )
    follow_clock: bool = option(plain(False, "take tempo and start from incoming MIDI clock"), group=LIVE)
    send_clock: bool = option(plain(False, "send MIDI clock, start and stop"), group=LIVE)
    stage: bool = option(plain(False, "show on a page what plays and what comes, with the parameters"), group=PAGE)
    host: str | None = as_in(StageOptions, "host")
    page_port: int = as_in(StageOptions, "port")
    browser: bool = as_in(StageOptions, "browser")
    tls: bool = as_in(StageOptions, "tls")
    look_ahead: float = option(
        ranged(0.15, 0.005, 10, "seconds by which notes are sent early"), metavar="S", group=LIVE
    )

    @property
    def files(self) -> tuple[str, ...]:
        """The files among the outputs."""
        return tuple(name for name in self.output if not is_device(name))

    @property
    def speaker(self) -> str | None:
        """The device among the outputs."""
        return next((name for name in self.output if is_device(name)), None)


@command(GenerateOptions, EXAMPLES)
def generate_command(options: GenerateOptions) -> int:
    """Print what was done; the exit status."""
    with stoppable() as stop:
        print(generate(options, stop))
    if options.files and stop.is_set():
        return INTERRUPTED
    if options.files:
        wrote(options.files, then="another --seed, another piece; --port NAME plays it live")
    return 0


def _check_purpose(options: GenerateOptions) -> None:
    if options.list:
        return
    if options.model is None:
        raise ConfigError("--model", expected="a model", got="none", remedy="--list shows what there is")
    if not options.output and options.port is None and options.to is None:
        remedy = "add -o piece.mid to write a file, -o device or --port NAME to play"
        raise ConfigError("generate", expected="-o FILE, -o device or --port NAME", got="neither", remedy=remedy)
    if options.stage and options.files:
        raise ConfigError("--stage", expected="-o device or --port NAME", got="-o FILE", remedy="leave --stage out")
    if options.speaker is not None:
        _check_speaker(options)


def _check_speaker(options: GenerateOptions) -> None:
    """Refuse what takes a file or a MIDI port where a device plays."""
    if len(options.output) > 1:
        raise ConfigError("--output", expected="one device, or files", got=", ".join(options.output))
    for name in NOT_ON_DEVICES:
        if getattr(options, name):
            typed = f"--{name.replace('_', '-')}"
            raise ConfigError(
                typed, expected="a MIDI port", got=f"--output {options.speaker}", remedy="use --port NAME"
            )


def generate(options: GenerateOptions, stop: threading.Event) -> str:
    """Do what the options say; returns a line or a table for the terminal."""
    _check_purpose(options)
    from offline.generation.open_system import open_generator, open_sound, system_of
    from offline.generation.systems import system_table

    if options.list:
        return system_table()
    model, config = str(options.model), _writer(options)
    _check_taken(options, system_of(model))
    sound = open_sound(model, config) if options.files else None
    _check_suffixes(options, (".wav",) if sound is not None else (".mid", ".midi", ".wav"))
    if sound is not None:
        return _sound(options, sound)
    source = open_generator(model, config, options.data)
    _follow(options, source)
    return _files(options, source, stop) if options.files else _live(options, source, stop)


GIVEN = {"melody": "melody", "accompany": "melody", "prime": "prime", "chords": "chords", "band": "band"}
HEEDED_BY = {"temperature": "temperature", "key": "key", "free": "rules", "activity": "activity"}


def _check_taken(options: GenerateOptions, system: System) -> None:
    """Refuse what the system does not take, and settings that do not act on it."""
    from offline.generation.systems import heeding, players_of

    for name, what in GIVEN.items():
        if getattr(options, name) and not getattr(system, what):
            expected = f"a system that takes --{name}: {players_of(what)}"
            raise ConfigError("--model", expected=expected, got=system.name)
    unset = GenerateOptions()
    for name, what in HEEDED_BY.items():
        if getattr(options, name) != getattr(unset, name) and what not in system.heeds:
            raise ConfigError(f"--{name}", expected=f"one of {heeding(what)}", got=system.name, remedy="leave it out")
    length = "bars" if system.sound else "seconds"
    if getattr(options, length) != getattr(unset, length):
        remedy = f"use --{'seconds' if system.sound else 'bars'}"
        raise ConfigError(f"--{length}", expected="a system of the other kind", got=system.name, remedy=remedy)
    if options.data is not None and system.training:
        remedy = "collaparte train generation learns a corpus"
        raise ConfigError("--data", expected="Markov, which counts it", got=system.name, remedy=remedy)


def _follow(options: GenerateOptions, source: Generator) -> None:
    """Let the source take the chords, or the bass and the guitar, of a file."""
    from offline.music.own_folder import read_song

    path = options.chords or options.band
    if path is not None:
        source.follow(read_song(path))  # type: ignore[attr-defined]


def _check_suffixes(options: GenerateOptions, known: tuple[str, ...]) -> None:
    for name in options.files:
        if Path(name).suffix.lower() not in known:
            raise ConfigError("-o", expected="a name that ends in " + ", ".join(known), got=repr(name))


def _writer(options: GenerateOptions) -> GeneratorConfig:
    from offline.generation.config import GeneratorConfig

    return GeneratorConfig(
        temperature=options.temperature,
        rules=not options.free,
        seed=options.seed,
        key=None if options.key is None else MUSICAL_KEYS.index(options.key),
        activity=options.activity,
        tempo_bpm=options.tempo if options.tempo != GenerateOptions().tempo else None,
    )


def _live(options: GenerateOptions, source: Generator, stop: threading.Event) -> str:
    from cli.live.generator import check_listening, play_live

    check_listening(options, source)
    _prime(options, source)
    melody = _melody(options, source)[0] if options.melody else None
    with unhurried():  # every note is ended, however the playing ends
        return play_live(options, source, melody, stop)


def _prime(options: GenerateOptions, source: Generator) -> None:
    """Let the source take a file as its past."""
    from cli.live.generator import going_on
    from offline.music.midi_file import read_midi

    if options.prime is not None:
        going_on(options.model, source)(read_midi(options.prime, steps_per_quarter=source.steps_per_quarter))


def _sound(options: GenerateOptions, sound: Any) -> str:
    from engine.audio.plain_wav import write_plain_wav
    from engine.core.whole_file import whole_path

    if options.melody is not None:
        sound.score = _spread(options.melody)
    samples, rate = sound.samples(options.seconds), sound.rate
    for name in options.files:
        with whole_path(name) as part:
            write_plain_wav(part, samples, rate)
    return f"{len(samples) / rate:.2f} s at {rate} Hz: {', '.join(options.files)}"


def _spread(path: Path) -> np.ndarray:
    """The notes of a file at sixteenths, by height."""
    from offline.music.midi_file import read_midi
    from offline.music.own_corpus import by_height

    return by_height(read_midi(path))


def _files(options: GenerateOptions, source: Generator, stop: threading.Event) -> str:
    from cli.live.generator import check_listening
    from offline.generation.stream import collect
    from offline.music.midi_file import PEAK_DB

    check_listening(options, source)
    _prime(options, source)
    melody, n_steps = _melody(options, source)
    piece = collect(source, n_steps, melody, tempo_bpm=options.tempo, stop=stop.is_set)
    kept = [name for name in options.files if not (stop.is_set() and _is_wave(name))]  # rendering takes its time
    for name in kept:
        _write(piece, Path(name), options.sound_font, source.percussion)
    bars = piece.n_steps / source.steps_per_quarter / 4
    stopped = f" of {n_steps / source.steps_per_quarter / 4:.10g}, stopped" if piece.n_steps < n_steps else ""
    loud = f"; WAV peaks at {PEAK_DB:g} dB" if any(map(_is_wave, kept)) else ""
    return f"{len(piece.notes)} notes, {bars:.10g} bars{stopped}: {', '.join(kept) or 'nothing written'}{loud}"


def _is_wave(name: str) -> bool:
    return Path(name).suffix.lower() == ".wav"


def _melody(options: GenerateOptions, source: Generator) -> tuple[Melody, int]:
    """The melody of --melody on the source's grid, else none; and how long to write."""
    from offline.generation.stream import free_melody

    if options.melody is None:
        return free_melody, options.bars * 4 * source.steps_per_quarter
    return _given_melody(options.melody, source)


def _given_melody(path: Path, source: Any) -> tuple[Melody, int]:
    import numpy as np

    from offline.generation.stream import FREE
    from offline.music.midi_file import read_midi
    from offline.music.piece import REST, to_grid

    line = to_grid(read_midi(path, steps_per_quarter=source.steps_per_quarter), 1)[0][:, 0].astype(np.int64)
    if source.steps == 1:
        known = np.full((len(line), len(source.names)), FREE)
        known[:, 0] = line
        source.find_key(known)

    def melody(start: int, n: int) -> np.ndarray:
        part = line[start : start + n]
        return np.concatenate([part, np.full(n - len(part), REST)])

    return melody, len(line)


def _write(piece: Piece, path: Path, sound_font: Path | None, percussion: bool) -> None:
    from engine.core.whole_file import whole_path
    from offline.music.midi_file import write_midi, write_wav

    with whole_path(path) as part:
        if _is_wave(path.name):
            write_wav(piece, part, sound_font=sound_font, percussion=percussion)
        else:
            write_midi(piece, part, percussion=percussion)
