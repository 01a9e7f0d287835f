"""A study from its folder to its analysis: blind pages, answers of simulated listeners, and wrong files."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from engine.core.errors import ConfigError
from offline.evaluation.study import make
from offline.evaluation.study.make import write_study
from offline.evaluation.study.pieces import StudyPiece, at_quarters
from offline.evaluation.study.ratings import read_ratings
from offline.evaluation.study.report import analyse_study, report_study, write_study_csv
from offline.evaluation.study.scales import SCALES, read_panel
from offline.music.piece import Piece, make_notes

OPINION = {"Good": 6, "Bad": 2, "human": 5}


def piece(pitch: int) -> Piece:
    return Piece(notes=make_notes([(0, 6, pitch, 0), (6, 2, pitch, 0), (8, 8, pitch + 2, 0)]), n_steps=16)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study of three systems, whose sounds are not rendered."""
    monkeypatch.setattr(make, "_render", lambda each, path, font: path.write_bytes(b"sound"))
    found = [StudyPiece(system=name, origin=str(i), piece=piece(60 + i)) for name in OPINION for i in range(4)]
    write_study(found, SCALES, tmp_path / "study", seed=3)
    return tmp_path / "study"


def answers(folder: Path, rater: str, *, composer: bool = False, known: str = "") -> dict[str, object]:
    """What a listener sends back who likes systems as OPINION says, more or less."""
    key, rng = json.loads((folder / "study.json").read_text()), np.random.default_rng(len(rater))
    rows = []
    for i, row in enumerate(key["pieces"]):
        for scale in key["scales"]:
            if composer or not scale["composers"]:
                value = int(np.clip(OPINION[row["system"]] + rng.integers(-1, 2), 1, 7))
                knows = row["file"] == known
                rows.append(
                    {"place": i + 1, "file": row["file"], "known": knows, "scale": scale["name"], "value": value}
                )
    return {"study": key["study"], "rater": rater, "composer": composer, "ratings": rows}


def send(folder: Path, found: dict[str, object], *, table: bool = False) -> Path:
    path = folder / "answers" / f"{found['rater']}.{'csv' if table else 'json'}"
    if not table:
        path.write_text(json.dumps(found))
        return path
    head = {name: found[name] for name in ("study", "rater", "composer")}
    rows = [{**head, **row} for row in found["ratings"]]  # type: ignore[attr-defined]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows([{k: str(v).lower() if isinstance(v, bool) else v for k, v in row.items()} for row in rows])
    return path


def test_nothing_that_is_handed_out_tells_who_wrote_what(folder: Path) -> None:
    page = folder / "page"
    text = (page / "index.html").read_text()
    assert not any(name in text for name in OPINION) and "origin" not in text
    sounds = sorted(path.name for path in page.glob("*.wav"))
    key = json.loads((folder / "study.json").read_text())
    assert sounds == sorted(row["file"] for row in key["pieces"])
    assert sounds != [row["file"] for row in key["pieces"]], "names in the order of the systems"
    assert {path.name for path in page.iterdir()} == {*sounds, "index.html"}


def test_a_study_is_not_overwritten(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"study\.json"):
        write_study([], SCALES, folder)


def test_simulated_listeners_are_understood(folder: Path, tmp_path: Path) -> None:
    for i in range(8):
        send(folder, answers(folder, "r" * (i + 1), composer=i < 3), table=i % 2 == 0)
    scores = {(score.scale, score.group): score for score in analyse_study(read_ratings(folder))}
    assert set(scores) == {
        ("plausible", "all"),
        ("plausible", "composers"),
        ("pleasant", "all"),
        ("pleasant", "composers"),
        *((scale.name, "composers") for scale in SCALES if scale.composers),
    }
    pleasant = scores["pleasant", "all"]
    assert list(pleasant.means) == ["Good", "human", "Bad"] and (pleasant.n_raters, pleasant.n_ratings) == (8, 96)
    gap = next(row for row in pleasant.differences if {row.one, row.other} == {"Good", "Bad"})
    assert gap.difference.low <= 4 <= gap.difference.high and gap.difference.low > 3
    assert gap.holm == pytest.approx(3 * gap.p) or gap.holm <= 3 * gap.p
    assert pleasant.agreement.value > 0.6 and scores["harmony", "composers"].n_raters == 3
    write_study_csv(tmp_path / "table.csv", list(scores.values()))
    rows = list(csv.DictReader((tmp_path / "table.csv").open()))
    assert len(rows) == len(scores) * (3 + 3 + 1)
    assert "Good - Bad" in report_study(list(scores.values()), 0.95)


def test_pieces_that_a_listener_knew_do_not_count(folder: Path) -> None:
    known = json.loads((folder / "study.json").read_text())["pieces"][0]["file"]
    send(folder, answers(folder, "ann", known=known))
    send(folder, answers(folder, "ben"))
    (score, _) = analyse_study(read_ratings(folder))
    assert score.n_ratings == 2 * 12 - 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"study": "another"}, "answers of study"),
        ({"value": 8}, "1 to 7"),
        ({"value": ""}, "1 to 7"),
        ({"scale": "loud"}, "a scale"),
        ({"file": "none.wav"}, "a piece"),
    ],
)
def test_a_wrong_answer_is_refused_in_one_line(folder: Path, change: dict[str, object], message: str) -> None:
    found = answers(folder, "ann")
    target = found if "study" in change else found["ratings"][5]  # type: ignore[index]
    target.update(change)  # type: ignore[union-attr]
    send(folder, found)
    with pytest.raises(ConfigError, match=message):
        read_ratings(folder)


def test_answers_that_came_twice_are_refused(folder: Path) -> None:
    paths = [send(folder, answers(folder, "ann"), table=table) for table in (False, True)]
    with pytest.raises(ConfigError, match="two by ann"):
        read_ratings(folder, paths)
    with pytest.raises(ConfigError, match="none"):
        (folder / "answers" / "ann.csv").unlink()
        (folder / "answers" / "ann.json").unlink()
        read_ratings(folder)


def test_a_panel_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "panel.toml"
    path.write_text('[[scale]]\nname = "swing"\nquestion = "Does it swing?"\nlow = "no"\nhigh = "yes"\n')
    assert [scale.name for scale in read_panel(path)] == ["plausible", "pleasant", "swing"]
    assert read_panel(path)[-1].composers
    for text in ("", "[[scale]]\nname = 'x'", "[[scale]]\nname = 3\nquestion='q'\nlow='l'\nhigh='h'", "scale = ["):
        path.write_text(text)
        with pytest.raises(ConfigError, match="scale"):
            read_panel(path)


def test_at_quarters_only_what_sounds_on_them_is_left() -> None:
    coarse = at_quarters(StudyPiece(system="x", origin="", piece=piece(60))).piece
    notes = [(int(n["onset"]), int(n["duration"]), int(n["pitch"])) for n in coarse.notes]
    assert (coarse.steps_per_quarter, notes) == (1, [(0, 2, 60), (2, 2, 62)])
