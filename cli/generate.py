"""`collaparte generate`: a table of the systems, music into files, or live into a MIDI port."""

from __future__ import annotations

import argparse
import gc
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

from cli.options.generate import KEYS
from cli.stopping import stoppable
from engine.core.config import require
from engine.core.errors import ConfigError
from engine.midi.port import MidiConfig
from engine.midi.process import MidiProcess
from offline.generation.config import GeneratorConfig
from offline.generation.listen import MAX_BARS, BarListener
from offline.generation.live import LiveGenerator, LiveGeneratorConfig
from offline.generation.open_system import open_generator, open_sound, system_of
from offline.generation.stream import FREE, FrameGenerator, Generator, Melody, Prefetch, collect, free_melody
from offline.generation.systems import players_of, system_table
from offline.music.midi_file import read_midi, write_midi, write_wav
from offline.music.piece import REST, Piece, to_grid

__all__ = ["command", "generate"]

POLL_S = 0.01
READY_S = 0.2  # before the end of the bars heard: what the source needs to take them in


def command(args: argparse.Namespace) -> int:
    """Print what was done; the exit status."""
    with stoppable() as stop:
        print(generate(args, stop))
    return 0


def generate(args: argparse.Namespace, stop: threading.Event) -> str:
    """Do what the options say; returns a line or a table for the terminal."""
    if args.list:
        return system_table()
    if args.model is None:
        raise ConfigError("--model", expected="a model", got="none", remedy="--list shows what there is")
    if not args.output and args.port is None and args.to is None:
        raise ConfigError("generate", expected="-o FILE or --port NAME", got="neither")
    key = None if args.key is None else KEYS.index(args.key)
    config = GeneratorConfig(
        temperature=args.temperature, rules=not args.free, seed=args.seed, key=key, activity=args.activity
    )
    if args.output and (sound := open_sound(args.model, config)) is not None:
        return _sound(args, sound.samples(args.seconds), sound.rate)
    source = open_generator(args.model, config, args.data)
    if (args.melody or args.accompany) and not system_of(args.model).melody:
        expected = "a system that takes a melody: " + players_of("melody")
        raise ConfigError("--model", expected=expected, got=args.model)
    if args.prime is not None:
        _prime(args, source)
    _check_listening(args, source)
    return _files(args, source) if args.output else _live(args, source, stop)


def _prime(args: argparse.Namespace, source: Generator) -> None:
    """Let the source take a file as its past."""
    _going_on(args, source)(read_midi(args.prime, steps_per_quarter=source.steps_per_quarter))


def _going_on(args: argparse.Namespace, source: Generator) -> Callable[[Piece], None]:
    """How the source takes a piece as its past."""
    if not system_of(args.model).prime:
        expected = "a system that continues a piece: " + players_of("prime")
        raise ConfigError("--model", expected=expected, got=args.model)
    prime: Callable[[Piece], None] = source.prime  # type: ignore[attr-defined]
    return prime


def _check_listening(args: argparse.Namespace, source: Generator) -> None:
    """Refuse what --listen cannot be joined with, before a port is opened."""
    if args.listen is None:
        return
    require("--listen", args.listen, 1, MAX_BARS)
    _going_on(args, source)
    if args.output or args.follow_clock:
        with_what = "-o" if args.output else "--follow-clock"
        raise ConfigError("--listen", expected="--port or --to, at its own --tempo", got=with_what)


def _listen(args: argparse.Namespace, source: Generator, port: MidiProcess, stop: threading.Event) -> BarListener:
    """Hear the bars that are played first, and let the source take them as its past."""
    print(f"listening: play {args.listen} bars at {args.tempo:g} into the port", flush=True)
    listener = BarListener(args.listen, sample_rate=port.sample_rate, tempo_bpm=args.tempo)
    early = round(READY_S * port.sample_rate)
    while not listener.ready(port.now(), early) and not stop.is_set():
        while port.received:
            listener.take(*port.received.popleft())
        time.sleep(POLL_S)
    if listener.first is not None:
        piece = listener.piece(steps_per_quarter=source.steps_per_quarter, n_voices=len(source.names))
        _going_on(args, source)(piece)
    return listener


def _sound(args: argparse.Namespace, samples: np.ndarray, rate: int) -> str:
    for name in args.output:
        if Path(name).suffix.lower() != ".wav":
            raise ConfigError("-o", expected="FILE.wav: this system writes sound itself", got=repr(name))
        soundfile.write(name, samples, rate, subtype="FLOAT")
    return f"{len(samples) / rate:.2f} s at {rate} Hz: {', '.join(args.output)}"


def _files(args: argparse.Namespace, source: Generator) -> str:
    melody, n_steps = _melody(args, source)
    piece = collect(source, n_steps, melody, tempo_bpm=args.tempo)
    for name in args.output:
        _write(piece, Path(name), args.sound_font, source.percussion)
    bars = n_steps / source.steps_per_quarter / 4
    return f"{len(piece.notes)} notes, {bars:.4g} bars: {', '.join(args.output)}"


def _melody(args: argparse.Namespace, source: Generator) -> tuple[Melody, int]:
    """The melody of --melody on the source's grid, else none; and how long to write."""
    if args.melody is None:
        return free_melody, args.bars * 4 * source.steps_per_quarter
    line = to_grid(read_midi(args.melody, steps_per_quarter=source.steps_per_quarter), 1)[0][:, 0].astype(np.int64)
    if isinstance(source, FrameGenerator):
        known = np.full((len(line), len(source.names)), FREE)
        known[:, 0] = line
        source.find_key(known)

    def melody(start: int, n: int) -> np.ndarray:
        part = line[start : start + n]
        return np.concatenate([part, np.full(n - len(part), REST)])

    return melody, len(line)


def _write(piece: Piece, path: Path, sound_font: Path | None, percussion: bool) -> None:
    if path.suffix.lower() in (".mid", ".midi"):
        write_midi(piece, path, percussion=percussion)
    elif path.suffix.lower() == ".wav":
        write_wav(piece, path, sound_font=sound_font, percussion=percussion)
    else:
        raise ConfigError("-o", expected="FILE.mid or FILE.wav", got=repr(str(path)))


def _live(args: argparse.Namespace, source: Generator, stop: threading.Event) -> str:
    """Play until stopped; every note is ended by the port's own process, whatever happens to this one."""
    midi = MidiConfig(name=args.port or "collaparte", to=args.to, backend=args.backend)
    config = LiveGeneratorConfig(
        tempo_bpm=args.tempo, look_ahead_s=args.look_ahead, follow=args.follow_clock, accompany=args.accompany
    )
    melody = _melody(args, source)[0] if args.melody else None
    ahead = None
    try:
        with MidiProcess(midi) as port:
            listener = _listen(args, source, port, stop) if args.listen is not None else None
            if source.steps > 1:
                ahead = Prefetch(source)
                ahead.wait()
            earliest = port.now() + round(args.look_ahead * port.sample_rate)
            origin = listener.resume(earliest) if listener is not None else None
            player = LiveGenerator(ahead or source, port, config, melody, origin)
            if args.send_clock:
                port.start_clock(player.origin, args.tempo)
            gc.freeze()
            while not stop.is_set():
                while port.received:
                    player.take(*port.received.popleft())
                player.advance()
                time.sleep(min(args.look_ahead / 4, POLL_S))
            late, lost = port.report.get("n_late", 0), port.report.get("n_lost_cycles", 0)
            seconds = port.now() / port.sample_rate
    finally:
        if ahead is not None:
            ahead.close()
    waits = f"; {ahead.n_waits} segments waited for" if ahead is not None and ahead.n_waits else ""
    return f"{player.step} steps in {seconds:.0f} s; {late} messages late, {lost} cycles lost by the server{waits}"
