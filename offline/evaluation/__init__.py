"""Metrics over files and corpora."""

from typing import TYPE_CHECKING

from engine.core.lazy import lazy

if TYPE_CHECKING:
    from offline.evaluation.alignment import evaluate_alignment
    from offline.evaluation.detection.psds import PSDS_1, PSDS_2, PsdsConfig
    from offline.evaluation.detection.sound_events import evaluate_sound_events
    from offline.evaluation.following import evaluate_tracks, follow_piece
    from offline.evaluation.jumps.bar_jumps import evaluate_bar_jumps
    from offline.evaluation.jumps.repeats_and_cuts import evaluate_jumps
    from offline.evaluation.listening_test import analyse_answers, report_answers, write_test
    from offline.evaluation.onsets import Accuracy, PositionTrack, evaluate_track, read_truth
    from offline.evaluation.plots import draw_job, draw_track
    from offline.evaluation.separation import evaluate_hpss_folder, evaluate_stems, global_sdr, sdr, si_sdr
    from offline.evaluation.stems import StemScore, evaluate_separators, format_stem_table, write_stem_csv
else:
    __getattr__ = lazy(__name__)

__all__ = [
    "PSDS_1",
    "PSDS_2",
    "Accuracy",
    "PositionTrack",
    "PsdsConfig",
    "StemScore",
    "analyse_answers",
    "draw_job",
    "draw_track",
    "evaluate_alignment",
    "evaluate_bar_jumps",
    "evaluate_hpss_folder",
    "evaluate_jumps",
    "evaluate_separators",
    "evaluate_sound_events",
    "evaluate_stems",
    "evaluate_track",
    "evaluate_tracks",
    "follow_piece",
    "format_stem_table",
    "global_sdr",
    "read_truth",
    "report_answers",
    "sdr",
    "si_sdr",
    "write_stem_csv",
    "write_test",
]
