"""In which order the sections of a piece are played: repeats and endings, D.C., D.S., segno, coda and Fine.

The rules, where a score does not say otherwise: a D.C. or D.S. is taken once, in the last pass of what it stands in;
after it what has been played is played without repeats, and of several endings the last; Fine and To Coda hold only
after it. A D.C. goes back to the beginning of its movement; one without Fine in a piece with a Trio ends before the
Trio. Ambiguous signs are read as most editions mean them, and each such reading is said.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from engine.core.errors import ScoreError
from engine.score.form import Form, Leap, Remark, Repeat, resolved_repeats

__all__ = ["MAX_SECTIONS", "play_order"]

MAX_SECTIONS = 100_000  # as played: more is a slip in a number of times
SHORTLY = 2  # sections before the end of a passage, where the words of its end may begin


def play_order(form: Form, *, repeats_after_jump: bool = False) -> tuple[list[int], list[Remark]]:
    """Return the sections in the order in which they are played, and what had to be guessed.

    repeats_after_jump: take repeats again after a D.C. or D.S.

    Raises ScoreError if more than MAX_SECTIONS would be played.
    """
    repeats, remarks = resolved_repeats(form)
    form = _with_leaps_at_ends(form, repeats)
    form = _with_fine_before_trio(form, repeats, remarks)
    walk = _Walk(form, repeats, _leap_targets(form, remarks), _coda_targets(form, remarks), repeats_after_jump)
    order = walk.run()
    return order, sorted({*remarks, *walk.remarks, *_unused(form, walk)})


@dataclass(slots=True)
class _Walk:
    """One performance: where it is, and what it has played.

    leaps, codas: where the D.C., D.S. and To Coda at the end of a section go
    passes: the present pass of each repeat
    used, left: sections whose D.C. or D.S., and whose To Coda, have been taken
    until: of the last jump, None before the first
    played: the furthest section played before the last jump; repeats up to there are not taken again
    leapt: section of the last D.C. or D.S.
    """

    form: Form
    repeats: list[Repeat]
    leaps: dict[int, int]
    codas: dict[int, int]
    again: bool
    passes: list[int] = field(default_factory=list)
    order: list[int] = field(default_factory=list)
    used: set[int] = field(default_factory=set)
    left: set[int] = field(default_factory=set)
    until: str | None = None
    played: int = -1
    leapt: int = -1
    repeated: bool = True
    remarks: list[Remark] = field(default_factory=list)

    def run(self) -> list[int]:
        """Return the sections as played."""
        self.passes = [1] * len(self.repeats)
        starts: dict[int, list[int]] = {}
        for number, repeat in enumerate(self.repeats):
            starts.setdefault(repeat.start, []).append(number)
        section, returning = 0, -1
        while section < self.form.n:
            for number in starts.get(section, ()):
                self.passes[number] = self.passes[number] if number == returning else 1
            section = self._past_endings(section)
            if section >= self.form.n:
                break
            self.order.append(section)
            if len(self.order) > MAX_SECTIONS:
                remedy = "check the number of times in its repeats"
                raise ScoreError("score", expected=f"at most {MAX_SECTIONS} bars as played", got="more", remedy=remedy)
            section, returning = self._next(section)
        return self.order

    def _past_endings(self, section: int) -> int:
        """Return the first section from here on that is not in an ending for another pass."""
        for number, repeat in enumerate(self.repeats):
            for each in repeat.endings:
                if each.first == section and self._pass(number) not in each.numbers and each.end is not None:
                    return self._past_endings(each.end)
        return section

    def _next(self, section: int) -> tuple[int, int]:
        """Return the section that follows, and the number of the repeat that goes back to it (-1: none)."""
        for number, repeat in enumerate(self.repeats):
            if section in repeat.ends and self._pass(number) < repeat.total:
                self.passes[number] += 1
                return repeat.start, number
        if self.until is not None and self._ends(section):
            return self._after_end(), -1
        if self.until == "segno, coda" and section + 1 in self.form.segno and self.form.coda:
            return self._coda(section, min(self.form.coda, key=lambda at: (at <= section, at))), -1
        if section in self.codas and section not in self.left and self._to_coda(section):
            return self._coda(section, self.codas[section]), -1
        if section in self.leaps and section not in self.used and self._last_pass(section):
            return self._leap(section, self.form.leaps[section]), -1
        return section + 1, -1

    def _coda(self, section: int, target: int) -> int:
        """Leave for the coda."""
        self.left.add(section)
        self.until = "fine"
        return target

    def _pass(self, number: int) -> int:
        """Return the pass that a repeat is in: the last one, where repeats are not taken."""
        repeat = self.repeats[number]
        old = not self.repeated and not repeat.after_jump and _first_end(repeat) <= self.played
        return repeat.total if old else self.passes[number]

    def _last_pass(self, section: int) -> bool:
        """Return whether nothing that a section is in will be repeated."""
        inside = [i for i, repeat in enumerate(self.repeats) if repeat.start <= section <= repeat.last]
        return all(self._pass(i) >= self.repeats[i].last_pass(section) for i in inside)

    def _leap(self, section: int, leap: Leap) -> int:
        """Take a D.C. or D.S.; return where it goes."""
        self.used.add(section)
        target = self.leaps[section]
        self.until = self._until(leap)
        self.played, self.leapt = max(self.order), section
        self.repeated = self.again if leap.repeats is None else leap.repeats
        for number, repeat in enumerate(self.repeats):
            if repeat.start < target <= repeat.last and self.repeated:
                self.passes[number] = 1
        return target

    def _until(self, leap: Leap) -> str:
        """Return what ends the passage after a jump; what it names but the piece has not is replaced by what it has."""
        if leap.until == "fine" and not self.form.fine:
            return "coda" if self.form.to_coda else "fine"
        if leap.until == "coda" and not self.form.to_coda:
            return "fine" if self.form.fine else "coda"
        return "fine" if leap.until == "dance" else leap.until

    def _ends(self, section: int) -> bool:
        """Return whether the piece ends here after a jump."""
        if section in self.form.fine and self.until in ("", "fine"):
            return True
        return self.until == "segno" and section + 1 in self.form.segno

    def _after_end(self) -> int:
        """Return what follows a Fine: a second Trio or another movement after the D.C., else nothing."""
        following = self.leapt + 1
        if following in self.form.trios or following in self.form.openings:
            self.until = None
            return following
        return self.form.n

    def _to_coda(self, section: int) -> bool:
        """Return whether To Coda holds: after a jump, or, in a piece without one, in the last pass of a repeat."""
        if not self.form.leaps:
            inside = any(repeat.start <= section < repeat.last for repeat in self.repeats)
            return inside and self._last_pass(section)
        return self.until in ("", "coda")


def _first_end(repeat: Repeat) -> int:
    return min([*repeat.ends, *((each.end or 0) - 1 for each in repeat.endings)])


def _leap_targets(form: Form, remarks: list[Remark]) -> dict[int, int]:
    """Return where each D.C. and D.S. goes; a D.S. that has nowhere to go is left out, and said."""
    targets: dict[int, int] = {}
    for section, leap in form.leaps.items():
        target = _opening(form, section) if leap.to_start else _labelled(form.segno, leap.label, section, back=True)
        if target is None:
            remarks.append((section, "a D.S. without a segno: not taken"))
        else:
            targets[section] = target
    return targets


def _opening(form: Form, section: int) -> int:
    """Return where the movement begins that a D.C. and the Fine or To Coda before it belong to.

    Without such a mark a final barline alone may be that of a minuet before its trio, and begins no movement.
    """
    marks = [at for at in (*form.fine, *form.to_coda) if at < section]
    known = [at for at, anew in form.openings.items() if at <= max(marks, default=section) and (anew or marks)]
    return max(known, default=0)


def _with_leaps_at_ends(form: Form, repeats: list[Repeat]) -> Form:
    """Return the form with each D.C. and D.S. of words that stand shortly before the end of a passage at its end.

    Long words begin a bar or two before the barline that they are meant for.
    """
    leaps: dict[int, Leap] = {}
    for section, leap in form.leaps.items():
        ends = [repeat.last for repeat in repeats if repeat.start <= section < repeat.last <= section + SHORTLY]
        begun = {*form.coda, *form.trios, *form.openings, *form.leaps, *form.forward, *form.segno}
        if section == form.n - 2 and section + 1 not in begun and leap.until in ("fine", "dance"):
            ends.append(section + 1)  # which would never be played otherwise
        leaps[section if leap.sure else max(ends, default=section)] = leap
    return replace(form, leaps=leaps)


def _with_fine_before_trio(form: Form, repeats: list[Repeat], remarks: list[Remark]) -> Form:
    """Return the form with a Fine before the Trio, where a D.C. after it says nothing of where to end.

    A D.C. that names its dance has a trio, though it be not marked: of four repeats the last two.
    """
    plain = [at for at, leap in form.leaps.items() if leap.to_start and leap.until in ("", "dance")]
    trios = {at for at in form.trios if plain and 0 < at <= max(plain)}
    if not trios and any(form.leaps[at].until == "dance" for at in plain):
        halves = [repeat for repeat in sorted(repeats, key=lambda each: each.start) if repeat.start <= max(plain)]
        trios = {halves[1].last + 1} if len(halves) == 4 and halves[1].last < halves[2].start else set()
    if not trios or form.fine or form.to_coda:
        return form
    remarks.append((max(plain), "a D.C. after a trio: to the end before the trio"))
    return replace(form, fine={min(trios) - 1})


def _coda_targets(form: Form, remarks: list[Remark]) -> dict[int, int]:
    """Return where each To Coda goes; without a sign, the coda is what follows the last D.C. or D.S."""
    targets: dict[int, int] = {}
    after = max(form.leaps, default=form.n) + 1
    for section, label in form.to_coda.items():
        target = _labelled(form.coda, label, section, back=False)
        if target is None and section < after < form.n:
            target = after
            remarks.append((section, "To Coda without a coda sign: the coda is what follows the D.C. or D.S."))
        if target is None:
            remarks.append((section, "To Coda without a coda: not taken"))
        else:
            targets[section] = target
    return targets


def _labelled(signs: dict[int, str], label: str, section: int, *, back: bool) -> int | None:
    """Return the sign of this label, else the one of this number, else the nearest before (back) or after."""
    known = sorted(signs)
    same = [at for at in known if label and signs[at].casefold() == label.casefold()]
    if not same and label.isdecimal() and 1 <= int(label) <= len(known) > 1:
        same = [known[int(label) - 1]]
    ways = same or known
    before, after = [at for at in ways if at <= section], [at for at in ways if at > section]
    nearest = (before[-1:] or after[:1]) if back else (after[:1] or before[-1:])
    return nearest[0] if nearest else None


def _unused(form: Form, walk: _Walk) -> list[Remark]:
    """Say which signs were never obeyed."""
    remarks: list[Remark] = []
    if not form.leaps:
        remarks += [(at, "Fine without a D.C. or D.S.: played on") for at in form.fine if at < form.n - 1]
        remarks += [(at, "To Coda without a D.C. or D.S.: played on") for at in form.to_coda if at not in walk.left]
    for section, leap in form.leaps.items():
        if leap.until == "fine" and not form.fine:
            remarks.append((section, "al Fine, but nowhere Fine: played to the end"))
        if leap.until == "coda" and not form.to_coda:
            remarks.append((section, "al Coda, but nowhere To Coda: played straight on"))
        if section in walk.leaps and section not in walk.used:
            remarks.append((section, "a D.C. or D.S. that is never reached"))
    return remarks
