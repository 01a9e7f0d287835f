"""Our metrics against sed_eval and sed_scores_eval, in an environment of their own.

They need older libraries than the rest: `make peers` installs those apart and runs this file; elsewhere it skips.
"""

from __future__ import annotations

import numpy as np
import pytest

from engine.detection.event_decoder import Interval
from offline.datasets.soundscapes import merge_events
from offline.evaluation.detection.psds import PSDS_1, PSDS_2, PsdsConfig, psds
from offline.evaluation.detection.sound_events import event_counts, macro_f1, micro_f1, segment_counts

sed_eval = pytest.importorskip("sed_eval")
dcase_util = pytest.importorskip("dcase_util")
sed_scores_eval = pytest.importorskip("sed_scores_eval")

CLASSES = ("cat", "dog", "fan", "speech")
N_STEPS, STEP_S = 60, 0.0664
EDGES_S = np.arange(N_STEPS + 1) * STEP_S
AGREE = 1e-12

Events = dict[str, list[Interval]]


def corpus(seed: int) -> tuple[Events, dict[str, np.ndarray], Events]:
    """References, scores that know a little about them, and the events of those scores."""
    rng = np.random.default_rng(seed)
    references, scores, estimates = {}, {}, {}
    for name in map(str, range(40)):
        onset = rng.uniform(0, EDGES_S[-1] - 0.5, rng.integers(0, 4))
        events = [Interval(a, min(EDGES_S[-1], a + rng.uniform(0.2, 2)), str(rng.choice(CLASSES))) for a in onset]
        values = np.stack([np.convolve(rng.standard_normal(N_STEPS), np.ones(7) / 3, "same") for _ in CLASSES], 1)
        for event in events:
            rows = slice(int(event.onset_s / STEP_S), int(event.offset_s / STEP_S) + 1)
            values[rows, CLASSES.index(event.label)] += 1.5
        references[name], scores[name] = merge_events(events), np.round(values, 2)  # rounded: equal scores happen
        edges = [np.flatnonzero(np.diff(np.r_[0, (v > 1).astype(int), 0])).reshape(-1, 2) for v in scores[name].T]
        estimates[name] = [
            Interval(EDGES_S[a], EDGES_S[b], label) for label, of in zip(CLASSES, edges, strict=True) for a, b in of
        ]
    return references, scores, estimates


def container(name: str, events: list[Interval]) -> object:
    rows = [{"filename": name, "onset": e.onset_s, "offset": e.offset_s, "event_label": e.label} for e in events]
    return dcase_util.containers.MetaDataContainer(rows)


@pytest.mark.parametrize("seed", range(4))
def test_f1_is_sed_evals(seed: int) -> None:
    reference, _, estimate = corpus(seed)
    by_event = sed_eval.sound_event.EventBasedMetrics(
        list(CLASSES), t_collar=0.2, percentage_of_length=0.2, event_matching_type="optimal"
    )
    by_segment = sed_eval.sound_event.SegmentBasedMetrics(list(CLASSES), 1.0)
    for name in reference:
        for metrics in (by_event, by_segment):
            metrics.evaluate(container(name, reference[name]), container(name, estimate[name]))
    for ours, theirs in (
        (event_counts(reference, estimate, CLASSES), by_event),
        (segment_counts(reference, estimate, CLASSES), by_segment),
    ):
        macro = theirs.results_class_wise_average_metrics()["f_measure"]["f_measure"]
        micro = theirs.results_overall_metrics()["f_measure"]["f_measure"]
        assert 0.05 < micro < 1
        assert macro_f1(ours) == pytest.approx(macro, abs=AGREE)
        assert micro_f1(ours) == pytest.approx(micro, abs=AGREE)


LOOSE = PsdsConfig(detection=0.5, reference=0.5, cross_cost=0.5, most_an_hour=3000)


@pytest.mark.parametrize("config", [PSDS_1, PSDS_2, LOOSE])
@pytest.mark.parametrize("seed", range(4))
def test_psds_is_sed_scores_evals(seed: int, config: PsdsConfig) -> None:
    reference, scores, _ = corpus(seed)
    frames = {
        name: sed_scores_eval.base_modules.scores.create_score_dataframe(of, EDGES_S, CLASSES)
        for name, of in scores.items()
    }
    theirs = sed_scores_eval.intersection_based.psds(
        scores=frames,
        ground_truth={name: [tuple(e) for e in of] for name, of in reference.items()},
        audio_durations=dict.fromkeys(reference, EDGES_S[-1]),
        dtc_threshold=config.detection,
        gtc_threshold=config.reference,
        cttc_threshold=config.cross if config.cross_cost else None,
        alpha_ct=config.cross_cost,
        alpha_st=config.spread_cost,
        max_efpr=config.most_an_hour,
    )
    ours = psds(reference, {name: of.astype(np.float64) for name, of in scores.items()}, EDGES_S, CLASSES, config)
    assert ours == pytest.approx(theirs[0] if isinstance(theirs, tuple) else theirs, abs=AGREE)
