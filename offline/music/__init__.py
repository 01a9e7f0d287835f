"""Music as data: pieces, corpora and MIDI files."""
