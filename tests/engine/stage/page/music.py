"""A small score for the page: bars of eighths over quarters, with a repeat, and where its notes are."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

STEPS = "CDEFGAB"
DIVISIONS = 2
BEATS = 4
DIGITS = 6


def _note(number: int, step: int, duration: int, staff: int) -> str:
    kind = "quarter" if duration == DIVISIONS else "eighth"
    pitch = f"<pitch><step>{STEPS[step % 7]}</step><octave>{(5, 3)[staff - 1] + step // 7}</octave></pitch>"
    return (
        f'<note id="cp{number}">{pitch}<duration>{duration}</duration><voice>{staff}</voice>'
        f"<type>{kind}</type><staff>{staff}</staff></note>"
    )


class SmallScore:
    """n_bars of 4/4 for piano, of which the first `repeated` are played twice.

    onsets: (quarter, printed quarter, bar index, note numbers) as they are played
    """

    def __init__(self, n_bars: int = 64, repeated: int = 8, title: str = "Study") -> None:
        self.n_bars, self.repeated, self.title = n_bars, repeated, title
        self.printed: list[tuple[float, int, list[int]]] = []  # (quarter, bar index, notes)
        self.notes: list[tuple[float, float, int]] = []  # (quarter, duration, step)
        self.musicxml = self._written()
        first = [row for row in self.printed if row[1] < repeated]
        shift = BEATS * repeated
        self.onsets = [(q, q, bar, ids) for q, bar, ids in (first or [])]
        self.onsets += [(q + (shift if repeated else 0), q, bar, ids) for q, bar, ids in self.printed]
        self.end = float(BEATS * (n_bars + repeated))
        played = [*range(repeated), *range(n_bars)]
        self.bars = [[float(BEATS * k), place + 1, place] for k, place in enumerate(played)]

    def _written(self) -> str:
        bars = "".join(self._bar(k) for k in range(self.n_bars))
        return (
            '<?xml version="1.0" encoding="UTF-8"?><score-partwise version="4.0"><part-list>'
            '<score-part id="P1"><part-name>Piano</part-name></score-part>'
            f'</part-list><part id="P1">{bars}</part></score-partwise>'
        )

    def _bar(self, k: int) -> str:
        upper = [self._placed(BEATS * k + i / 2, k, (3 * k + i * (1 + k % 2)) % 9, 1, 1) for i in range(8)]
        lower = [self._placed(BEATS * k + i, k, (2 * k + 3 * i) % 7, 2, 2) for i in range(4)]
        start = k == 0
        attributes = (
            f"<attributes><divisions>{DIVISIONS}</divisions><key><fifths>0</fifths></key><time><beats>{BEATS}</beats>"
            "<beat-type>4</beat-type></time><staves>2</staves><clef number='1'><sign>G</sign><line>2</line></clef>"
            "<clef number='2'><sign>F</sign><line>4</line></clef></attributes>"
        )
        end = '<barline location="right"><repeat direction="backward"/></barline>' if k + 1 == self.repeated else ""
        back = f"<backup><duration>{DIVISIONS * BEATS}</duration></backup>"
        return f'<measure number="{k + 1}">{attributes * start}{"".join(upper)}{back}{"".join(lower)}{end}</measure>'

    def _placed(self, quarter: float, bar: int, step: int, duration: int, staff: int) -> str:
        number = len(self.notes)
        self.notes.append((quarter, duration / DIVISIONS, step + (7 if staff == 1 else -7)))
        row = next((row for row in self.printed if row[0] == quarter and row[1] == bar), None)
        if row is None:
            self.printed.append((quarter, bar, [number]))
            self.printed.sort()
        else:
            row[2].append(number)
        return _note(number, step, duration, staff)

    def quarter_of_bar(self, number: int) -> float:
        """Where the bar begins when it is last played."""
        return max(q for q, each, _ in self.bars if each == number)

    def info(self, score_id: str, kind: str = "pages") -> dict[str, Any]:
        """What GET /api/score/ID answers."""
        roll = [[q, length, 60 + 2 * step, int(step < 0)] for q, length, step in sorted(self.notes)]
        return {
            "id": score_id,
            "title": self.title,
            "kind": kind,
            "parts": [{"name": "Piano", "n_notes": len(self.notes), "solo": True}],
            "bars": self.bars if kind == "pages" else [[4.0 * k, k + 1, k] for k in range(self.n_bars)],
            "end_quarter": self.end,
            "meters": [[0.0, BEATS, 1.0]],
            "onsets": [row[0] for row in self.onsets],
            "tempo": [[0.0, 0.0], [self.end, self.end / 2]],
            "roll": roll if kind == "roll" else None,
        }


OPTIONS = {
    "header": "none",
    "footer": "none",
    "expandNever": True,
    "xmlIdSeed": 1,
    "svgViewBox": True,
    "svgFormatRaw": True,
    "svgRemoveXlink": True,
    "justifyVertically": True,
    "pageMarginLeft": 60,
    "pageMarginRight": 60,
    "pageMarginTop": 40,
    "pageMarginBottom": 40,
    "breaks": "auto",
}


class EngravedScore:
    """The small score engraved, as the server answers it; one toolkit a layout, as a child process would have."""

    def __init__(self, score: SmallScore, verovio: Any) -> None:
        self.score, self._verovio = score, verovio

    @functools.cache  # noqa: B019  as long as the test runs
    def toolkit(self, width: int, height: int, scale: int) -> Any:
        """Lay the score out."""
        self._verovio.enableLog(self._verovio.LOG_OFF)
        toolkit = self._verovio.toolkit()
        toolkit.setResourcePath(str(Path(self._verovio.__file__).parent / "data"))  # it knows it in one thread only
        sizes = {"pageWidth": width * 100 // scale, "pageHeight": height * 100 // scale, "scale": scale}
        toolkit.setOptions(OPTIONS | sizes)
        assert toolkit.loadData(self.score.musicxml)
        return toolkit

    def bundle(self, width: int, height: int, scale: int) -> dict[str, Any]:
        """What GET /api/score/ID/pages answers."""
        toolkit = self.toolkit(width, height, scale)
        page = {ids[0]: toolkit.getPageWithElement(f"cp{ids[0]}") for _, _, ids in self.score.printed}
        onsets = [[q, printed, page[ids[0]], ids] for q, printed, _, ids in self.score.onsets]
        n_pages = toolkit.getPageCount()
        on_page = [[bar + 1 for _, bar, ids in self.score.printed if page[ids[0]] == k] for k in range(1, n_pages + 1)]
        return {
            "layout": f"{width}x{height}x{scale}",
            "n_pages": n_pages,
            "page_w": width,
            "page_h": height,
            "onsets": onsets,
            "pages": [{"bars": [min(bars), max(bars)]} for bars in on_page],
            "followed": None,
        }

    def svg(self, key: str, number: int) -> str:
        """What GET /api/page/KEY/N.svg answers."""
        width, height, scale = map(int, key.split("x"))
        return self.toolkit(width, height, scale).renderToSVG(number).replace(' color="black"', "", 1)
