"""The soloist's tempo: as it was, and as rehearsals let expect it."""
