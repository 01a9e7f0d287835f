"""`collaparte find`: which piece of a folder is played, and where in it."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cli.common import DEVICE, INPUT, OUTPUT, argument, command, option
from cli.terminal.kernels import announced_compiling
from cli.terminal.report import complain, note
from cli.terminal.stopping import INTERRUPTED, USER_ERROR, stoppable, unhurried
from engine.core.config import Settings, plain, ranged

if TYPE_CHECKING:
    from engine.audio.event_log import EventWriter
    from engine.core.events import Event
    from engine.pipeline.pipeline import PipelineConfig
    from engine.stage.finding.piece_index import PieceIndex

__all__ = ["FindOptions", "find_command", "read_index"]

EXAMPLES = """\
examples:
  collaparte find scores/ --input take.flac       each second the most likely piece and bar; a star where it is sure
  collaparte find scores/ --input mic
  collaparte find scores/ --index                 read the scores now, so that the next start is quick
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FindOptions(Settings):
    """Options of `collaparte find`."""

    folder: Path = argument("FOLDER", "a folder of scores: MusicXML, MXL or MIDI")
    input: str | None = option(
        plain(None, "audio file or input device"), metavar="FILE|mic|device:NAME|jack", group=INPUT
    )
    index: bool = option(plain(False, "read the scores, say what there is, and end"), group=INPUT)
    events: str | None = option(
        plain(None, "also write what is found as JSON lines; - is standard output"), metavar="FILE", group=OUTPUT
    )
    duration: float = option(
        ranged(0.0, 0, 1e7, "stop a live run after this time; 0 for never"), metavar="S", group=DEVICE
    )


@command(FindOptions, EXAMPLES)
def find_command(options: FindOptions) -> int:
    """Read the folder; then listen, and print what is found."""
    from engine.audio.devices import is_device
    from engine.core.errors import ConfigError

    if options.input is None and not options.index:
        raise ConfigError("--input", expected="a recording or a device", got="none", remedy="--input mic, or a file")
    index = read_index(options.folder)
    if options.index or options.input is None:
        return _tell_index(index)
    if is_device(options.input):
        with unhurried():
            return _find_live(options, options.input, index)
    with stoppable() as stop:
        return _find_in_file(options, Path(options.input), index, stop)


def read_index(folder: Path) -> PieceIndex:
    """Read the scores of a folder, with a bar on the terminal; what cannot be read is told, a line each."""
    from tqdm import tqdm

    from engine.stage.finding.piece_index import PieceIndex

    with tqdm(unit="score", desc="index", leave=False, delay=1.0) as bar:

        def show(done: int, n_all: int) -> None:
            bar.total = n_all
            bar.update(done - bar.n)

        index = PieceIndex.build(folder, on_progress=show)
    for line in index.unread:
        complain(line)
    return index


def _tell_index(index: PieceIndex) -> int:
    """Print how much there is, and which pieces are the same music."""
    groups: dict[int, list[str]] = {}
    for piece in index.pieces:
        groups.setdefault(piece.edition, []).append(piece.name)
    n_onsets = sum(len(piece.score.onset_quarter) for piece in index.pieces)
    print(f"{len(index.pieces)} scores, {n_onsets} onsets, {len(groups)} different pieces")
    for names in groups.values():
        if len(names) > 1:
            print("the same music: " + ", ".join(names))
    return USER_ERROR if index.unread else 0


def _pipeline(index: PieceIndex) -> PipelineConfig:
    from engine.pipeline.pipeline import PipelineConfig
    from engine.stage.finding.piece_follower import PieceFollowerConfig
    from offline.following.presets import shipped_features

    node = PieceFollowerConfig(index=index, salience=shipped_features("salience"), follow=None)
    return PipelineConfig(listeners=(node,))


def _find_in_file(options: FindOptions, path: Path, index: PieceIndex, stop: threading.Event) -> int:
    from contextlib import ExitStack

    from engine.audio.event_log import EventWriter
    from engine.audio.files import AudioReader
    from engine.pipeline.file_stream import stream_file
    from engine.pipeline.pipeline import Pipeline

    with ExitStack() as stack:
        reader = stack.enter_context(AudioReader(path))
        rate, log = reader.format.sample_rate, None
        if options.events is not None:
            log = stack.enter_context(EventWriter(options.events, rate))
        with announced_compiling():
            pipeline = Pipeline(reader.format, _pipeline(index))
        told = _Told(rate, log)
        report = stream_file(reader, pipeline, on_event=told, stop=stop)
    if report.shortfall:
        complain(report.shortfall)
    told.end()
    return INTERRUPTED if report.stopped else USER_ERROR if report.shortfall else 0


def _find_live(options: FindOptions, source: str, index: PieceIndex) -> int:
    from cli.live.session import find_input, run_session
    from engine.realtime.session import Session, SessionConfig

    device, audio = find_input(source, None)
    config = SessionConfig(
        source=device,
        pipeline=_pipeline(index),
        sample_rate=audio.sample_rate,
        events_to=options.events,
        duration_s=options.duration,
    )
    note("listening; ctrl-C ends it")
    told = _Told(audio.sample_rate, None)
    run_session(Session(config), take=told)
    told.end()
    return 0


class _Told:
    """Prints what is found on a line, with a star where it is sure; at the end, what was not found."""

    def __init__(self, rate: int, log: EventWriter | None) -> None:
        self.rate, self.log = rate, log
        self.heard = self.sure = False

    def __call__(self, event: Event) -> None:
        from engine.core.events import PieceFound

        if not isinstance(event, PieceFound):
            return
        self.heard, self.sure = True, self.sure or event.sure
        if self.log is not None:
            self.log.write(event)
        if event.rank:
            return
        mark = "*" if event.sure else " "
        place = f"bar {event.bar}, quarter {event.quarter:.2f}"
        line = f"{event.at / self.rate:8.2f} s {mark} {event.name}, {place}, confidence {event.confidence:.2f}"
        print(line, flush=True)

    def end(self) -> None:
        """Say so where no piece was found."""
        if not self.sure:
            note("no piece of the folder is sure" if self.heard else "nothing was heard that is in the folder")
