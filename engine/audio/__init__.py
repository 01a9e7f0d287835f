"""Sound in and out: devices through PortAudio and JACK, files, and the log of events."""
