"""What `rehearse` and `accompany --rehearsals` share: takes become the tempo that is expected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cli.terminal.kernels import announced_compiling
from cli.terminal.report import complain, note
from engine.core.errors import ConfigError

if TYPE_CHECKING:
    from engine.accompaniment.parts import Accompaniment
    from engine.accompaniment.tempo_curve import TempoCurve

__all__ = ["TakesOf", "at_expected_tempo", "curve_of_takes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TakesOf:
    """Takes of a score file, and how it is read.

    takes: recordings, or files of tempo curves
    features: by which they are aligned
    loop: bars that are played again and again; None for the whole score
    """

    score: Path
    takes: Sequence[Path]
    features: str
    repeats_after_jump: bool = False
    loop: str | None = None


def curve_of_takes(accompaniment: Accompaniment, of: TakesOf) -> TempoCurve:
    """The takes, aligned with the followed part."""
    from cli.commands.align import align_config
    from offline.accompaniment.rehearsals import read_rehearsed, rehearse

    score = read_rehearsed(of.score, accompaniment.solo, repeats_after_jump=of.repeats_after_jump)
    note(f"aligning {', '.join(map(str, of.takes))}")
    with announced_compiling():
        return rehearse(score, of.takes, align_config(of.features), say=complain)


def at_expected_tempo(accompaniment: Accompaniment, of: TakesOf) -> Accompaniment:
    """The accompaniment with the tempo that is expected after the takes; as it is without any."""
    from engine.accompaniment.tempo_curve import expected_score

    if not of.takes:
        return accompaniment
    if of.loop is not None or not accompaniment.follows:
        got = "--solo none" if of.loop is None else f"--loop {of.loop}"
        raise ConfigError("--rehearsals", expected="a soloist who plays the whole piece", got=got)
    curve = curve_of_takes(accompaniment, of)
    return replace(accompaniment, expected=expected_score(accompaniment.solo, curve))
