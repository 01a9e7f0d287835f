"""Scores: notes, bars and repeats, read from MusicXML and MIDI."""
