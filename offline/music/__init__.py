"""Music as data: pieces, codecs, corpora and MIDI files."""

from typing import TYPE_CHECKING

from engine.core.lazy import lazy

if TYPE_CHECKING:
    from offline.music.corpora import Corpora
    from offline.music.midi_file import read_midi, write_midi, write_wav
    from offline.music.piece import Piece, from_grid, to_grid
else:
    __getattr__ = lazy(__name__)

__all__ = ["Corpora", "Piece", "from_grid", "read_midi", "to_grid", "write_midi", "write_wav"]
