"""Dynamic time warping of whole files: exact, in linear memory, and with jumps."""
