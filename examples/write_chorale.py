"""Write eight bars in four voices by the frame network, as MIDI; the same seed gives the same music."""

from __future__ import annotations

import sys
from pathlib import Path

from offline.generation.config import GeneratorConfig
from offline.generation.open_system import open_generator
from offline.generation.stream import collect
from offline.music.midi_file import write_midi

(output,) = [*sys.argv[1:], "demo/chorale.mid"][:1]
BARS = 8

generator = open_generator("Frames", GeneratorConfig(seed=3))
piece = collect(generator, BARS * 4 * generator.steps_per_quarter, tempo_bpm=90.0)
write_midi(piece, Path(output))
print(f"{len(piece.notes)} notes in {BARS} bars: {output}")
