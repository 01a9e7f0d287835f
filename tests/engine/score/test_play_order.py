"""The order of play: structures drawn at random against a plain expander of trees, and the cases that have a name."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.errors import ScoreError
from engine.score.form import Backward, Ending, Form, Leap, ending_numbers
from engine.score.play_order import play_order

# The plain expander: a piece is a tree, and is played by walking it. Nothing here knows of signs.


@dataclass
class Passage:
    """What is repeated: its items (a bar is None), and how often; or endings as (passes, bars)."""

    items: list
    times: int = 2
    endings: list[tuple[int, int]] = field(default_factory=list)
    signed: bool = True  # whether it has a forward sign
    closed: bool = False  # whether the last ending has a backward sign too

    @property
    def total(self) -> int:
        return sum(passes for passes, _ in self.endings) if self.endings else self.times


@dataclass
class Piece:
    """Items at the top; where a D.C. or D.S. stands (after all of them), and what it says; items of the coda."""

    items: list
    coda: list
    back: str  # "", "dacapo", "dalsegno"
    segno: int  # item that it stands before
    until: str  # "", "fine", "coda"
    leave: int  # item after which Fine or To Coda stands
    again: bool  # repeats after the jump


def number_bars(items: list, first: int = 0) -> tuple[list, int]:
    """The tree with bar numbers in place of None, and the next number."""
    out = []
    for item in items:
        if item is None:
            out.append(first)
            first += 1
        else:
            body, first = number_bars(item.items, first)
            endings = []
            for _, n in item.endings:
                endings.append(list(range(first, first + n)))
                first += n
            out.append((item, body, endings))
    return out, first


def expand(items: list, repeats: bool) -> list[int]:
    """Every bar in order, passages as often as they say, or once with their last ending."""
    out: list[int] = []
    for item in items:
        if isinstance(item, int):
            out.append(item)
            continue
        passage, body, endings = item
        chosen = [i for i, (passes, _) in enumerate(passage.endings) for _ in range(passes)]
        for turn in range(passage.total) if repeats else [passage.total - 1]:
            out += expand(body, repeats)
            if endings:
                out += endings[chosen[turn]]
    return out


def played(piece: Piece) -> list[int]:
    """The piece as it is played."""
    items, n = number_bars(piece.items)
    coda, _ = number_bars(piece.coda, n)
    out = expand(items, True)
    if not piece.back:
        return out + expand(coda, True)
    start = 0 if piece.back == "dacapo" else piece.segno
    if piece.until:
        out += expand(items[start : piece.leave + 1], piece.again)
        return out if piece.until == "fine" else out + expand(coda, True)
    return out + expand(items[start:], piece.again) + expand(coda, True)


# From the tree to signs


def write(items: list, form: Form, implicit: list[int]) -> None:
    """Put the signs of numbered items on a form; implicit[0]: where a passage without a forward sign begins."""
    for item in items:
        if isinstance(item, int):
            continue
        passage, body, endings = item
        start = first_bar(body)
        nested = any(not isinstance(each, int) for each in body)
        if passage.signed or nested or start != implicit[0]:
            form.forward.add(start)
        write(body, form, implicit)
        if not endings:
            form.backward[last_bar(body)] = Backward(passage.times if passage.times != 2 else 0)
        number = 1
        for i, ((passes, _), bars) in enumerate(zip(passage.endings, endings, strict=True)):
            form.endings.append(Ending(bars[0], bars[-1] + 1, tuple(range(number, number + passes))))
            number += passes
            if i < len(endings) - 1 or passage.closed or passes > 1:
                form.backward[bars[-1]] = Backward()
        implicit[0] = (endings[-1][-1] if endings else last_bar(body)) + 1


def first_bar(items: list) -> int:
    item = items[0]
    return item if isinstance(item, int) else first_bar(item[1])


def last_bar(items: list) -> int:
    item = items[-1]
    if isinstance(item, int):
        return item
    return item[2][-1][-1] if item[2] else last_bar(item[1])


def signs_of(piece: Piece) -> Form:
    """The piece as a form."""
    items, n = number_bars(piece.items)
    coda, total = number_bars(piece.coda, n)
    form = Form(total)
    implicit = [0]
    write(items, form, implicit)
    write(coda, form, implicit)
    if piece.back:
        to_start = piece.back == "dacapo"
        form.leaps[n - 1] = Leap(to_start, until=piece.until)
        if not to_start:
            form.segno[first_bar(items[piece.segno :])] = "any"
        leave = last_bar(items[: piece.leave + 1])
        if piece.until == "fine":
            form.fine.add(leave)
        elif piece.until == "coda":
            form.to_coda[leave] = ""
            form.coda[n] = "other"
    return form


bars = st.integers(1, 3).map(lambda n: [None] * n)
endings = st.lists(st.tuples(st.integers(1, 3), st.integers(1, 2)), min_size=2, max_size=3)


def passages(inner: st.SearchStrategy) -> st.SearchStrategy:
    """A repeated passage; what is nested in it stands between bars, as it must where each bar has one forward sign."""
    body = st.one_of(bars, st.tuples(bars, inner, bars).map(lambda three: [*three[0], three[1], *three[2]]))
    plain = st.builds(Passage, body, times=st.integers(2, 4), signed=st.booleans())
    ended = st.builds(Passage, body, endings=endings, signed=st.booleans(), closed=st.booleans())
    return plain | ended


passage = st.recursive(st.builds(Passage, bars, times=st.integers(2, 3)), passages, max_leaves=3)
items = st.lists(st.one_of(st.none(), passage), min_size=1, max_size=6)


@st.composite
def pieces(draw: st.DrawFn) -> Piece:
    top = draw(items)
    until = draw(st.sampled_from(["", "fine", "coda"]))
    leave = draw(st.integers(0, len(top) - 1))
    return Piece(
        items=top,
        coda=draw(items) if until == "coda" else [],
        back=draw(st.sampled_from(["", "dacapo", "dalsegno"])),
        segno=draw(st.integers(0, leave)),
        until=until,
        leave=leave,
        again=draw(st.booleans()),
    )


@settings(max_examples=300, deadline=None)
@given(pieces())
def test_random_structures_are_played_as_a_plain_expander_plays_them(piece: Piece) -> None:
    order, _ = play_order(signs_of(piece), repeats_after_jump=piece.again)
    assert order == played(piece)


def order_of(n: int, again: bool = False, **signs: object) -> list[int]:
    return play_order(Form(n, **signs), repeats_after_jump=again)[0]  # type: ignore[arg-type]


ONE_TWO = [Ending(1, 2, (1,)), Ending(2, 3, (2,))]
NAMED = {
    "an ending for two passes": (
        {"n": 4, "endings": [Ending(1, 2, (1, 2)), Ending(2, 3, (3,))], "backward": {1: Backward()}},
        [0, 1, 0, 1, 0, 2, 3],
    ),
    "one ending alone: what follows it is the last": (
        {"n": 3, "endings": [Ending(1, 2, (1,))], "backward": {1: Backward()}},
        [0, 1, 0, 2],
    ),
    "a lone ending whose bracket is too short": (
        {"n": 4, "endings": [Ending(1, 2, (1,))], "backward": {2: Backward()}},
        [0, 1, 2, 0, 3],
    ),
    "an ending without a stop": (
        {"n": 5, "endings": [Ending(1, None, (1,)), Ending(3, None, (2,))], "backward": {2: Backward()}},
        [0, 1, 2, 0, 3, 4],
    ),
    "the last ending with a repeat sign too": (
        {"n": 4, "endings": ONE_TWO, "backward": {1: Backward(), 2: Backward()}},
        [0, 1, 0, 2, 3],
    ),
    "endings without any repeat sign": ({"n": 4, "endings": ONE_TWO}, [0, 1, 0, 2, 3]),
    "endings 1 and 5 of the MusicXML suite": (
        {"n": 4, "endings": [Ending(1, 2, (1,)), Ending(2, 3, (5,))], "backward": {1: Backward()}},
        [0, 1, 0, 2, 3],
    ),
    "endings that share a number are read without brackets": (
        {"n": 4, "endings": [Ending(1, 2, (1, 2)), Ending(2, 3, (2,))], "backward": {2: Backward()}},
        [0, 1, 2, 0, 1, 2, 3],
    ),
    "endings without numbers": (
        {"n": 4, "endings": [Ending(1, 2, ()), Ending(2, 3, ())], "backward": {1: Backward()}},
        [0, 1, 0, 2, 3],
    ),
    "a first ending that ends with a D.C.": ({"n": 3, "endings": ONE_TWO, "leaps": {1: Leap(True)}}, [0, 1, 0, 2]),
    "a D.C. inside a repeat waits for its last pass": (
        {"n": 3, "backward": {2: Backward()}, "leaps": {1: Leap(True)}},
        [0, 1, 2, 0, 1, 0, 1, 2],
    ),
    "after a D.C. the last ending": (
        {"n": 4, "endings": ONE_TWO, "backward": {1: Backward()}, "leaps": {3: Leap(True)}},
        [0, 1, 0, 2, 3, 0, 2, 3],
    ),
    "repeats after a D.C. where its words say so": (
        {"n": 2, "backward": {0: Backward()}, "leaps": {1: Leap(True, repeats=True)}},
        [0, 0, 1, 0, 0, 1],
    ),
    "a sign that says it is for after a D.C. too": (
        {"n": 2, "backward": {0: Backward(after_jump=True)}, "leaps": {1: Leap(True)}},
        [0, 0, 1, 0, 0, 1],
    ),
    "D.C. al Segno e poi la Coda": (
        {"n": 5, "segno": {2: ""}, "coda": {4: ""}, "leaps": {3: Leap(True, until="segno, coda")}},
        [0, 1, 2, 3, 0, 1, 4],
    ),
    "D.C. al Segno": ({"n": 4, "segno": {2: ""}, "leaps": {3: Leap(True, until="segno")}}, [0, 1, 2, 3, 0, 1]),
    "two segni by label": (
        {"n": 6, "segno": {1: "a", 2: "b"}, "leaps": {3: Leap(False, "b"), 5: Leap(False, "a")}},
        [0, 1, 2, 3, 2, 3, 4, 5, 1, 2, 3, 4, 5],
    ),
    "two codas in turn": (
        {
            "n": 8,
            "to_coda": {0: "1", 1: "2"},
            "coda": {4: "1", 6: "2"},
            "leaps": {3: Leap(True, until="coda"), 5: Leap(True, until="coda")},
        },
        [0, 1, 2, 3, 0, 4, 5, 0, 1, 6, 7],
    ),
    "To Coda without a coda sign: after the D.S.": (
        {"n": 5, "segno": {0: ""}, "to_coda": {1: ""}, "leaps": {3: Leap(False, until="coda")}},
        [0, 1, 2, 3, 0, 1, 4],
    ),
    "To Coda in the last pass where there is no D.C.": (
        {"n": 4, "backward": {1: Backward()}, "to_coda": {0: ""}, "coda": {3: ""}},
        [0, 1, 0, 3],
    ),
    "a D.S. without a segno is not taken": ({"n": 3, "leaps": {1: Leap(False)}}, [0, 1, 2]),
    "Fine without a D.C. is passed": ({"n": 3, "fine": {1}}, [0, 1, 2]),
    "al Coda, but only a Fine": ({"n": 3, "fine": {0}, "leaps": {2: Leap(True, until="coda")}}, [0, 1, 2, 0]),
    "words shortly before the end of a repeat are meant for its end": (
        {"n": 4, "fine": {0}, "backward": {3: Backward()}, "leaps": {2: Leap(True, until="fine", sure=False)}},
        [0, 1, 2, 3, 0, 1, 2, 3, 0],
    ),
    "words shortly before the end of the piece are meant for its end": (
        {"n": 4, "fine": {0}, "leaps": {2: Leap(True, until="fine", sure=False)}},
        [0, 1, 2, 3, 0],
    ),
    "a sound stands where it says": ({"n": 3, "fine": {0}, "leaps": {1: Leap(True, until="fine")}}, [0, 1, 0]),
    "Menuetto D.C. of four repeats: the trio is the last two": (
        {"n": 4, "backward": {i: Backward() for i in range(4)}, "leaps": {3: Leap(True, until="dance")}},
        [0, 0, 1, 1, 2, 2, 3, 3, 0, 1],
    ),
    "a second ending without a first": (
        {"n": 4, "backward": {0: Backward(), 3: Backward()}, "endings": [Ending(1, 2, (2,))]},
        [0, 0, 1, 2, 3, 1, 2, 3],
    ),
    "a repeat played 0 or 1 times is a slip": ({"n": 2, "backward": {0: Backward(1)}}, [0, 0, 1]),
    "backward signs without forward ones": ({"n": 3, "backward": {0: Backward(), 1: Backward()}}, [0, 0, 1, 1, 2]),
}


@pytest.mark.parametrize("name", NAMED)
def test_named_cases(name: str) -> None:
    signs, right = NAMED[name]
    assert order_of(**signs) == right


@pytest.mark.parametrize(
    ("signs", "said"),
    [
        ({"n": 2, "forward": {1}}, "never closed"),
        ({"n": 3, "leaps": {1: Leap(False)}}, "without a segno"),
        ({"n": 3, "fine": {1}}, "Fine without a D.C."),
        ({"n": 3, "leaps": {2: Leap(True, until="fine")}}, "nowhere Fine"),
        ({"n": 4, "endings": ONE_TWO}, "without a repeat sign"),
    ],
)
def test_what_is_guessed_is_said(signs: dict, said: str) -> None:
    _, remarks = play_order(Form(**signs))
    assert [text for _, text in remarks if said in text]


def test_sixty_repeats_and_more_do_not_recurse() -> None:
    n = 3000
    assert len(order_of(n, backward={i: Backward() for i in range(n)})) == 2 * n


def test_repeats_without_end_are_refused() -> None:
    nested = {"forward": {0, 1}, "backward": {2: Backward(999), 3: Backward(999)}}
    with pytest.raises(ScoreError, match="as played"):
        play_order(Form(4, **nested))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("1", (1,)), ("1.", (1,)), ("1, 2", (1, 2)), ("1.-3.", (1, 2, 3)), ("2 3", (2, 3)), ("", ()), ("x", ())],
)
def test_numbers_of_endings(text: str, numbers: tuple[int, ...]) -> None:
    assert ending_numbers(text) == numbers
