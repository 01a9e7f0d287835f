"""`collaparte align`: when each onset of a score, or of another recording, sounds in a recording."""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np

from offline.alignment.alignment import AlignConfig, align, write_alignment
from offline.evaluation.alignment import track_of_alignment
from offline.evaluation.onsets import read_truth
from offline.evaluation.plots import draw_track
from offline.following.presets import follow_by
from offline.following.score_input import read_score_or_recording
from offline.recording import Recording

__all__ = ["align_config", "command"]

DOUBTFUL = 0.5  # trust below which the user is told


def command(args: argparse.Namespace) -> int:
    """Align args.audio with args.score; write the CSV and, if asked, the picture."""
    config = align_config(args)
    recording = Recording.open(args.audio)
    truth = None if args.truth is None else read_truth(args.truth)
    result = align(read_score_or_recording(args.score, recording.format, config.follow), recording, config)
    write_alignment(args.output, result)
    if args.plot is not None:
        draw_track(args.plot, recordings=[(args.audio.name, args.audio)], track=track_of_alignment(result), truth=truth)
    played, sure = int(np.isfinite(result.audio_s).sum()), int((result.confidence > 0.5).sum())
    print(f"{args.output}: {played} of {len(result.quarter)} onsets, {sure} of them surely")
    if result.trust < DOUBTFUL:
        print(f"{args.audio} hardly sounds like {args.score}: do not rely on this")
    return 0


def align_config(args: argparse.Namespace) -> AlignConfig:
    """The settings that the options ask for."""
    config = AlignConfig()
    jumps = not getattr(args, "straight", False)
    return replace(config, follow=follow_by(args.features, config.follow), jumps=jumps)
