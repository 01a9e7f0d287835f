"""How near the beat for other programs is to what was played, and what it costs to tell it.

    python -m benchmarks.beat

The pieces of ../shared/data that played no part in choosing its settings; the follower runs over each, and the beat
takes its events as they come live.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pythonosc.osc_message_builder import OscMessageBuilder

from benchmarks.quality import SHARED
from benchmarks.rows import Row
from engine.audio.files import AudioReader
from engine.core.events import Event, Onset, Position, State
from engine.core.format import AudioFormat
from engine.pipeline.file_stream import stream_file
from engine.pipeline.pipeline import Pipeline, PipelineConfig
from engine.stage.osc.packing import OscLayout
from engine.stage.phase import BeatLine, BeatPhase, PhaseConfig, Turn
from offline.batch.piece_folders import EvaluationPiece, find_pieces
from offline.evaluation.onsets import read_truth
from offline.following.feature_names import FEATURES
from offline.following.presets import follow_by
from offline.following.score_input import read_score_input

# What the settings of the beat were chosen on.
CHOSEN_ON = ("mec_short_slow1", "real_Fugue", "vienna_Schubert", "violin_oliver-colbentson_bwv1006")
AHEAD_S = 0.08  # how far before its time a beat is decided live: the margin, and what an event waits
SMOOTHINGS = (0.5, 1.0, 4.0)
N_PACKED = 20_000
SLOWEST = 0.2  # quarters a second, by which distances become seconds

Floats = npt.NDArray[np.float64]


def rows() -> Iterator[Row]:
    """A row a piece, then the cost of each message."""
    if (SHARED / "alignment").is_dir():
        for piece in find_pieces(SHARED / "alignment").pieces:
            if not piece.name.startswith(CHOSEN_ON):
                yield beat_row(piece)
    yield _osc()


def beat_row(piece: EvaluationPiece) -> Row:
    """Return how far the beat is from the notes, at several smoothings."""
    events, audio = _events(piece)
    quarter, audio_s = read_truth(piece.truth)
    texts = []
    for smoothing in SMOOTHINGS:
        track = beat_of(events, audio.sample_rate, PhaseConfig(beat_smoothing=smoothing))
        errors = 1000 * np.abs(track.errors(quarter, audio_s))
        changes = track.tempo_changes()
        texts.append(f"{np.median(errors):.0f} / {np.percentile(errors, 95):.0f} ms; {np.median(changes):.1f} bpm")
    own = np.median(_changes(*_beats_played(quarter, audio_s)))
    return Row(
        what=f"beat, {piece.name}: distance from each note, median / 95 %; change from beat to beat; smoothing "
        + ", ".join(f"{each:g}" for each in SMOOTHINGS),
        ours=" · ".join(texts),
        peer=f"{own:.1f} bpm",
        ratio="",
        agreement=f"peer: the player; {track.jumps} jumps; {1e6 * track.cpu_s / track.seconds:.0f} us CPU a second",
    )


def _events(piece: EvaluationPiece) -> tuple[list[Event], AudioFormat]:
    """Return what the follower says of a piece, in the order in which it comes."""
    follow = follow_by(FEATURES[0])
    found: list[Event] = []
    with AudioReader(piece.performance) as reader:
        score = read_score_input(piece.score, reader.format, follow)
        pipeline = Pipeline(reader.format, PipelineConfig(score=score, follow=follow))
        stream_file(reader, pipeline, on_event=found.append)
        told = [event for event in found if isinstance(event, Position | Onset | State)]
        return sorted(told, key=lambda event: event.emitted_at), reader.format


@dataclass(frozen=True, slots=True, kw_only=True)
class BeatTrack:
    """What a beat did: lines in order, None where it stood.

    cpu_s, seconds: of processor and of music
    """

    lines: list[tuple[float, BeatLine | None]]
    jumps: int
    cpu_s: float
    seconds: float

    def errors(self, quarter: Floats, audio_s: Floats) -> Floats:
        """Return by how many seconds the beat is ahead of each note, where it runs."""
        begins_s = np.array([begun_s for begun_s, _ in self.lines[:-1]])
        found = []
        for index, q, at_s in zip(np.searchsorted(begins_s, audio_s, side="right") - 1, quarter, audio_s, strict=True):
            line = self.lines[index][1] if index >= 0 else None
            if line is not None and at_s < self.lines[-1][0]:
                found.append((line.place(at_s) - q) / max(line.rate, SLOWEST))
        return np.array(found)

    def tempo_changes(self) -> Floats:
        """Return by how many quarters a minute the tempo differs from that of the beat before."""
        beats = {}
        for (begun_s, line), (end_s, _) in zip(self.lines, self.lines[1:], strict=False):
            if line is not None:
                for beat in range(math.ceil(line.place(begun_s)), math.ceil(line.place(end_s))):
                    beats[beat] = line.when(beat)
        return _changes(np.array(list(beats), dtype=float), np.array(list(beats.values())))


def beat_of(events: list[Event], sample_rate: int, config: PhaseConfig) -> BeatTrack:
    """Let a beat follow events as it does live."""
    phase, lines, begun = BeatPhase(config), [], 0
    before_s = time.process_time()
    for event in events:
        for turn, line in phase.advance(event.emitted_at / sample_rate + AHEAD_S):
            lines.append((line.at_s, None if turn is Turn.HALT else line))
            begun += turn is Turn.BEGIN
        phase.take(event, sample_rate)
    cpu_s = time.process_time() - before_s
    return BeatTrack(lines=lines, jumps=begun - 1, cpu_s=cpu_s, seconds=events[-1].emitted_at / sample_rate)


def _beats_played(quarter: Floats, audio_s: Floats) -> tuple[Floats, Floats]:
    whole = quarter == np.rint(quarter)
    beats, first = np.unique(quarter[whole], return_index=True)
    return beats, audio_s[whole][first]


def _changes(beats: Floats, at_s: Floats) -> Floats:
    """Return the change of tempo between beats that follow each other."""
    next_to = (np.diff(beats) == 1) & (np.diff(at_s) > 0)
    tempi = 60 / np.where(next_to, np.diff(at_s), 1.0)
    return np.abs(np.diff(tempi))[next_to[1:] & next_to[:-1]]


def _osc() -> Row:
    layout = OscLayout("/collaparte/position", "fifff")
    values = (17.25, 5, 10.35, 98.2, 0.93)
    ours, theirs = _cost_us(lambda: layout.pack(*values)), _cost_us(lambda: _built(values))
    return Row(
        what="OSC: packing a position, CPU",
        ours=f"{ours:.1f} us",
        peer=f"python-osc, {theirs:.1f} us",
        ratio=f"{theirs / ours:.1f}",
        agreement="the same bytes" if layout.pack(*values) == _built(values) else "other bytes",
    )


def _built(values: tuple[float, ...]) -> bytes:
    builder = OscMessageBuilder("/collaparte/position")
    for kind, value in zip("fifff", values, strict=True):
        builder.add_arg(value, kind)
    data: bytes = builder.build().dgram
    return data


def _cost_us(run: object) -> float:
    assert callable(run)
    before_s = time.process_time()
    for _ in range(N_PACKED):
        run()
    return 1e6 * (time.process_time() - before_s) / N_PACKED


if __name__ == "__main__":
    for row in rows():
        print(row.what, row.ours, row.peer, row.agreement, sep=" | ")
