"""Recovery from jumps: recordings are cut and joined at known places, then followed."""
