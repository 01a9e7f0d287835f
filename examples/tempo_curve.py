"""Align a whole recording with its score and print the tempo of every bar."""

from __future__ import annotations

import sys

import numpy as np

from engine.score import read_score
from offline.alignment import align
from offline.recording import Recording

performance, score_file = [*sys.argv[1:], "demo/performance.wav", "demo/score.musicxml"][:2]

score = read_score(score_file)
aligned = align(score, Recording.open(performance))
played = np.isfinite(aligned.audio_s)
bars = score.bar_quarter
times = np.interp(bars, aligned.quarter[played], aligned.audio_s[played])
for number, length, seconds in zip(score.bar_number, np.diff(bars), np.diff(times), strict=False):
    if seconds > 0:
        print(f"bar {number:3d}  {60 * length / seconds:5.1f} bpm")
