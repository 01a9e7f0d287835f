"""Small MusicXML scores, written out for tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine.score.readers import read_score
from engine.score.score import Score

DIVISIONS = 4
FORWARD = '<barline location="left"><repeat direction="forward"/></barline>'


def backward(**more: Any) -> str:
    """A repeat sign that closes a bar."""
    return f'<barline location="right"><repeat direction="backward"{_attributes(more)}/></barline>'


def ending(number: str, kind: str, location: str = "", repeat: str = "") -> str:
    """The beginning (start) or end (stop, discontinue) of a bracket."""
    place = location or ("left" if kind == "start" else "right")
    return f'<barline location="{place}"><ending number="{number}" type="{kind}"/>{repeat}</barline>'


REPEATED = '<repeat direction="backward"/>'


def note(name: str = "C4", quarters: float = 4, more: str = "", before: str = "") -> str:
    """A note such as F#4; more, before: what stands after its pitch and before it."""
    alter = {"#": 1, "b": -1}.get(name[1])
    altered = f"<alter>{alter}</alter>" if alter else ""
    pitch = f"<pitch><step>{name[0]}</step>{altered}<octave>{name[-1]}</octave></pitch>"
    return f"<note>{before}{pitch}<duration>{round(quarters * DIVISIONS)}</duration>{more}</note>"


def rest(quarters: float = 4, more: str = "") -> str:
    """A rest."""
    return f"<note><rest{more}/><duration>{round(quarters * DIVISIONS)}</duration></note>"


def backup(quarters: float) -> str:
    """Back in the bar."""
    return f"<backup><duration>{round(quarters * DIVISIONS)}</duration></backup>"


def words(text: str = "", sign: str = "", **sound: Any) -> str:
    """A direction with words, a sign (segno, coda), and a sound with these attributes."""
    kinds = (f"<direction-type><{sign}/></direction-type>" if sign else "") + (
        f"<direction-type><words>{text}</words></direction-type>" if text else ""
    )
    return f"<direction>{kinds}{f'<sound{_attributes(sound)}/>' if sound else ''}</direction>"


def sound(**attributes: Any) -> str:
    """A sound at the level of the bar."""
    return f"<sound{_attributes(attributes)}/>"


def _attributes(named: dict[str, Any]) -> str:
    return "".join(f' {name.replace("_", "-")}="{value}"' for name, value in named.items())


def attributes(inside: str = "", *, beats: int = 4, unit: int = 4) -> str:
    """The attributes of a first bar."""
    time = f"<time><beats>{beats}</beats><beat-type>{unit}</beat-type></time>"
    return f"<attributes><divisions>{DIVISIONS}</divisions>{time}{inside}</attributes>"


def musicxml(*parts: Sequence[str], names: Sequence[str] = (), numbers: Sequence[str] = (), first: str = "") -> str:
    """A partwise score of parts of bars; numbers: attributes of the bars where they are not 1, 2, 3.

    first: attributes of the first bar of each part
    """
    listed, written = "", ""
    for i, bars in enumerate(parts, start=1):
        name = names[i - 1] if names else f"Part {i}"
        listed += f'<score-part id="P{i}"><part-name>{name}</part-name></score-part>'
        measures = ""
        for k, bar in enumerate(bars):
            head = numbers[k] if numbers else f'number="{k + 1}"'
            measures += f"<measure {head}>{(first or attributes()) if k == 0 else ''}{bar}</measure>"
        written += f'<part id="P{i}">{measures}</part>'
    return f"<score-partwise><part-list>{listed}</part-list>{written}</score-partwise>"


def read_text(folder: Path, text: str | bytes, **how: Any) -> Score:
    """The Score of a text, by way of a file."""
    path = folder / "piece.musicxml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_score(path, **how)


def played_bars(folder: Path, *parts: Sequence[str], **how: Any) -> list[int]:
    """Printed numbers of the bars in the order in which they are played."""
    return read_text(folder, musicxml(*parts), **how).bar_number.tolist()


def pairs(score: Score) -> list[tuple[float, int]]:
    """Onset and pitch of each note."""
    return list(zip(score.note_quarter.round(4).tolist(), score.note_pitch.tolist(), strict=True))
