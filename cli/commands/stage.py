"""`collaparte stage`: the score in a browser, with a cursor that follows the player."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, field
from pathlib import Path
from typing import Any

from cli.backing_options import BackingOptions
from cli.commands.accompany import AccompanyOptions
from cli.commands.run import RunOptions
from cli.common import INPUT, OUTPUT, argument, command, option, output
from cli.practice_options import PracticeOptions
from cli.score_options import ScoreOptions
from cli.separation_options import HpssOptions, NetworkOptions
from cli.stage_outputs import StageOutputs
from engine.accompaniment.config import SchedulerConfig
from engine.accompaniment.stage_config import StageConfig
from engine.accompaniment.synthesiser_config import SynthesiserConfig
from engine.accompaniment.touch_config import TouchConfig
from engine.core.config import Settings, choice, plain, ranged

__all__ = ["PAGE", "StageOptions", "as_in", "stage_command"]

PAGE = "Page"
DEFAULT_PORT = 8321
EXAMPLES = """\
examples:
  collaparte stage piece.musicxml --input mic                     the page opens on this machine
  collaparte stage scores/ --input mic --host 0.0.0.0             a code for the tablet; any score of the folder
  collaparte stage piece.musicxml --input take.flac               a recording, at its own pace
  collaparte stage sonata.musicxml --solo Violin --input mic --output device     with the other parts
  collaparte stage piece.musicxml --input mic --separate unmix-low-latency --output device
  collaparte stage piece.musicxml --input mic --host 0.0.0.0 --tls     https, so that the tablet stays awake
  collaparte stage piece.musicxml --review take.flac --events take.jsonl
  collaparte stage piece.musicxml --input take.flac --port 8321 --no-browser     for scripts
"""


def as_in(kind: type[Any], name: str) -> Any:
    """Declare a field as another command does."""
    declared = kind.__dataclass_fields__[name]
    if declared.default_factory is not MISSING:
        return field(default_factory=declared.default_factory, metadata=declared.metadata)
    return field(default=declared.default, metadata=declared.metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class StageOptions(Settings):
    """Options of `collaparte stage`."""

    score: Path = argument("SCORE|FOLDER", "MusicXML, MXL or MIDI; of a folder any score can be chosen on the page")
    input: str | None = option(
        plain(None, "input device, or an audio file, which is followed at its own pace"),
        metavar="mic|jack|device:NAME|FILE",
        group=INPUT,
    )
    find: bool = option(
        plain(True, "of a folder, find which score is played, and where, by listening (by bands); else it is chosen"),
        group=INPUT,
    )
    review: Path | None = option(
        plain(None, "look at an earlier run: this recording, with what --events was written of it"),
        metavar="TAKE",
        group=INPUT,
    )
    host: str | None = option(
        plain(
            None,
            "listen to other devices at this address of the machine, 0.0.0.0 for all of them; a code with a secret "
            "lets a tablet in (default this machine alone)",
        ),
        metavar="ADDRESS",
        group=PAGE,
    )
    port: int = option(ranged(DEFAULT_PORT, 0, 65535, "port of the page, 0 for any that is free"), group=PAGE)
    browser: bool = option(plain(True, "open the page in a browser here"), group=PAGE)
    tls: bool = option(plain(False, "https, with a certificate of this machine's own"), group=PAGE)
    begin: str | None = option(
        choice(
            None,
            ("now", "open", "button"),
            "when the first session begins: at once, when a page is open, or by its button (default now for a device, "
            "open for a file)",
        ),
        group=PAGE,
    )
    once: bool = option(plain(False, "end with the first session"), group=PAGE)
    reading: ScoreOptions = plain(ScoreOptions, "follow")
    features: str = as_in(RunOptions, "features")
    follow: str = as_in(RunOptions, "follow")
    separate: str = as_in(RunOptions, "separate")
    hpss: HpssOptions = plain(HpssOptions, "settings of hpss")
    network: NetworkOptions = plain(NetworkOptions, "settings of networks")
    gain: tuple[str, ...] = as_in(RunOptions, "gain")
    gain_midi: str | None = as_in(RunOptions, "gain_midi")
    detect: str | None = as_in(RunOptions, "detect")
    top: int = as_in(RunOptions, "top")
    threshold: float | None = as_in(RunOptions, "threshold")
    median: str | None = as_in(RunOptions, "median")
    window: float | None = as_in(RunOptions, "window")
    embedding: tuple[str, ...] = as_in(RunOptions, "embedding")
    solo: tuple[str, ...] = as_in(AccompanyOptions, "solo")
    tempo: float | None = as_in(AccompanyOptions, "tempo")
    schedule: SchedulerConfig = plain(SchedulerConfig, "when the accompaniment plays")
    touch: TouchConfig = plain(TouchConfig, "how the accompaniment plays")
    practice: PracticeOptions = plain(PracticeOptions, "practise")
    stage: StageConfig = plain(StageConfig, "on the stage")
    rehearsals: tuple[Path, ...] = as_in(AccompanyOptions, "rehearsals")
    sound: SynthesiserConfig = plain(SynthesiserConfig, "the synthesiser")
    recorded: BackingOptions = plain(BackingOptions, "a recording in place of the synthesiser")
    accompaniment_gain: float | None = as_in(AccompanyOptions, "accompaniment_gain")
    midi_port: str | None = option(
        plain(None, "also play the accompaniment into a virtual MIDI port of this name"), metavar="NAME", group=OUTPUT
    )
    port_programs: bool = as_in(AccompanyOptions, "port_programs")
    output: tuple[str, ...] = output("device|device:NAME|jack", "a device to play on", ())
    outward: StageOutputs = plain(StageOutputs, "other programs")
    events: str | None = option(
        plain(None, "write events as JSON lines, a second session to FILE-2 and so on; with --review read them"),
        metavar="FILE",
        group=OUTPUT,
    )
    rate: int | None = as_in(RunOptions, "rate")
    block: int = as_in(RunOptions, "block")
    duration: float = as_in(RunOptions, "duration")


@command(StageOptions, EXAMPLES)
def stage_command(options: StageOptions) -> int:
    """Show a score in a browser, and follow it."""
    from cli.live.stage import run_stage

    return run_stage(options)
