"""Jumps, repeats and starts anywhere: a wandering melody with chords, cut and pasted at known places."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.following.follower import FollowConfig
from engine.following.search.beam_search import SearchConfig
from engine.score.repeats import known_jumps
from engine.score.score import Score, make_score
from offline.synthesis.demo_performance import PerformConfig
from tests.engine.following.play import RATE, follow, sound

PLAIN = PerformConfig(arch=0.03, wander=0.01, slowing=0.0, spread_ms=4.0, lead_ms=0.0, start_s=0.5)
FOUND_S = 3.0  # after a jump the position is right again by then
SOON = FollowConfig(soon=True)
NEAR_S = 0.4  # so near counts as right: two notes of the melody
KEYS = [60, 62, 64, 65, 67, 69, 71, 72, 74, 76, 77, 79]


def wandering(n_notes: int = 96, *, seed: int = 3, bars: list[tuple[float, int]] | None = None) -> Score:
    """Eighths that never return to the same order, a low note under each fourth."""
    rng = np.random.default_rng(seed)
    keys = np.clip(np.cumsum(rng.integers(-3, 4, n_notes)) % len(KEYS), 0, len(KEYS) - 1)
    rows = [(i / 2, 0.5, KEYS[int(k)], 70) for i, k in enumerate(keys)]
    rows += [(i / 2, 2.0, 36 + int(rng.integers(0, 12)), 64) for i in range(0, n_notes, 4)]
    return make_score("wandering", rows, tempi=[(0.0, 100.0)], bars=bars or [(4.0 * i, i + 1) for i in range(24)])


def spliced(score: Score, pieces: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sound of the onsets [a, b) of each piece in turn; the seconds of each played onset, and its quarter."""
    audio, played = sound(score, PLAIN)
    parts, seconds, quarters, now = [], [], [], 0.0
    for first, last in pieces:
        start = max(played.audio_s[first] - 0.02, 0.0)
        stop = played.audio_s[last] - 0.02 if last < len(played.audio_s) else len(audio) / RATE
        parts.append(audio[int(start * RATE) : int(stop * RATE)])
        seconds.append(played.audio_s[first:last] - start + now)
        quarters.append(played.quarter[first:last])
        now += len(parts[-1]) / RATE
    return np.concatenate(parts), np.concatenate(seconds), np.concatenate(quarters)


def wrong(score: Score, pieces: list[tuple[int, int]], config: FollowConfig | None = None) -> np.ndarray:
    """Seconds by which the position is off at each played onset, by the tempo of the score."""
    audio, seconds, quarters = spliced(score, pieces)
    positions = follow(audio, score, config=config)
    at = np.array([p.at / RATE for p in positions])
    found = np.array([p.quarter for p in positions])
    return np.abs(np.interp(seconds + 0.01, at, found) - quarters) * 0.6


@pytest.mark.parametrize("pieces", [[(0, 30), (60, 96)], [(0, 60), (20, 70)], [(0, 40), (24, 64)]])
def test_after_a_jump_the_position_is_found_again(pieces: list[tuple[int, int]]) -> None:
    off = wrong(wandering(), pieces)
    n_before = pieces[0][1] - pieces[0][0]
    lost = round(FOUND_S / 0.3)  # onsets
    assert off[:n_before].max() <= NEAR_S
    assert off[n_before + lost :].max() <= NEAR_S


@pytest.mark.parametrize("start", [20, 50])
def test_playing_may_begin_anywhere(start: int) -> None:
    off = wrong(wandering(), [(start, 90)])
    assert off[round(FOUND_S / 0.3) :].max() <= NEAR_S


def test_without_jumps_it_stays_where_it_is() -> None:
    """With skipping at its full cost; otherwise it skips its way forward."""
    config = FollowConfig(jumps=False, search=SearchConfig(reach=2, adapt=0.0))
    off = wrong(wandering(), [(0, 30), (60, 96)], config)
    assert off[-10:].min() > NEAR_S


def test_a_jump_is_one_step_and_the_clock_goes_on() -> None:
    audio, _, _ = spliced(wandering(), [(0, 60), (20, 70)])
    positions = follow(audio, wandering())
    steps = np.diff([p.quarter for p in positions])
    assert (steps < 0).sum() == 1
    assert len({int(hop) for hop in np.diff([p.at for p in positions])}) == 1


def test_like_passages_are_not_jumped_between() -> None:
    """The same eight bars three times over: nothing tells them apart but the order."""
    once = wandering(32)
    rows = [
        (q + 16 * k, d, p, v)
        for k in range(3)
        for q, d, p, v in zip(
            once.note_quarter, once.note_duration, once.note_pitch, once.note_velocity, strict=True
        )
    ]  # fmt: skip
    score = make_score("three times", rows, tempi=[(0.0, 100.0)])
    assert wrong(score, [(0, 96)]).max() <= NEAR_S


def test_a_repeat_left_out_is_known() -> None:
    """Bars 1 to 4 twice, then 5 to 8: from the end of the first time one may go to bar 5, from the second to bar 1."""
    numbers = [1, 2, 3, 4, 1, 2, 3, 4, 5, 6, 7, 8]
    score = replace(wandering(bars=[(4.0 * i, n) for i, n in enumerate(numbers)]), bar_place=np.array(numbers))
    links = known_jumps(score)
    targets = {i + 1: links.target[links.start[i] : links.start[i + 1]].tolist() for i in range(96)}
    assert targets[32] == [1, 65]  # the last eighth of bar 4, the first time: once more, or on to bar 5
    assert targets[64] == [1, 33]  # the second time: bar 1, of either time
    assert targets[8] == [41]  # bar 1 to bar 2 of the second time: the same music
    assert targets[1] == []


def test_bars_numbered_through_have_no_jumps() -> None:
    links = known_jumps(wandering(64, bars=[(4.0 * i, i + 1) for i in range(8)]))
    assert len(links.target) == 0
    assert len(links.start) == 65


def written_out() -> Score:
    """Two sections of four bars, A A B B, written out without a repeat sign."""
    first, second = wandering(32, seed=3), wandering(32, seed=8)
    rows = [
        (q + 16 * k, d, p, v)
        for k, part in enumerate((first, first, second, second))
        for q, d, p, v in zip(
            part.note_quarter, part.note_duration, part.note_pitch, part.note_velocity, strict=True
        )
    ]  # fmt: skip
    bars = [(4.0 * i, i + 1) for i in range(16)]
    return make_score("written out", rows, tempi=[(0.0, 100.0)], bars=bars)


def test_passages_that_return_are_known_without_a_repeat_sign() -> None:
    """Where the same music goes on differently: from the end of A once more, or to B, from that of B once more."""
    links = known_jumps(written_out())
    targets = {i: links.target[links.start[i - 1] : links.start[i]].tolist() for i in range(1, 129)}
    assert {i: to for i, to in targets.items() if to} == {32: [65], 64: [33], 128: [97]}


@pytest.mark.parametrize(
    ("pieces", "what"), [([(0, 32), (64, 128)], "left out"), ([(0, 64), (32, 128)], "made once more")]
)
def test_a_written_out_repeat_left_out_or_made_once_more(pieces: list[tuple[int, int]], what: str) -> None:
    """Of the two places with the same notes it takes the one that follows."""
    off = wrong(written_out(), pieces)
    jump, lost = pieces[0][1], round(FOUND_S / 0.3)
    assert off[:jump].max() <= NEAR_S and off[jump + lost :].max() <= NEAR_S, what


def test_of_places_that_are_alike_the_nearest_is_meant() -> None:
    """From within B back into A, which was played twice: as it was played last."""
    off = wrong(written_out(), [(0, 80), (40, 64)], SOON)
    assert off[:80].max() <= NEAR_S and off[80 + round(FOUND_S / 0.3) :].max() <= NEAR_S


def test_a_jump_that_is_believed_soon_is_found_as_well() -> None:
    pieces = [(0, 60), (20, 70)]
    usual, soon = ((wrong(wandering(), pieces, config) > NEAR_S).sum() for config in (None, SOON))
    assert soon <= usual


def test_a_bar_practised_is_found_sooner_and_sooner() -> None:
    """The fourth bar five times: from the third time on it is expected."""
    bar = (24, 32)
    off = wrong(wandering(), [(0, 32), bar, bar, bar, bar, (32, 60)])
    again = (off[32:64].reshape(4, 8) > NEAR_S).sum(axis=1)
    assert again[0] <= 6 and again[2:].max() <= 4


def test_silence_and_noise_do_not_make_it_jump() -> None:
    score = wandering()
    audio, _, _ = spliced(score, [(0, 40)])
    noise = 0.02 * np.random.default_rng(5).standard_normal((8 * RATE, 1)).astype(np.float32)
    positions = follow(np.concatenate([audio, noise]), score)
    assert all(17 <= p.quarter <= 24 for p in positions if p.at > len(audio))


def test_wrong_notes_are_not_jumps() -> None:
    """Each ninth note of the melody a semitone off."""
    score = wandering()
    pitch = score.note_pitch.copy()
    pitch[np.flatnonzero(pitch >= 60)[::9]] += 1
    audio, played = sound(replace(score, note_pitch=pitch), PLAIN)
    positions = follow(audio, score)
    found = np.interp(played.audio_s + 0.01, [p.at / RATE for p in positions], [p.quarter for p in positions])
    assert np.abs(found - played.quarter).max() * 0.6 <= NEAR_S
