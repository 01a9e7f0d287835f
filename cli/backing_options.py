"""A recording as accompaniment: the options, and what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cli.common import option
from cli.terminal.kernels import announced_compiling
from cli.terminal.report import note
from engine.accompaniment.backing.config import GlideConfig
from engine.core.config import Settings, plain
from engine.core.errors import ConfigError

if TYPE_CHECKING:
    from engine.accompaniment.backing.backing_map import Backing
    from engine.accompaniment.parts import Accompaniment

__all__ = ["BackingOptions", "aligned_backing", "refuse_with_backing"]

BACKING = "Recording as accompaniment"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackingOptions(Settings):
    """A recording that plays in place of the synthesiser."""

    backing: Path | None = option(
        plain(None, "play this recording of the accompaniment, without the solo, bent to the soloist's pace"),
        metavar="FILE",
        group=BACKING,
    )
    glide: GlideConfig = plain(GlideConfig, "how the recording keeps with the soloist")


def refuse_with_backing(options: BackingOptions, others: Mapping[str, bool]) -> None:
    """ConfigError for what a recording cannot do: others are options, and whether they are given."""
    if options.backing is None:
        return
    for name in (name for name, given in others.items() if given):
        remedy = f"leave out --backing or {name}"
        raise ConfigError("--backing", expected="a soloist, and no notes to play or to loop", got=name, remedy=remedy)


def aligned_backing(options: BackingOptions, both: Accompaniment) -> Backing | None:
    """The recording, if there is one, aligned with the parts that it plays."""
    if options.backing is None:
        return None
    from offline.accompaniment.backing import align_backing

    note(f"aligning {options.backing} with {', '.join(part.name for part in both.parts)}")
    with announced_compiling():
        return align_backing(both, options.backing, options.glide)
