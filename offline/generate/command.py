"""`collaparte generate`: a table of the systems, music into files, or live into a MIDI port."""

from __future__ import annotations

import argparse
import gc
import threading
import time
from pathlib import Path

import numpy as np

from engine.clock import SampleClock
from engine.errors import ConfigError
from engine.io.midi import BACKENDS, MidiConfig
from engine.io.midi_process import MidiProcess
from offline.generate.frame_writer import WriterConfig
from offline.generate.live import CHOOSE, FrameSource, LiveConfig, LivePlayer
from offline.generate.midi_file import read_midi, write_midi, write_wav
from offline.generate.piece import Piece, from_grid, to_grid
from offline.generate.systems import table
from offline.generate.writers import open_writer

__all__ = ["add_options", "generate", "panic_options"]

VOICES = ("Soprano", "Alto", "Tenor", "Bass")


def panic_options(parser: argparse.ArgumentParser) -> None:
    """The options that choose a MIDI port."""
    add = parser.add_argument
    add("--port", metavar="NAME", help="name of the virtual MIDI port to open")
    add("--to", metavar="NAME", help="existing MIDI port to play to, instead of a virtual one")
    add("--backend", choices=BACKENDS, default="auto", help="of MIDI")


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `collaparte generate`."""
    add = parser.add_argument
    add("--list", action="store_true", help="show the systems")
    add("--model", metavar="FILE.onnx|Markov", help="what writes")
    add("--data", type=Path, metavar="DIR", help="folder of the chorales, for Markov")
    add(
        "-o",
        "--output",
        action="append",
        default=[],
        metavar="FILE",
        help="FILE.mid or FILE.wav, and may be given twice",
    )
    add("--bars", type=int, default=16, help="of four quarters, in files")
    add("--melody", type=Path, metavar="FILE.mid", help="its highest voice is kept and harmonised")
    add("--tempo", type=float, default=100.0, help="quarters a minute")
    add("--temperature", type=float, default=0.7, help="of the choice of pitch; whether to move is left alone")
    add("--free", action="store_true", help="allow parallel fifths and octaves")
    add("--seed", type=int, default=0)
    add("--sound-font", type=Path, metavar="FILE.sf2")
    panic_options(parser)
    add("--accompany", action="store_true", help="what is played into the port is the soprano")
    add("--follow-clock", action="store_true", help="take tempo and start from MIDI clock coming in")
    add("--send-clock", action="store_true", help="send MIDI clock, start and stop")
    add("--look-ahead", type=float, default=0.15, metavar="SECONDS", help="how early frames are written")


def generate(args: argparse.Namespace, stop: threading.Event) -> str:
    """Do what the options say; returns a line or a table for the terminal."""
    if args.list:
        return table()
    if args.model is None:
        raise ConfigError("--model", expected="a model", got="none", remedy="--list shows what there is")
    writer = open_writer(
        args.model, WriterConfig(temperature=args.temperature, rules=not args.free, seed=args.seed), args.data
    )
    if args.output:
        return _files(args, writer)
    if args.port is None and args.to is None:
        raise ConfigError("generate", expected="-o FILE or --port NAME", got="neither")
    return _live(args, writer, stop)


def _files(args: argparse.Namespace, writer: FrameSource) -> str:
    given = _melody(args, writer.n_voices)
    n_frames = args.bars * 16 if given is None else len(given)
    frames = np.stack([writer.step(None if given is None else given[t]) for t in range(n_frames)])
    piece = from_grid(frames, tempo_bpm=args.tempo, names=VOICES[: writer.n_voices])
    for name in args.output:
        _write(piece, Path(name), args.sound_font)
    return f"{len(piece.notes)} notes, {n_frames // 16} bars: {', '.join(args.output)}"


def _melody(args: argparse.Namespace, n_voices: int) -> np.ndarray | None:
    """(frame, voice): the melody's pitches for the first voice, free for the others."""
    if args.melody is None:
        return None
    line = to_grid(read_midi(args.melody), 1)[0][:, 0]
    given = np.full((len(line), n_voices), CHOOSE)
    given[:, 0] = line
    return given


def _write(piece: Piece, path: Path, sound_font: Path | None) -> None:
    kinds = {".mid": write_midi, ".midi": write_midi}
    if path.suffix.lower() in kinds:
        kinds[path.suffix.lower()](piece, path)
    elif path.suffix.lower() == ".wav":
        write_wav(piece, path, sound_font=sound_font)
    else:
        raise ConfigError("-o", expected="FILE.mid or FILE.wav", got=repr(str(path)))


def _live(args: argparse.Namespace, writer: FrameSource, stop: threading.Event) -> str:
    """Play until stopped; every note is ended by the port's own process, whatever happens to this one."""
    midi = MidiConfig(name=args.port or "collaparte", to=args.to, backend=args.backend)
    config = LiveConfig(tempo_bpm=args.tempo, look_ahead_s=args.look_ahead, follow=args.follow_clock)
    with MidiProcess(midi) as port:
        player = LivePlayer(writer, port, config)
        player.accompany = args.accompany
        if args.send_clock:
            port.start_clock(player.origin, args.tempo)
        gc.freeze()
        clock = SampleClock(port.sample_rate, port.now)
        while not stop.is_set():
            while port.received:
                player.hear(*port.received.popleft())
            player.advance()
            time.sleep(min(args.look_ahead / 4, 0.01))
        late, lost = port.report.get("n_late", 0), port.report.get("n_lost_cycles", 0)
        now = clock.now()
    return (
        f"{player.step} steps in {now / port.sample_rate:.0f} s; {late} messages late, {lost} cycles lost by the server"
    )
