"""The situations that performers report, as plans: each a function of pieces and a random generator.

A situation is made of several pieces of each half (`N_TAKES`); what it varies (the pitch, the key, the noise) is drawn
evenly over them.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from offline.datasets.hard_pieces import MELODY, HardPiece, PieceShelf, repeat_bars
from offline.datasets.hard_plans import Disturbance, HardPlan, Span, Timeline, printed, whole
from offline.synthesis.effects import reverberate
from offline.synthesis.instruments import INSTRUMENTS
from offline.synthesis.pianist import PianistConfig
from offline.synthesis.recording_faults import clip_hard, noisy, telephone, with_hall
from offline.synthesis.stage_noise import applause, cough, metronome_clicks, talk

__all__ = ["N_TAKES", "SITUATIONS", "situation_plan"]

Wave = npt.NDArray[np.float64]
Rng = np.random.Generator

N_TAKES = 3  # of each situation and half
SECONDS = 15.0  # of most pieces, at the score's own tempo
QUARTET = ("violin", "violin", "viola", "cello")
WINDS = ("flute", "oboe", "clarinet", "bassoon")
SOLOISTS = ("violin", "flute", "clarinet", "oboe", "trumpet", "horn")
LOUD = 0.35  # peak of what disturbs, beside music of peak 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """What a situation draws from.

    shelf: of one half
    number: which take of the situation, from 0
    start: first piece to take of each kind, so that situations differ in their pieces
    """

    shelf: PieceShelf
    rng: Rng
    number: int
    start: int

    def piece(self, kind: str, seconds: float = SECONDS, more: int = 0) -> HardPiece:
        """Return an excerpt of a piece of a kind; more: another one of it."""
        return self.shelf.piece(kind, self.start + self.number + more).excerpt(self.rng, seconds)

    def pick(self, values: Sequence[float]) -> float:
        """Return one of `values`, evenly over the takes and the two halves."""
        half = self.shelf.half == "judging"
        return values[(2 * self.number + half) % len(values)]


Situation = Callable[[Draw], HardPlan]


def situation_plan(name: str, number: int, shelf: PieceShelf, rng: Rng) -> HardPlan:
    """Return take `number` of a situation of one half."""
    start = zlib.crc32(name.encode()) % 9
    return SITUATIONS[name](Draw(shelf=shelf, rng=rng, number=number, start=start))


# Who plays


def style_of(rng: Rng) -> PianistConfig:
    """Draw an expressive and mostly correct player."""
    return PianistConfig(
        tempo=float(np.exp(rng.uniform(-0.3, 0.2))),
        arch=float(rng.uniform(0.02, 0.18)),
        wander=float(rng.uniform(0.01, 0.04)),
        beat=float(rng.uniform(0.01, 0.03)),
        jumps=0.4,
        fermatas=0.5,
        slowing=float(rng.uniform(0.1, 0.7)),
        spread_ms=float(rng.uniform(4, 12)),
        lead_ms=float(rng.uniform(0, 12)),
        rolled=0.02,
        trills=0.01,
        wrong=0.004,
        missing=0.004,
        extra=0.004,
        twice=0.002,
        legato=float(rng.uniform(0.6, 1.0)),
        pedal=float(rng.choice([0.0, 0.5, 0.9])),
        level=float(rng.uniform(-10, 10)),
        swell=float(rng.uniform(4, 14)),
        start_s=float(rng.uniform(0.6, 1.5)),
    )


def band_of(piece: HardPiece, rng: Rng) -> dict[str, str]:
    """Draw who plays a piece: pianos, an organ, a quartet or winds, a soloist with piano."""
    names = list(piece.parts)
    if len(names) == 4:
        kinds = (("piano",) * 4, ("organ",) * 4, QUARTET, WINDS)
        return dict(zip(names, kinds[int(rng.integers(len(kinds)))], strict=True))
    if names[0] == MELODY:
        return {name: str(rng.choice(SOLOISTS)) if name == MELODY else "piano" for name in names}
    return dict.fromkeys(names, "piano")


def fitted(piece: HardPiece, band: dict[str, str]) -> HardPiece:
    """Move each part by octaves into its instrument's range."""
    return replace(piece, parts={name: _fit(rows, band.get(name, "piano")) for name, rows in piece.parts.items()})


def _fit(rows: list[tuple[float, float, int, int]], name: str) -> list[tuple[float, float, int, int]]:
    instrument = INSTRUMENTS[name]
    low, high = min(r[2] for r in rows), max(r[2] for r in rows)
    shift = 0
    while low + shift < instrument.low and high + shift + 12 <= instrument.high + 6:
        shift += 12
    while high + shift > instrument.high and low + shift - 12 >= instrument.low - 6:
        shift -= 12
    return [(q, d, p + shift, v) for q, d, p, v in rows]


def _plan(piece: HardPiece, draw: Draw, band: dict[str, str] | None = None) -> HardPlan:
    """Return an undisturbed performance of the whole piece in a dry room."""
    band = band or band_of(piece, draw.rng)
    piece = fitted(piece, band)
    return HardPlan(
        piece=piece,
        score=printed(piece),
        band=band,
        spans=whole(piece),
        style=style_of(draw.rng),
        disturbances=(_room,),
    )


def _mixed_piece(draw: Draw, seconds: float = SECONDS, more: int = 0) -> HardPiece:
    """Return a piece, the kinds in turn."""
    kinds = ("hands", "chorale", "duet")
    return draw.piece(kinds[(draw.number + draw.start) % 3], seconds, more)


def _any(draw: Draw, seconds: float = SECONDS) -> HardPlan:
    return _plan(_mixed_piece(draw, seconds), draw)


def _room(audio: Wave, rate: int, timeline: Timeline, rng: Rng) -> Wave:
    return noisy(reverberate(audio, rate, rng), rng, ratio_db=float(rng.uniform(35, 60)))


def _disturbed(plan: HardPlan, *added: Disturbance, value: str = "") -> HardPlan:
    return replace(plan, disturbances=(*plan.disturbances, *added), value=value)


# Who plays what of the score


def one_hand(draw: Draw) -> HardPlan:
    """One hand alone, the score of both."""
    piece = draw.piece("hands", 20)
    hand = list(piece.parts)[draw.number % 2]
    plan = _plan(piece, draw)
    return replace(plan, band={hand: "piano"}, piece=plan.piece.only([hand]), value=hand)


def one_part(draw: Draw) -> HardPlan:
    """One part alone, the score of all."""
    piece = draw.piece("chorale" if draw.number % 3 else "duet", 20)
    plan = _plan(piece, draw)
    part = list(piece.parts)[0 if draw.number % 3 == 0 else draw.number]
    return replace(plan, band={part: plan.band[part]}, piece=plan.piece.only([part]), value=part)


def loud_accompaniment(draw: Draw) -> HardPlan:
    """Strings or a piano as loud as the soloist, the score of the solo."""
    with_piano = draw.number % 3 == 0
    piece = draw.piece("duet" if with_piano else "chorale", 20)
    solo, *others = piece.parts
    band = {solo: str(draw.rng.choice(SOLOISTS)), **dict.fromkeys(others, "piano" if with_piano else "strings")}
    plan = _plan(piece, draw, band)
    under = {name: -10 * np.log10(len(others)) for name in others}
    return replace(plan, score=printed(plan.piece, [solo]), gain_db=under, value="piano" if with_piano else "strings")


def long_rest(draw: Draw) -> HardPlan:
    """Twelve bars' rest in the solo while the others play, the score of the solo."""
    whole_piece = draw.shelf.piece("duet", draw.start + draw.number)
    start = int(draw.rng.integers(0, max(1, whole_piece.n_bars - 21)))
    piece = whole_piece.bars(start, min(21, whole_piece.n_bars))
    piece = replace(piece, bpm=36.0 * piece.beats)  # twelve bars in twenty seconds
    rest, again = 4.0 * piece.beats, 16.0 * piece.beats
    solo = [
        (q, min(d, rest - q) if q < rest else d, p, v) for q, d, p, v in piece.parts[MELODY] if not rest <= q < again
    ]
    plan = _plan(replace(piece, parts={**piece.parts, MELODY: solo}), draw)
    spans = [
        Span(first=0.0, last=rest),
        Span(first=rest, last=again, kind="rest"),
        Span(first=again, last=piece.end, disruption="entry after a rest"),
    ]
    style = replace(plan.style, fermatas=0.0, jumps=0.0, slowing=0.0, arch=0.03)
    return replace(plan, score=printed(plan.piece, [MELODY]), spans=spans, style=style)


def another_piece(draw: Draw) -> HardPlan:
    """Another piece than the score's."""
    plan, other = _any(draw, 20), _mixed_piece(draw, 20, more=4)
    return replace(plan, score=printed(fitted(other, band_of(other, draw.rng))), another=True, value=other.name)


# Tuning and key


def concert_pitch(draw: Draw) -> HardPlan:
    """A = 392 to 466."""
    hz = draw.pick((415, 430, 466, 392, 452, 404))
    return replace(_any(draw), cents=float(1200 * np.log2(hz / 440)), value=f"A = {hz} Hz")


def transposed(draw: Draw) -> HardPlan:
    """Played in another key, up to five semitones off."""
    n = int(draw.pick((-5, 3, -2, 5, 1, -4)))
    return replace(_any(draw, 22), semitones=n, value=f"{n:+d} semitones")


# How it is played


def sight_reading(draw: Draw) -> HardPlan:
    """Stops, and restarts at the bar's beginning or a bar or two before."""
    plan = _any(draw, 20)
    beats, rng = plan.piece.beats, draw.rng
    spans: list[Span] = []
    now, before = 0.0, ""
    while now < plan.piece.end - 1e-6:
        stop = min(now + float(rng.integers(2 * beats, 5 * beats)) + float(rng.choice([0, 0.5])), plan.piece.end)
        stop = plan.piece.end if plan.piece.end - stop < beats else stop
        spans.append(
            Span(first=now, last=stop, pause_s=float(rng.uniform(0.3, 2.5)) if spans else 0.0, disruption=before)
        )
        now = max(0.0, (stop // beats - int(rng.integers(0, 3))) * beats) if stop < plan.piece.end else stop
        now = max(now, spans[-1].first)
        before = "restart"
    slow = replace(plan.style, tempo=plan.style.tempo * 0.8, beat=0.05, fermatas=1.5, wrong=0.02)
    return replace(plan, spans=spans, style=slow)


def bar_practised(draw: Draw) -> HardPlan:
    """A bar played five times, with and without a breath between."""
    plan = _any(draw, 13)
    beats = plan.piece.beats
    bar = float(beats * int(draw.rng.integers(2, plan.piece.n_bars - 2)))
    again = [
        Span(first=bar, last=bar + beats, pause_s=float(draw.rng.choice([0.0, 0.5, 1.2])), disruption="bar again")
        for _ in range(4)
    ]
    start, end = Span(first=0.0, last=bar + beats), plan.piece.end
    return replace(plan, spans=[start, *again, Span(first=bar + beats, last=end)], value=f"bar {bar // beats + 1:.0f}")


def wrong_notes(draw: Draw) -> HardPlan:
    """Two bars of wrong notes."""
    plan = _any(draw, 18)
    first = float(plan.piece.beats * (plan.piece.n_bars // 2 - 1))
    last = first + 2 * plan.piece.beats
    spans = [
        Span(first=0.0, last=first),
        Span(first=first, last=last, wrong=True),
        Span(first=last, last=plan.piece.end, disruption="right notes again"),
    ]
    return replace(plan, spans=spans)


def clean(draw: Draw) -> HardPlan:
    """Nothing special."""
    return _any(draw, 25)


# Repeats, cuts


def _in_sections(draw: Draw, seconds: float) -> tuple[HardPiece, dict[str, str], int]:
    """Return a piece of an even number of bars, its band, and half of its bars."""
    piece = _mixed_piece(draw, seconds)
    band = band_of(piece, draw.rng)
    half = piece.n_bars // 2
    return fitted(piece, band).bars(0, 2 * half), band, half


def _sections(
    draw: Draw, seconds: float, order: Sequence[int], played: Sequence[tuple[float, float]], what: str
) -> HardPlan:
    """Return a plan of a score with a repeat or a da capo.

    order: sections 0 and 1 as the score plays them out
    played: (first, last) in halves of the piece as played out
    """
    short, band, half = _in_sections(draw, seconds)
    piece = repeat_bars(short, [(half * i, half * (i + 1)) for i in order])
    score = printed(short)
    score = (
        replace(score, fine=half) if order[-1] == 0 else replace(score, repeat=(half * order[0], half * (order[0] + 1)))
    )
    plan = replace(_plan(short, draw, band), piece=piece, score=score, value=what)
    bars = half * piece.beats
    spans = [Span(first=a * bars, last=b * bars, disruption=what if i else "") for i, (a, b) in enumerate(played)]
    return replace(plan, spans=spans)


def repeat_left_out(draw: Draw) -> HardPlan:
    """A written repeat that is not played."""
    return _sections(draw, 18, (0, 0, 1), ((0, 1), (2, 3)), "repeat left out")


def da_capo(draw: Draw) -> HardPlan:
    """D.C. al Fine, played, and in one take of three ended without it."""
    taken = draw.number % 3 != 2
    return _sections(draw, 15, (0, 1, 0), ((0, 3 if taken else 2),), "taken" if taken else "left out")


def passage_again(draw: Draw) -> HardPlan:
    """A passage played a second time that the score has once."""
    plan = _any(draw, 16)
    beats, n = plan.piece.beats, plan.piece.n_bars
    last = float(beats * int(draw.rng.integers(n // 2, n - 1)))
    first = max(0.0, last - beats * int(draw.rng.integers(3, 6)))
    spans = [Span(first=0.0, last=last), Span(first=first, last=plan.piece.end, disruption="passage again")]
    return replace(plan, spans=spans)


def skipped(draw: Draw) -> HardPlan:
    """Three to eight bars left out, at once."""
    plan = _any(draw, 24)
    beats, n = plan.piece.beats, plan.piece.n_bars
    away = int(draw.rng.integers(3, min(8, n - 5) + 1)) if n > 8 else 2
    start = int(draw.rng.integers(3, n - away - 1)) if n - away - 1 > 3 else 2
    spans = [
        Span(first=0.0, last=float(start * beats)),
        Span(first=float((start + away) * beats), last=plan.piece.end, disruption="skip"),
    ]
    return replace(plan, spans=spans, value=f"{away} bars")


# What else sounds


def _pauses(plan: HardPlan, seconds: float) -> HardPlan:
    """Return the plan with one pause in the middle and a wait of `seconds` before the beginning."""
    middle = float(plan.piece.beats * (plan.piece.n_bars // 2))
    again = Span(first=middle, last=plan.piece.end, pause_s=seconds, disruption="after a pause")
    style = replace(plan.style, start_s=seconds)
    return replace(plan, spans=[Span(first=0.0, last=middle), again], style=style)


def talking(draw: Draw) -> HardPlan:
    """Talk before, in a pause, and after."""
    return _disturbed(_pauses(_any(draw), 5.0), _talk)


def audience(draw: Draw) -> HardPlan:
    """Applause before and after, coughs while it is played and in a pause."""
    return _disturbed(_pauses(_any(draw), 4.0), _audience)


def _gaps(timeline: Timeline) -> list[tuple[float, float]]:
    """Return (start, stop) of the silence before each segment and of four seconds after the last."""
    edges = [0.0, *(t for s in timeline.segments for t in (s.start_s, s.end_s))]
    return [*zip(edges[::2], edges[1::2], strict=False), (edges[-1] + 0.7, edges[-1] + 4.7)]


def _talk(audio: Wave, rate: int, timeline: Timeline, rng: Rng) -> Wave:
    for start, stop in _gaps(timeline):
        if stop - start > 1.5:
            audio = _laid(audio, LOUD * talk(rng, stop - start - 0.6, rate), start + 0.2, rate)
    return audio


def _audience(audio: Wave, rate: int, timeline: Timeline, rng: Rng) -> Wave:
    gaps = _gaps(timeline)
    for start, stop in (gaps[0], gaps[-1]):
        audio = _laid(audio, LOUD * applause(rng, stop - start - 0.5, rate), start, rate)
    last = timeline.segments[-1].end_s
    for at in rng.uniform(2, last, max(2, int(last / 5))):
        audio = _laid(audio, LOUD * float(rng.uniform(0.4, 1)) * cough(rng, rate), float(at), rate)
    return audio


def _laid(audio: Wave, sound: Wave, start_s: float, rate: int) -> Wave:
    first = int(start_s * rate)
    out = np.zeros(max(len(audio), first + len(sound)))
    out[: len(audio)] = audio
    out[first : first + len(sound)] += sound
    return out


def metronome(draw: Draw) -> HardPlan:
    """A metronome that is played to."""
    plan = _any(draw)
    steady = replace(plan.style, arch=0.0, wander=0.004, beat=0.008, jumps=0.0, fermatas=0.0, slowing=0.0)
    return _disturbed(replace(plan, style=steady), _metronome)


def _metronome(audio: Wave, rate: int, timeline: Timeline, rng: Rng) -> Wave:
    return audio + LOUD * metronome_clicks(timeline.beat_s, timeline.beats, len(audio), rate)


def hall(draw: Draw) -> HardPlan:
    """A hall of 2.5 s reverberation."""
    wet = draw.pick((0.6, 0.9, 1.2))
    return _disturbed(_any(draw), lambda a, r, t, g: with_hall(a, r, g, decay_s=2.5, wet=wet), value=f"wet {wet}")


def phone(draw: Draw) -> HardPlan:
    """A telephone of 8 kHz."""
    return replace(_disturbed(_any(draw), lambda a, r, t, g: telephone(a, r)), sample_rate=8000)


def noise_10_db(draw: Draw) -> HardPlan:
    """Noise 10 dB below the music."""
    return _disturbed(_any(draw), lambda a, r, t, g: noisy(a, g, ratio_db=10.0))


def noise_5_db(draw: Draw) -> HardPlan:
    """Noise 5 dB below the music."""
    return _disturbed(_any(draw), lambda a, r, t, g: noisy(a, g, ratio_db=5.0))


def clipping(draw: Draw) -> HardPlan:
    """A converter driven 12 to 24 dB above its full scale."""
    gain = draw.pick((12.0, 18.0, 24.0))
    return _disturbed(_any(draw), lambda a, r, t, g: clip_hard(a, gain_db=gain), value=f"{gain:g} dB")


def _solo(name: str) -> Situation:
    """Return the situation of one instrument alone, from its own score."""

    def situation(draw: Draw) -> HardPlan:
        piece = draw.piece("tune" if draw.number % 2 == 0 else "duet", 12)
        piece = piece.only([next(iter(piece.parts))])
        return _plan(piece, draw, dict.fromkeys(piece.parts, name))

    return situation


def _together(names: Sequence[str]) -> Situation:
    """Return the situation of instruments that play a chorale."""

    def situation(draw: Draw) -> HardPlan:
        piece = draw.piece("chorale", 14)
        return _plan(piece, draw, dict(zip(piece.parts, names, strict=True)))

    return situation


SITUATIONS: dict[str, Situation] = {
    "clean": clean,
    "one_hand": one_hand,
    "one_part": one_part,
    "loud_accompaniment": loud_accompaniment,
    "long_rest": long_rest,
    "another_piece": another_piece,
    "concert_pitch": concert_pitch,
    "transposed": transposed,
    "sight_reading": sight_reading,
    "bar_practised": bar_practised,
    "wrong_notes": wrong_notes,
    "repeat_left_out": repeat_left_out,
    "da_capo": da_capo,
    "passage_again": passage_again,
    "skipped": skipped,
    "talk": talking,
    "audience": audience,
    "metronome": metronome,
    "hall": hall,
    "phone": phone,
    "noise_10_db": noise_10_db,
    "noise_5_db": noise_5_db,
    "clipping": clipping,
    **{name: _solo(name) for name in ("violin", "flute", "clarinet", "oboe", "trumpet", "horn", "voice", "guitar")},
    "organ": _together(("organ",) * 4),
    "string_quartet": _together(QUARTET),
}
