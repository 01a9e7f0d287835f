"""Music and sound that are made by rule: blues, grooves, and a plain organ that plays a grid."""

from __future__ import annotations

import numpy as np

from offline.music.codecs import DrumTokens
from offline.music.piece import from_grid

__all__ = ["CHORUS", "SOUND_STEP_S", "blues", "groove_condition", "grooves", "note_bits", "sound_of"]

CHORUS = 96  # eighths of twelve bars
SOUND_STEP_S = 0.15  # of a sixteenth: 100 quarters a minute
BLUES_ROOTS = (0, 0, 0, 0, 5, 5, 0, 0, 7, 5, 0, 0)  # twelve bars: I I I I IV IV I I V IV I I
QUICK_CHANGE, TURNAROUND = (1, 5), (11, 7)  # bar and root: IV in the second bar, V in the twelfth
BLUES_SCALE = (0, 3, 5, 6, 7, 10, 12)
SEVENTH = (0, 4, 7, 10)
# Eighths of a bar at which the chord sounds: held, on the beats, Charleston, off the beats, shuffled pairs.
COMPING = ("xxxxxxxx", "x.x.x.x.", "xx.x....", ".x.x.x.x", "xxx.xxx.", "x..x..x.")


def blues(rng: np.random.Generator, *, melody: bool = True) -> np.ndarray:
    """Make twelve bars of eighths as bits (96, 25): twelve of chord tones, thirteen of a melody in the blues scale.

    Eck & Schmidhuber (2002) made theirs by rule too. The rule here: seventh chords in one of six rhythms, with or
    without the quick change and the turnaround, and a random walk on the scale, on a chord tone at bar lines.
    """
    roll = np.zeros((CHORUS, 25 if melody else 12), np.float32)
    roots = list(BLUES_ROOTS)
    for (bar, root), taken in zip((QUICK_CHANGE, TURNAROUND), rng.random(2) < 0.5, strict=True):
        roots[bar] = root if taken else roots[bar]
    rhythm = [place == "x" for place in COMPING[int(rng.integers(len(COMPING)))]]
    place = int(rng.integers(len(BLUES_SCALE)))
    for bar, root in enumerate(roots):
        struck = bar * 8 + np.flatnonzero(rhythm)
        roll[struck[:, None], [(root + step) % 12 for step in SEVENTH]] = 1
        if melody:
            place = _line(rng, roll[bar * 8 : bar * 8 + 8, 12:], root, place)
    return roll


def _line(rng: np.random.Generator, bar: np.ndarray, root: int, place: int) -> int:
    """Write a bar of melody into bits (8, 13); return where on the scale it ends."""
    for eighth in range(8):
        if eighth % 2 and rng.random() < 0.4:
            continue
        place = int(np.clip(place + rng.integers(-1, 2), 0, len(BLUES_SCALE) - 1))
        tones = [i for i, step in enumerate(BLUES_SCALE) if (step - root) % 12 in (0, 3, 4, 7, 10)]
        if eighth == 0:
            place = min(tones, key=lambda i: abs(i - place))
        bar[eighth, BLUES_SCALE[place]] = 1
    return place


def grooves(
    rng: np.random.Generator, n_bars: int = 8, *, tempo_bpm: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Make drum tokens (step,) by rule, and their conditions (step, 22): bass, guitar, tempo, position in the metre.

    A backbeat with a kick pattern that the bass doubles, hats by tempo, and a fill in every fourth bar. No drum corpus
    has a free licence, so weights trained on this know only this style.
    tempo_bpm: by default drawn, 70 to 160
    """
    codec = DrumTokens()
    bit = {key: 1 << i for i, key in enumerate(codec.drums)}
    drawn = rng.uniform(70, 160)
    tempo = drawn if tempo_bpm is None else tempo_bpm
    kick = {0, *rng.choice([3, 6, 7, 8, 10, 11, 14], size=int(rng.integers(1, 4)), replace=False).tolist()}
    strum = set(rng.choice(16, size=int(rng.integers(2, 7)), replace=False).tolist())
    every = 2 if tempo < 125 else 4
    tokens = np.zeros(16 * n_bars, np.int64)
    for step in range(16 * n_bars):
        bar, place = divmod(step, 16)
        token = bit[36] if place in kick else 0
        token |= bit[38] if place in (4, 12) else 0
        token |= (bit[46] if place == 14 and rng.random() < 0.2 else bit[42]) if place % every == 0 else 0
        if bar % 4 == 3 and place >= 12:
            token = bit[38] if place % 2 == 0 else bit[45] if rng.random() < 0.7 else bit[48]
        if bar % 4 == 0 and place == 0 and bar:
            token |= bit[49]
        tokens[step] = token
    places = np.arange(16 * n_bars) % 16
    return tokens, groove_condition(np.isin(places, sorted(kick)), np.isin(places, sorted(strum)), tempo)


def groove_condition(bass: np.ndarray, guitar: np.ndarray, tempo_bpm: float, first: int = 0) -> np.ndarray:
    """Return the conditions (step, 22) of drums: onsets of bass and guitar (step,), the place in four bars, the tempo.

    first: sixteenth at which they begin
    """
    steps = first + np.arange(len(bass))
    bars = np.eye(4)[steps // 16 % 4][:, :3]
    pace = np.full((len(bass), 1), (tempo_bpm - 110) / 40)
    return np.hstack([np.stack([bass, guitar], axis=1), np.eye(16)[steps % 16], bars, pace]).astype(np.float32)


def note_bits(frames: np.ndarray, low: int, n_pitches: int) -> np.ndarray:
    """Return which of n_pitches from `low` up sound in each frame (frame, voice), (frame, pitch) float32."""
    bits = np.zeros((len(frames), n_pitches), np.float32)
    for voice in frames.T:
        inside = np.flatnonzero((voice >= low) & (voice < low + n_pitches))
        bits[inside, voice[inside] - low] = 1
    return bits


def sound_of(frames: np.ndarray, sample_rate: int, *, step_s: float = SOUND_STEP_S, seed: int = 0) -> np.ndarray:
    """Render frames (frame, voice) by an organ of six harmonics with a soft attack; float32, peak 0.9 at most."""
    rng = np.random.default_rng(seed)
    length = round(step_s * sample_rate)
    out = np.zeros(len(frames) * length)
    for note in from_grid(frames).notes:
        start, n = int(note["onset"]) * length, int(note["duration"]) * length
        t = np.arange(n) / sample_rate
        frequency = 440 * 2 ** ((int(note["pitch"]) - 69) / 12)
        shape = np.minimum(1, np.minimum(t / 0.02, (n / sample_rate - t) / 0.02))
        for harmonic in range(1, 7):
            if harmonic * frequency < sample_rate / 2:
                out[start : start + n] += (
                    shape * np.sin(2 * np.pi * harmonic * frequency * t + rng.uniform(0, 2 * np.pi)) / harmonic
                )
    return np.asarray((0.9 * out / max(np.abs(out).max(), 1e-9)).astype(np.float32))
