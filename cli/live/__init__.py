"""Live sessions as the command line runs them: devices, screen, MIDI."""
