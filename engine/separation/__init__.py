"""Separation: harmonic and percussive sound by medians, stems by networks."""
