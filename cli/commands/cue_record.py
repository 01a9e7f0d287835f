"""`collaparte cues record`: a cue list by pressing a key while the music plays."""

from __future__ import annotations

from dataclasses import MISSING, dataclass
from pathlib import Path

from cli.common import DEVICE, FOLLOW, INPUT, OUTPUT, command, features_option, option, output
from cli.score_options import ScoreOptions
from cli.terminal.places import WRITES_FILE
from engine.core.config import Settings, choice, plain, ranged

__all__ = ["CueRecordOptions", "cues_record_command"]

EXAMPLES = """\
examples:
  collaparte cues record show.toml --score piece.musicxml --input take.flac --output device
  collaparte cues record show.toml --score piece.musicxml --input mic
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CueRecordOptions(Settings):
    """Options of `collaparte cues record`."""

    cues: Path = option(plain(MISSING, "the cue list to write"), metavar="SHOW.toml", argument=True, writes=WRITES_FILE)
    score: Path = option(plain(MISSING, "the score: MusicXML, MXL or MIDI"), metavar="FILE", group=FOLLOW)
    input: str = option(
        plain(MISSING, "input device, or a recording, which is played at its own pace"),
        metavar="mic|jack|device:NAME|FILE",
        group=INPUT,
    )
    snap: str = option(
        choice("beat", ("beat", "onset", "none"), "where a cue goes: the nearest beat, onset of the score, or nothing")
    )
    osc: str = option(plain("127.0.0.1:53000", "where the cues send /cue/1/start and so on"), metavar="HOST:PORT")
    overwrite: bool = option(plain(False, "replace a list that is there"), group=OUTPUT)
    reading: ScoreOptions = plain(ScoreOptions, "follow")
    features: str = features_option()
    output: tuple[str, ...] = output("device|device:NAME|jack", "a device to hear the recording on", ())
    rate: int | None = option(
        ranged(None, 1000, 384_000, "sample rate of the engine (default the device's own)"), metavar="HZ", group=DEVICE
    )
    duration: float = option(ranged(0.0, 0, 1e7, "stop after this time; 0 for never"), metavar="S", group=DEVICE)


@command(CueRecordOptions, EXAMPLES)
def cues_record_command(options: CueRecordOptions) -> int:
    """Follow the music; any key puts a cue where it is, Backspace takes the last away, q or ctrl-C ends."""
    from cli.live.cue_recording import record_cues

    return record_cues(options)
