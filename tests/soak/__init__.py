"""An hour with everything on, and faults at random: `make soak`."""
