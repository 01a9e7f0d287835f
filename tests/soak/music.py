"""A small duo that is played again and again: score, and the soloist's sound."""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
import numpy.typing as npt

from engine.score.readers import read_score
from offline.synthesis.additive_piano import additive
from offline.synthesis.demo_performance import PerformConfig, perform

__all__ = ["RATE", "soloist", "write_duo"]

RATE = 48_000
N_BARS, BEATS, BPM = 32, 4, 120
PAUSE_S = 2.0  # between two times
LEVEL = 0.4
STEPS = "CDEFGAB"
HUMAN = PerformConfig(arch=0.03, wander=0.01, slowing=0.0, spread_ms=6.0, lead_ms=0.0, start_s=0.5)


def _note(step: int, octave: int, duration: int) -> str:
    octave, step = octave + step // 7, step % 7
    kind = "eighth" if duration == 1 else "quarter"
    return (
        f"<note><pitch><step>{STEPS[step]}</step><octave>{octave}</octave></pitch>"
        f"<duration>{duration}</duration><voice>1</voice><type>{kind}</type></note>"
    )


def _part(name: str, bars: list[str]) -> str:
    head = (
        "<attributes><divisions>2</divisions><key><fifths>0</fifths></key>"
        f"<time><beats>{BEATS}</beats><beat-type>4</beat-type></time></attributes>"
        f'<direction><sound tempo="{BPM}"/></direction>'
    )
    measures = "".join(f'<measure number="{k + 1}">{head * (k == 0)}{bar}</measure>' for k, bar in enumerate(bars))
    return f'<part id="{name}">{measures}</part>'


def write_duo(folder: Path) -> Path:
    """Write the score, a melody of eighths over chords of quarters, and return its place."""
    dice, step, melody, chords = Random(1), 7, [], []
    for bar in range(N_BARS):
        notes = []
        for _ in range(2 * BEATS):
            step = min(max(step + dice.choice((-3, -2, -1, 1, 2, 3)), 0), 13)
            notes.append(_note(step, 4, 1))
        melody.append("".join(notes))
        chords.append("".join(_note((2 * bar + 2 * beat) % 7, 3, 2) for beat in range(BEATS)))
    score = folder / "duo.musicxml"
    names = "".join(
        f'<score-part id="{i}"><part-name>{n}</part-name></score-part>' for i, n in (("S", "Solo"), ("P", "Piano"))
    )
    score.write_text(
        '<?xml version="1.0" encoding="UTF-8"?><score-partwise version="4.0">'
        f"<part-list>{names}</part-list>{_part('S', melody)}{_part('P', chords)}</score-partwise>"
    )
    return score


def soloist(score: Path) -> npt.NDArray[np.float32]:
    """What the soloist plays once, with the pause after it."""
    played = perform(read_score(score, ("Solo",)), seed=1, config=HUMAN)
    sound = LEVEL * np.asarray(additive(played, RATE), np.float32)
    return np.concatenate([sound, np.zeros(int(PAUSE_S * RATE), np.float32)])
