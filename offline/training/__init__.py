"""Training: loops that stop by the clock, save and go on."""
