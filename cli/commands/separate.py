"""`collaparte separate`: files to folders of stems."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cli.common import SEPARATE, argument, command, network_file, option, output
from cli.terminal.completion import file_separator_names
from cli.terminal.kernels import announced_compiling
from cli.terminal.report import wrote
from cli.terminal.stopping import INTERRUPTED, USER_ERROR, stoppable
from engine.core.config import Settings, plain, ranged
from engine.core.errors import ConfigError

if TYPE_CHECKING:
    from engine.separation.hpss import HpssConfig
    from offline.batch.separate import Separate

__all__ = ["SeparateOptions", "separate_command"]

EXAMPLES = """\
examples:
  collaparte separate *.flac --output stems/
  collaparte separate song.flac --model kam --published --iterations 2
  collaparte separate song.flac --model unmix --wiener                   vocals, drums, other; as it would live
  collaparte separate song.flac --model umxhq.onnx                       weights of `collaparte import-weights`

Stems are written to DIR/SONG/harmonic.wav and so on. Where DIR/SONG holds the stems of another model, they are
written to DIR/SONG-MODEL, so that both can be compared.
"""
HPSS, KAM = "hpss", "kam"
OF_HPSS = ("published", "look_ahead", "residual")


@dataclass(frozen=True, slots=True, kw_only=True)
class SeparateOptions(Settings):
    """Options of `collaparte separate`."""

    files: tuple[Path, ...] = argument("FILE...", "recordings")
    output: Path = output("DIR", "folder to write one folder of stems per file into", Path("stems"))
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
    wiener: bool = option(
        plain(False, "refine the stems of a network with a Wiener filter, by their position in the stereo image"),
        group=SEPARATE,
    )
    published: bool = option(
        plain(False, "hpss and kam with the medians of the paper, 17 frames and 17 bins, not the tuned ones"),
        group=SEPARATE,
    )
    look_ahead: int | None = option(
        plain(None, "frames of 23 ms that hpss waits for (default 5; published 8)"), metavar="FRAMES", group=SEPARATE
    )
    iterations: int = option(plain(1, "rounds of kernel back-fitting"), metavar="N", group=SEPARATE)
    residual: float | None = option(
        ranged(None, 1, 100, "also residual.wav: what exceeds neither target by this factor, say 2"),
        metavar="FACTOR",
        group=SEPARATE,
    )


@command(SeparateOptions, EXAMPLES)
def separate_command(options: SeparateOptions) -> int:
    """Separate every file."""
    from offline.batch.separate import separate_files

    method = _method(options)
    with stoppable() as stop, announced_compiling():
        done, failed = separate_files(options.files, options.output, method, label=_label(options.model), stop=stop)
        wrote(done, then=_next_step(options) if done else "")
        return INTERRUPTED if stop.is_set() else USER_ERROR if failed else 0


def _label(model: str) -> str:
    """What stands for the model in the name of a folder."""
    return Path(model).stem if model.endswith(".onnx") else model


def _next_step(options: SeparateOptions) -> str:
    if options.model in (HPSS, KAM):
        return "listen to them, or try --model unmix for vocals, drums and other"
    return "listen to them" if options.wiener else "listen to them, or add --wiener for cleaner stems"


def _method(options: SeparateOptions) -> Separate:
    """What separates, once the options are known to go together."""
    from engine.pipeline.pipeline import PipelineConfig
    from offline.batch.separate import by_stream, by_whole_file
    from offline.separation.presets import SEPARATORS, unmix_config

    if options.model not in (HPSS, KAM):
        model = network_file("--model", options.model, [HPSS, KAM, *SEPARATORS])
        _refuse(options, OF_HPSS, "--model hpss or kam")
        return by_stream(PipelineConfig(separate=unmix_config(model, wiener=options.wiener)))
    _refuse(options, ("wiener",), "--model unmix or another network")
    if options.model == KAM and options.look_ahead is not None:
        raise ConfigError("--look-ahead", expected="--model hpss", got="kam, which sees the whole file")
    settings = _config(options)
    return by_whole_file(settings) if options.model == KAM else by_stream(PipelineConfig(separate=settings))


def _refuse(options: SeparateOptions, names: tuple[str, ...], wanted: str) -> None:
    for name in names:
        if getattr(options, name):
            raise ConfigError(f"--{name.replace('_', '-')}", expected=wanted, got=options.model)


def _config(options: SeparateOptions) -> HpssConfig:
    from engine.separation.hpss import TUNED, HpssConfig

    config = replace(HpssConfig() if options.published else TUNED, iterations=options.iterations)
    if options.look_ahead is not None:
        config = replace(config, look_ahead=options.look_ahead)
    if options.residual is not None:
        config = replace(config, residual=True, margin=options.residual)
    return config
