"""Music as data: pieces, codecs, corpora and MIDI files."""
