"""A session in which keys put cues where the music is."""

from __future__ import annotations

import os
import sys
import termios
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cli.live.session import find_device, find_input, run_session
from cli.outward_options import cue_score
from cli.terminal.report import complain, note, wrote
from cli.terminal.stopping import USER_ERROR, unhurried
from engine.audio.devices import SILENT, Device, is_device, is_file
from engine.core.errors import ConfigError, EngineError, OutputError
from engine.core.format import AudioFormat
from engine.core.whole_file import whole_text
from engine.pipeline.pipeline import PipelineConfig
from engine.realtime.session import Session, SessionConfig
from engine.stage.cues.actions import host_and_port
from engine.stage.cues.recorder import CueRecorder, RecordedCue, written_cues
from offline.following.presets import follow_by
from offline.following.score_input import followed_score

if TYPE_CHECKING:
    from cli.commands.cue_record import CueRecordOptions

__all__ = ["record_cues"]

ENDS, TAKES_BACK = "q", "\x7f\b"


def record_cues(options: CueRecordOptions) -> int:
    """Run the session; write the list after every key, so that nothing is lost."""
    if options.cues.exists() and not options.overwrite:
        raise OutputError(str(options.cues), expected="a new file", got="one that is there", remedy="add --overwrite")
    host_and_port(options.osc)
    score = cue_score(options.score, options.reading)
    config = _session_config(options)
    session, stop = Session(config), threading.Event()
    recorder = CueRecorder(score, config.sample_rate or 1, options.snap)
    pad = _Pad(session, recorder, options)
    note("any key puts a cue where the music is; Backspace takes the last away; q ends")
    with unhurried(), _keys(pad.key, stop):
        report = run_session(session, take=recorder.take, stop=stop)
    if not pad.cues:
        note("no cue was put")
        return 0
    wrote([options.cues], then=f"collaparte cues check {options.cues} --score {options.score}")
    if report.shortfall:
        complain(report.shortfall)
    return USER_ERROR if report.shortfall else 0


def _session_config(options: CueRecordOptions) -> SessionConfig:
    if len(options.output) > 1 or not all(map(is_device, options.output)):
        raise ConfigError("--output", expected="at most one device", got=" ".join(options.output))
    source, audio = find_input(options.input, options.rate)
    follow = follow_by(options.features)
    score = cue_score(options.score, options.reading)
    return SessionConfig(
        source=source,
        sink=_sink(options, source, audio),
        pipeline=PipelineConfig(score=followed_score(score, audio, follow), follow=follow),
        sample_rate=audio.sample_rate,
        duration_s=options.duration,
        as_heard=True,
    )


def _sink(options: CueRecordOptions, source: Device | Path, audio: AudioFormat) -> Device | None:
    """A device to hear it on; one that nobody hears gives a file its pace."""
    if options.output:
        return find_device(options.output[0], output=True)[0]
    return Device(backend=SILENT, n_channels=audio.n_channels) if is_file(source) else None


class _Pad:
    """Keys to cues, in the thread that reads the keys."""

    def __init__(self, session: Session, recorder: CueRecorder, options: CueRecordOptions) -> None:
        self._session, self._recorder, self._options = session, recorder, options
        self.cues: list[RecordedCue] = []

    def key(self, key: str) -> None:
        """Put a cue, or take one away; say so in one line."""
        if key in TAKES_BACK:
            if self.cues:
                note(f"taken away: {self.cues.pop().at}")
        elif (clock := self._session.clock) is None:
            note("no sound yet")
            return
        else:
            try:
                cue = self._recorder.press(clock.now() / clock.sample_rate)
            except EngineError as error:
                note(str(error))
                return
            self.cues.append(cue)
            number = "" if cue.pass_number is None else f", pass {cue.pass_number}"
            note(f"cue {len(self.cues)}: {cue.at}{number}")
        self._write()

    def _write(self) -> None:
        if not self.cues:
            self._options.cues.unlink(missing_ok=True)
            return
        with whole_text(self._options.cues) as file:
            file.write(written_cues(self.cues, self._options.osc))


@contextmanager
def _keys(press: Callable[[str], None], stop: threading.Event) -> Iterator[None]:
    """Call `press` with each key of the terminal, or with each line of another standard input; `q` sets `stop`."""
    fd = sys.stdin.fileno()
    is_terminal = os.isatty(fd)
    before = termios.tcgetattr(fd) if is_terminal else None

    def read() -> None:
        while not stop.is_set():
            text = os.read(fd, 1).decode(errors="replace") if is_terminal else sys.stdin.readline()
            if not text:
                return
            key = text if is_terminal else text.strip() or " "
            if key == ENDS:
                stop.set()
            else:
                press(key)

    if before is not None:
        tty.setcbreak(fd)
    try:
        threading.Thread(target=read, daemon=True, name="keys").start()
        yield
    finally:
        if before is not None:
            termios.tcsetattr(fd, termios.TCSADRAIN, before)
