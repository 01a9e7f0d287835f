"""MIDI in and out: ports through JACK and ALSA, notes that always end, clock and controllers."""
