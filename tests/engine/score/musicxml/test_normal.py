"""One shape for what programs write in many: the same music in all of them."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from xml.etree.ElementTree import fromstring

import pytest

from engine.core.errors import ScoreError
from engine.score.musicxml.played import normalised_musicxml
from engine.score.readers import list_parts, read_score
from tests.engine.score.musicxml.writing import attributes, backup, musicxml, note, pairs, read_text

TUNE = musicxml(
    [note("C4", 1) + note("D4", 3), note("E4")], [note("C3"), note("G2")], names=["Flûte", "Basse"], first=attributes()
)
RIGHT = [(0, 48), (0, 60), (1, 62), (4, 43), (4, 64)]
HEAD = '<?xml version="1.0" encoding="UTF-8"?>'


def timewise() -> str:
    """The tune, measure by measure."""
    listing = re.search("<part-list>.*</part-list>", TUNE)
    assert listing
    parts = {p: re.findall(r"<measure number=\"\d\">(.*?)</measure>", body) for p, body in PARTS}
    bars = "".join(
        f'<measure number="{i + 1}">' + "".join(f'<part id="{p}">{bars[i]}</part>' for p, bars in parts.items())
        + "</measure>"
        for i in range(2)
    )  # fmt: skip
    return f"<score-timewise>{listing[0]}{bars}</score-timewise>"


PARTS = re.findall(r'<part id="(P\d)">(.*?)</part>', TUNE)
DECIMALS = TUNE.replace("<divisions>4<", "<divisions>4.0<").replace("<duration>4<", "<duration>4.00<")
SHAPES: dict[str, str | bytes] = {
    "as it is": TUNE,
    "measure by measure": timewise(),
    "in a namespace": TUNE.replace("<score-partwise", '<score-partwise xmlns="http://www.example.org/x"'),
    "with a prefix": re.sub(r"<(/?)([a-z])", r"<\1m:\2", TUNE).replace(
        "<m:score-partwise", '<m:score-partwise xmlns:m="http://www.example.org/x"'
    ),
    "after blank lines": "\n\n  " + HEAD + TUNE,
    "before zeros": HEAD + TUNE + "\n\0\0",
    "with a byte order mark": b"\xef\xbb\xbf" + (HEAD + TUNE).encode(),
    "in UTF-16": (HEAD.replace("UTF-8", "UTF-16") + TUNE).encode("utf-16"),
    "that says UTF-16 and is UTF-8": HEAD.replace("UTF-8", "utf-16") + TUNE,
    "in Latin-1": (HEAD.replace("UTF-8", "ISO-8859-1") + TUNE).encode("latin-1"),
    "that says UTF-8 and is Latin-1": (HEAD + TUNE).encode("latin-1"),
    "with comments and instructions": TUNE.replace("<note>", "<!-- x --><?print x?><note>"),
    "with decimals": DECIMALS,
    "with decimal commas": DECIMALS.replace("4.00", "4,0").replace("4.0", "4,0"),
    "with divisions of a half": TUNE.replace("<divisions>4<", "<divisions>0.5<")
    .replace("<duration>16<", "<duration>2<")
    .replace("<duration>12<", "<duration>1.5<")
    .replace("<duration>4<", "<duration>.5<"),
    "with a part that is only listed": TUNE.replace("<part-list>", '<part-list><score-part id="P9"/>'),
    "without a list": re.sub("<part-list>.*</part-list>", "", TUNE),
    "with an empty list": re.sub("<part-list>.*</part-list>", "<part-list/>", TUNE),
    "with parts without ids": TUNE.replace('<part id="P1">', "<part>").replace('<part id="P2">', "<part>"),
    "with a layout before the notes": TUNE.replace("<note>", "<print/><harmony/><note>"),
}


@pytest.mark.parametrize("name", SHAPES)
def test_the_same_music_in_every_shape(tmp_path: Path, name: str) -> None:
    score = read_text(tmp_path, SHAPES[name])
    assert pairs(score) == RIGHT
    assert score.bar_quarter.tolist() == [0, 4]


def test_parts_are_named_by_the_list(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(timewise(), encoding="utf-8")
    assert [part.label for part in list_parts(tmp_path / "a.xml")] == ["Flûte (P1)", "Basse (P2)"]


def packed(path: Path, members: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return path


def container(*files: tuple[str, str]) -> str:
    rows = "".join(f'<rootfile full-path="{name}"{kind}/>' for name, kind in files)
    return f'<container xmlns="urn:x"><rootfiles>{rows}</rootfiles></container>'


PDF, XML = ' media-type="application/pdf"', ' media-type="application/vnd.recordare.musicxml+xml"'
BOX = "META-INF/container.xml"
ARCHIVES = {
    "as the standard says": {BOX: container(("a.xml", "")), "a.xml": TUNE},
    "with a PDF first": {BOX: container(("a.pdf", PDF), ("a.xml", XML)), "a.pdf": "%PDF", "a.xml": TUNE},
    "with a PDF first, no kinds": {BOX: container(("a.pdf", ""), ("a.xml", "")), "a.pdf": "%PDF", "a.xml": TUNE},
    "without a container": {"a.xml": TUNE},
    "with an empty container": {BOX: "<container/>", "a.musicxml": TUNE},
    "with a container that names what is not there": {BOX: container(("b.xml", "")), "a.xml": TUNE},
    "with another way to write the name": {BOX: container(("./Music/a.xml", "")), "music\\A.xml": TUNE},
    "with a name of another kind": {BOX: container(("score", "")), "score": TUNE},
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_compressed_files_in_every_shape(tmp_path: Path, name: str) -> None:
    assert pairs(read_score(packed(tmp_path / "a.mxl", ARCHIVES[name]))) == RIGHT


@pytest.mark.parametrize(
    ("members", "said"),
    [
        (
            {BOX: container(("b.xml", "")), "a.xml": TUNE, "c.xml": TUNE},
            "got 2 of them, and a container that names b.xml",
        ),
        ({BOX: container(("a.pdf", PDF)), "a.pdf": "%PDF"}, "got 0 of them"),
        ({"a.xml": TUNE[:-30]}, "well-formed MusicXML"),
    ],
)
def test_compressed_files_without_a_score_are_refused(tmp_path: Path, members: dict[str, str], said: str) -> None:
    with pytest.raises(ScoreError, match=said):
        read_score(packed(tmp_path / "a.mxl", members))


def test_a_torn_archive_is_refused(tmp_path: Path) -> None:
    data = packed(tmp_path / "a.mxl", ARCHIVES["as the standard says"]).read_bytes()
    (tmp_path / "b.mxl").write_bytes(data[: len(data) // 2])
    with pytest.raises(ScoreError, match="a whole compressed score"):
        read_score(tmp_path / "b.mxl")


def test_what_an_engraver_gets_is_whole(tmp_path: Path) -> None:
    """Ids of its own on every note, the same as in the Score; partwise; whole numbers; the number of staves."""
    bar = note("C5", 1.5, "<staff>1</staff>") + backup(1.5) + note("C4", 1.5, "<staff>2</staff>")
    text = musicxml([bar], [note("G3", 1.5)]).replace("<note>", '<note id="twice">')
    text = text.replace("<divisions>4<", "<divisions>4.5<").replace("<duration>6<", "<duration>6.75<")
    root = fromstring(normalised_musicxml("x", text.encode()))
    assert [each.get("id") for each in root.iter("note")] == ["cp0", "cp1", "cp2"]
    assert [each.text for each in root.iter("divisions")] == ["18", "18"]
    assert {each.text for each in root.iter("duration")} == {"27"}
    assert [each.text for each in root.iter("staves")] == ["2"]
    tags = [child.tag for child in root.find("part/measure/attributes") or ()]
    assert tags == ["divisions", "time", "staves"]
    score = read_text(tmp_path, text)
    assert dict(zip(score.note_id.tolist(), score.note_pitch.tolist(), strict=True)) == {0: 72, 1: 60, 2: 55}
    assert score.note_duration.tolist() == [1.5] * 3


def test_elements_nested_without_end_are_refused(tmp_path: Path) -> None:
    deep = TUNE.replace(
        "<part-list>", "<identification>" + "<a>" * 9000 + "</a>" * 9000 + "</identification><part-list>"
    )
    assert pairs(read_text(tmp_path, deep)) == RIGHT
    with pytest.raises(ScoreError, match="nested"):
        normalised_musicxml("x", deep.encode())


def test_the_normalised_score_is_the_same_score(tmp_path: Path) -> None:
    for name, shape in SHAPES.items():
        data = shape.encode() if isinstance(shape, str) else shape
        assert pairs(read_text(tmp_path, normalised_musicxml("x", data))) == RIGHT, name


@pytest.mark.parametrize(
    "text", ["<html/>", "<opus/>", "", "no xml", "<score-partwise/>", "<score-partwise><part/></score-partwise>"]
)
def test_what_is_no_score_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ScoreError) as error:
        read_text(tmp_path, text or " ")
    assert "\n" not in str(error.value)
