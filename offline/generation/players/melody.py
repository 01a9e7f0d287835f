"""A melody's tokens, one a step, as changes."""

from __future__ import annotations

from offline.generation.stream import VELOCITY, Change, Segment
from offline.music.codecs import MelodyTokens
from offline.music.piece import REST

__all__ = ["melody_segment", "melody_step"]


def melody_step(token: int, pitch: int, codec: MelodyTokens) -> tuple[Segment, int]:
    """Return what a melody token changes where `pitch` sounds, and the pitch that sounds after it."""
    if token == 0:
        return Segment(n_steps=1, changes=()), pitch
    after = REST if token == 1 else token - 2 + codec.low
    changes: list[Change] = [(0, 0, pitch, 0)] if pitch != REST else []
    changes += [(0, 0, after, VELOCITY)] if after != REST else []
    return Segment(n_steps=1, changes=tuple(changes)), after


def melody_segment(tokens: list[int], pitch: int, codec: MelodyTokens) -> tuple[Segment, int]:
    """Return what tokens change, one a step, where `pitch` sounds before them, and the pitch that sounds after."""
    changes: list[Change] = []
    for step, token in enumerate(tokens):
        segment, pitch = melody_step(token, pitch, codec)
        changes += [(step, *change[1:]) for change in segment.changes]
    return Segment(n_steps=len(tokens), changes=tuple(changes)), pitch
