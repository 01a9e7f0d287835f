"""Every tolerance that a test may use, each with its reason."""

EXACT = 0.0  # partition, reset, causality: the same operations on the same numbers
FLOAT32 = 1e-5  # of the signal's standard deviation: numba float32 against numpy or scipy in float64
EXPORT = 1e-4  # torch against the exported graph: other orders of summation over hundreds of terms
EIGHT_BITS = 1e-3  # of a mask: one activation that float rounding moves to the next 8-bit step changes it by 5e-4
INPUT_STEPS = 0.03  # of the largest output: of products whose inputs the runtime rounds to 8 bits, two in a row
RESAMPLED = 1e-4  # -80 dB: the sum of what a filter of 100 dB lets through
MUSICAL_S = 0.05  # alignment and onsets: what listeners and annotators agree on
CONSTANT_Q = 1e-2  # of white noise's spread, at worst: kernels are cut where 1e-6 of their energy is left
TRAINED = 1e-3  # of a loss after ten steps: processors round differently, and every step adds to it
BFLOAT16 = 0.05  # of a loss: networks in 8 bits of precision against the same in 24
SHARED = 3e-5  # of the mixture: what the masks leave over is shared out, and masks of random networks are large
CURSOR_PX = 1.5  # where a cursor is: browsers round to device pixels
BEAT_S = 0.005  # of a beat that follows steady music: its places are told on a grid of 1 ms, corrections come every 20
LINK_S = 0.003  # between two members of an Ableton Link session: a tempo travels by network, 25 times a second
SOAK_MB = 6.0  # of a process within any time: what a fault makes the allocator keep once
SOAK_MB_AN_HOUR = 5.0  # of a process that leaks nothing: fragments of what is allocated for every message
SOAK_FILES = 2  # of a process: a client of the page that comes while they are counted
