"""Audio and MIDI devices, and files."""
