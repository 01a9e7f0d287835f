"""Which systems can learn a user's corpus, and how many of its pieces each kind can read."""

from __future__ import annotations

from offline.generation.systems import SYSTEMS
from offline.music.own_corpus import OwnCorpus, voices_of

__all__ = ["uses_table"]

VOICES, PITCHES, ABC, DRUMS = "four voices", "notes with a pitch", "tunes in ABC", "drums"
NEEDS = {"voices": VOICES, "signed voices": VOICES, "tunes": ABC, "grooves": DRUMS}  # by view; the others need pitches
LEAST = 2  # pieces


def uses_table(corpus: OwnCorpus) -> str:
    """Return a line for each kind of music: its pieces, and the systems that learn them."""
    counts = {
        PITCHES: sum(len(own.piece.notes) > 0 for own in corpus.pieces),
        VOICES: sum(len(own.piece.notes) > 0 and voices_of(own.piece, 4) is not None for own in corpus.pieces),
        ABC: sum(bool(own.tokens) for own in corpus.pieces),
        DRUMS: sum(len(own.drums) > 0 for own in corpus.pieces),
    }
    lines = []
    for kind, n in counts.items():
        fit = [s.name for s in SYSTEMS.values() if NEEDS.get(s.view, PITCHES) == kind and not s.weights_of]
        verb = "learn them" if n >= LEAST else "cannot learn this"
        lines.append(f"  {n:5} with {kind}: {', '.join(fit)} {verb}")
    return "\n".join(lines)
