"""The form of a piece as its signs tell it: repeats with endings, segno, coda, Fine, D.C. and D.S.

The piece is a row of sections, counted from 0: its bars, divided where a sign stands inside a bar. A sign belongs to
the section that begins or ends with it. Which section follows which is found by `engine.score.play_order`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

__all__ = ["Backward", "Ending", "Form", "Leap", "Remark", "Repeat", "ending_numbers", "resolved_repeats"]

MOST_PASSES = 999  # of one repeat: more is a slip of the pen
Remark = tuple[int, str]  # section, what was read there and why


class Backward(NamedTuple):
    """A backward repeat sign: how many times the passage is played in all (0: not told), and after a D.C. too."""

    times: int = 0
    after_jump: bool = False


class Ending(NamedTuple):
    """A bracket over alternative endings: first section, section after the last (None: not told), passes it is for."""

    first: int
    end: int | None
    numbers: tuple[int, ...]


class Leap(NamedTuple):
    """A D.C. (to_start) or D.S.

    label: of the segno; empty where there is none
    until: "fine", "coda", "segno" or "segno, coda" where it says so, "dance" where it names what is played again
        ("Menuetto D.C."), else empty
    repeats: whether repeats are taken again; None: as is custom
    sure: whether it stands where it says, and not where its words had room
    """

    to_start: bool
    label: str = ""
    until: str = ""
    repeats: bool | None = None
    sure: bool = True


@dataclass(slots=True)
class Form:
    """Every sign by the section that begins (forward, segno, coda, trios) or ends with it.

    segno, coda, to_coda: label
    openings: sections that begin a further movement, and whether its bars are counted anew
    """

    n: int
    forward: set[int] = field(default_factory=set)
    backward: dict[int, Backward] = field(default_factory=dict)
    endings: list[Ending] = field(default_factory=list)
    segno: dict[int, str] = field(default_factory=dict)
    coda: dict[int, str] = field(default_factory=dict)
    to_coda: dict[int, str] = field(default_factory=dict)
    fine: set[int] = field(default_factory=set)
    leaps: dict[int, Leap] = field(default_factory=dict)
    trios: set[int] = field(default_factory=set)
    openings: dict[int, bool] = field(default_factory=dict)


@dataclass(slots=True)
class Repeat:
    """A passage that is played more than once.

    start: first section
    total: how many times
    ends: sections after which it begins again
    endings: those of it, with an end each; the numbers are passes counted from 1
    after_jump: taken after a D.C. or D.S. too
    """

    start: int
    total: int = 2
    ends: list[int] = field(default_factory=list)
    endings: list[Ending] = field(default_factory=list)
    after_jump: bool = False

    @property
    def last(self) -> int:
        """Return its last section that is told."""
        return max([*self.ends, *((each.end or 0) - 1 for each in self.endings)])

    def last_pass(self, section: int) -> int:
        """Return the last pass in which a section of it is played."""
        inside = [each for each in self.endings if each.first <= section < (each.end or 0)]
        return max(inside[0].numbers) if inside else self.total


def ending_numbers(text: str) -> tuple[int, ...]:
    """Return the passes that a bracket is for: "1.", "1, 2", "1.-3.", "2 3"; none where it names no number.

    >>> ending_numbers("1.-3., 5")
    (1, 2, 3, 5)
    """
    numbers: set[int] = set()
    for first, last in re.findall(r"(\d{1,3})(?:\s*[-–—]\s*(\d{1,3}))?", text.replace(".", " ")):
        numbers.update(range(int(first), int(last or first) + 1))
    return tuple(sorted(numbers - {0}))


def resolved_repeats(form: Form) -> tuple[list[Repeat], list[Remark]]:
    """Return every repeat with its beginning, number of passes and endings, and what had to be guessed.

    A backward sign goes back to the nearest forward sign that is still open, else to the end of the repeat before it,
    else to the beginning. Between two endings the passage begins again, though the sign be missing.
    """
    remarks: list[Remark] = []
    groups = [valid for group in _groups(form) if (valid := _ranked(group, remarks))]
    backward = form.backward | {section: Backward() for section in _implied(form, groups, remarks)}
    repeats: list[Repeat] = []
    of_group: dict[int, Repeat] = {}
    opened, implicit = [], 0
    for section in range(form.n):
        if section in form.forward:
            opened.append(section)
        number = _group_at(groups, section, opened)
        if number in of_group:
            _add_end(of_group[number], section, backward)
        elif section in backward or (number >= 0 and _leaves(form, groups[number], section)):
            repeat = Repeat(opened.pop() if opened else implicit)
            repeats.append(repeat)
            if number >= 0:
                of_group[number] = repeat
                repeat.endings = groups[number]
                repeat.total = max(n for each in groups[number] for n in each.numbers)
            _add_end(repeat, section, backward)
            implicit = repeat.last + 1
    for repeat in repeats:
        _count(repeat, form, remarks)
    remarks += [(section, "a forward repeat sign that is never closed: played on") for section in opened]
    return repeats, remarks


def _add_end(repeat: Repeat, section: int, backward: dict[int, Backward]) -> None:
    if section in backward:
        repeat.ends.append(section)
        repeat.after_jump |= backward[section].after_jump


def _leaves(form: Form, group: list[Ending], section: int) -> bool:
    """Return whether an ending that others follow ends here with a D.C. or D.S. in place of a repeat sign."""
    return section in form.leaps and any(each.end == section + 1 for each in group[:-1])


def _group_at(groups: list[list[Ending]], section: int, opened: list[int]) -> int:
    """Return the number of the group of endings that a section is in; -1 if none, or if a repeat inside is open."""
    for number, group in enumerate(groups):
        for each in group:
            if each.first <= section < (each.end or 0):
                inside = opened and (opened[-1] > each.first or opened[-1] == each.first != group[0].first)
                return -1 if inside else number
    return -1


def _count(repeat: Repeat, form: Form, remarks: list[Remark]) -> None:
    """Set the number of passes of a repeat from its endings, else from its sign."""
    told = max((form.backward[end].times for end in repeat.ends if end in form.backward), default=0)
    if told > MOST_PASSES or told == 1:
        remarks.append((repeat.ends[-1], f"a repeat played {told} times: read as twice"))
        told = 0
    if not repeat.endings:
        repeat.total = told or 2
    elif len(repeat.endings) == 1:  # what follows the bracket is the last ending
        only = repeat.endings[0]
        repeat.total = max(max(only.numbers) + 1, told)
        repeat.endings = [only._replace(numbers=tuple(range(1, repeat.total)))]


def _groups(form: Form) -> list[list[Ending]]:
    """Return endings that stand side by side, each with an end."""
    groups: list[list[Ending]] = []
    brackets = sorted(form.endings, key=lambda each: each.first)
    for i, each in enumerate(brackets):
        later = bool(groups) and groups[-1][-1].end == each.first and _continues(groups[-1][-1], each)
        following = brackets[i + 1] if i + 1 < len(brackets) else None
        if following is not None and _continues(each, following) and _side_by_side(form, each, following):
            end = following.first
        else:
            end = _last_end(form, each, following, later)
        if later:
            groups[-1].append(each._replace(end=end))
        else:
            groups.append([each._replace(end=end)])
    return groups


def _continues(one: Ending, other: Ending) -> bool:
    return not one.numbers or not other.numbers or min(other.numbers) > min(one.numbers)


def _side_by_side(form: Form, one: Ending, other: Ending) -> bool:
    """Return whether nothing stands between two endings: the first stops there, or its repeat sign does."""
    if any(section in form.forward for section in range(one.first + 1, other.first + 1)):
        return one.end == other.first
    signs = [section for section in range(one.first, other.first) if section in form.backward]
    return one.end == other.first or signs == [other.first - 1] or (one.end is None and not signs)


def _last_end(form: Form, ending: Ending, following: Ending | None, later: bool) -> int:
    """Return where the last ending of a group ends: a lone one at its repeat sign, others as told or after a section.

    later: whether endings come before it
    """
    told = ending.first + 1 if ending.end is None else ending.end
    if later:
        return told
    bound = form.n if following is None else following.first
    bound = next((section for section in range(ending.first + 1, bound) if section in form.forward), bound)
    return next((section + 1 for section in range(ending.first, bound) if section in form.backward), told)


def _ranked(group: list[Ending], remarks: list[Remark]) -> list[Ending]:
    """Return the endings with passes numbered from 1 without gaps; none if two are for the same pass."""
    named: list[Ending] = []
    if len(group) == 1 and group[0].numbers and min(group[0].numbers) > 1:
        remarks.append(
            (group[0].first, f"an ending {_listed(group[0].numbers)} without a first one: its bracket is passed")
        )
        return []
    for each in group:
        before = max((max(other.numbers) for other in named), default=0)
        named.append(each if each.numbers else each._replace(numbers=(before + 1,)))
    numbers = sorted(number for each in named for number in each.numbers)
    if len(set(numbers)) < len(numbers):
        remarks.append((group[0].first, "endings that share a number: read without their brackets"))
        return []
    if numbers != list(range(1, len(numbers) + 1)):
        remarks.append((group[0].first, f"endings {_listed(numbers)}: read as 1 to {len(numbers)}"))
    rank = {number: i for i, number in enumerate(numbers, start=1)}
    return [each._replace(numbers=tuple(rank[number] for number in each.numbers)) for each in named]


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers))


def _implied(form: Form, groups: list[list[Ending]], remarks: list[Remark]) -> list[int]:
    """Return the last sections of endings after which the passage begins again without a sign."""
    found = []
    for group in groups:
        total = max(number for each in group for number in each.numbers)
        for each in group if len(group) > 1 else ():
            last = (each.end or 0) - 1
            signs = any(section in form.backward for section in range(each.first, last + 1))
            if min(each.numbers) < total and not signs and last not in form.leaps and last not in form.fine:
                found.append(last)
                remarks.append((last, "an ending that another follows, without a repeat sign: repeated"))
    return found
