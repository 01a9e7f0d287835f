"""What everything live stands on: the contract of processors, formats, events, errors, settings, rings and clocks."""
