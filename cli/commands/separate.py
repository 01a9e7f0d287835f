"""`collaparte separate`: files to folders of stems."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cli.common import OUTPUT, SEPARATE, argument, command, network_file, of_group, option, output
from cli.separation_options import SEPARATION_GROUPS, HpssOptions, NetworkOptions, refuse_typed
from cli.terminal.completion import file_separator_names
from cli.terminal.kernels import announced_compiling
from cli.terminal.report import batch_summary, complain, note, wrote
from cli.terminal.stopping import INTERRUPTED, USER_ERROR, stoppable
from engine.core.config import Settings, plain

if TYPE_CHECKING:
    from offline.batch.jobs.stems import Separation
    from offline.batch.output_folders import StemJob

__all__ = ["SeparateOptions", "StemOptions", "separate_command", "separation_of", "stem_job_of"]

EXAMPLES = """\
examples:
  collaparte separate *.flac --output stems/
  collaparte separate recordings/ --output stems/                        every recording in a folder and below it
  collaparte separate song.flac --model kam --published --iterations 2 --no-covariance
  collaparte separate song.flac --span-percussive 25 --n-fft 2048
  collaparte separate song.flac --model unmix --wiener                   vocals, drums, bass, other; as it would live
  collaparte separate song.flac --model umxhq.onnx                       weights of `collaparte import-weights`

Stems are written to DIR/SONG/harmonic.wav and so on; of two files called SONG, to DIR/FOLDER-SONG or DIR/SONG.flac.
Where DIR/SONG holds the stems of another model, they are written to DIR/SONG-MODEL, so that both can be compared. The
same command again replaces its own stems; those of other settings are only replaced with --overwrite, all of them.
"""
HPSS, KAM = "hpss", "kam"
WHOLE = "kam, which sees the whole file"


@dataclass(frozen=True, slots=True, kw_only=True)
class StemOptions(Settings):
    """Options of every command that separates files."""

    overwrite: bool = option(plain(False, "replace the stems of an earlier run with other settings"), group=OUTPUT)
    model: str = option(
        plain(
            HPSS,
            "hpss: harmonic and percussive sound, as live; kam: the same, using the whole file, 0.3 GB per minute; "
            "unmix, unmix-heavy, unmix-low-latency or a file: the targets of a network",
        ),
        metavar="hpss|kam|NAME|FILE.onnx",
        names=file_separator_names,
        group=SEPARATE,
    )
    hpss: HpssOptions = plain(HpssOptions, "settings of hpss and kam")
    network: NetworkOptions = plain(NetworkOptions, "settings of networks")


@dataclass(frozen=True, slots=True, kw_only=True)
class SeparateOptions(StemOptions):
    """Options of `collaparte separate`."""

    files: tuple[Path, ...] = argument("FILE|FOLDER...", "recordings, or folders of them")
    output: Path = output("DIR", "folder to write one folder of stems per file into", Path("stems"))


@command(SeparateOptions, EXAMPLES)
def separate_command(options: SeparateOptions) -> int:
    """Separate every file."""
    from engine.audio.folders import find_recordings
    from offline.batch.output_folders import results_below
    from offline.batch.separate import separate_files

    separation = separation_of(options)
    found = find_recordings(options.files, skip=[each for path in options.files for each in results_below(path)])
    for name in found.again:
        note(f"{name} is the same file as one before: done once")
    for error in found.empty:
        complain(str(error))
    job = stem_job_of(options)
    files = [each.path for each in found.files]
    with stoppable() as stop, announced_compiling():
        result = separate_files(files, options.output, separation, job=job, stop=stop)
        wrote(result.done, then=_next_step(options) if result.done else "")
        n_failed, n_done = result.failed + len(found.empty), len(result.done)
        batch_summary(
            done=n_done,
            short=result.short,
            failed=n_failed,
            stopped=len(files) - n_done - result.failed,
            left_out=found.omissions,
        )
        return INTERRUPTED if stop.is_set() else USER_ERROR if n_failed or result.short else 0


def stem_job_of(options: StemOptions) -> StemJob:
    """What the record says of the stems."""
    from offline.batch.output_folders import StemJob

    settings = of_group(options, *SEPARATION_GROUPS)
    return StemJob(label=_label(options.model), settings=settings, overwrite=options.overwrite)


def _label(model: str) -> str:
    """What stands for the model in the name of a folder."""
    return Path(model).stem if model.endswith(".onnx") else model


def _next_step(options: SeparateOptions) -> str:
    if options.model in (HPSS, KAM):
        return "listen to them, or try --model unmix for vocals, drums, bass and other"
    filtered = options.network.wiener or options.network.instant  # which go without each other
    return "listen to them" if filtered else "listen to them, or add --wiener for cleaner stems"


def separation_of(options: StemOptions, *, bar: bool = True) -> Separation:
    """What separates, once the options are known to go together; bar: whether to show how far each file is."""
    from engine.pipeline.pipeline import PipelineConfig
    from offline.batch.jobs.stems import StreamSeparation, WholeFileSeparation
    from offline.separation.presets import SEPARATORS, unmix_config

    if options.model not in (HPSS, KAM):
        model = network_file("--model", options.model, [HPSS, KAM, *SEPARATORS])
        refuse_typed(options.hpss, expected="--model hpss or kam", got=options.model)
        network = unmix_config(model, **options.network.settings())
        return StreamSeparation(PipelineConfig(separate=network), bar)
    refuse_typed(options.network, expected="--model unmix or another network", got=options.model)
    if options.model == HPSS:
        return StreamSeparation(PipelineConfig(separate=options.hpss.settings()), bar)
    refuse_typed(replace(HpssOptions(), look_ahead=options.hpss.look_ahead), expected="--model hpss", got=WHOLE)
    refuse_typed(replace(HpssOptions(), forgetting=options.hpss.forgetting), expected="--model hpss", got=WHOLE)
    return WholeFileSeparation(options.hpss.settings())
