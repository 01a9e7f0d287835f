"""Write `docs/paper_rows.md`: every row of the papers' tables, as published and as measured here."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from offline.evaluation.hpss_iterations import PUBLISHED_TRENDS
from offline.evaluation.separators.table import COMPARED_METHODS
from offline.training.detection.paper_table import PUBLISHED_F1
from offline.training.separation.paper_table import PUBLISHED_SDR
from offline.training.similarity.paper_table import PUBLISHED_ALIGNMENT, published_alignment

__all__ = ["ROWS_PAGE", "paper_rows_page"]

ROWS_PAGE = Path(__file__).parents[1] / "paper_rows.md"
MEASURED = Path(__file__).parents[1] / "measured"  # tables that the commands wrote
HEAD = """\
# Every row of the papers' tables

Made by `make docs` from the figures that the commands print beside their own, and from the tables in `docs/measured/`,
as the commands wrote them. [Papers](papers.md) says what each command needs. A dash: not measured here, for want of the
paper's data or of a graphics processor for days; the command prints it on a machine that has them.
"""
NOT_MEASURED = "-"
PROTOCOL = "nearest frame"  # the paper's
MATRICES = {True: "binary", False: "distance"}


def paper_rows_page() -> str:
    """The whole page as Markdown."""
    sections = (_alignment(), _events(), _iterations(), _settings(), _comparison())
    return HEAD + "".join(f"\n{section}" for section in sections)


def _table(title: str, command: str, data: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"## {title}", "", f"`{command}`", "", data, ""]
    lines += [_line(columns), "|---" * len(columns) + "|", *map(_line, rows)]
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _figures(values: Iterable[float], digits: int) -> str:
    return " / ".join(f"{value:.{digits}f}" for value in values)


def _alignment() -> str:
    rows = [*_measured_alignment()]
    known = {published_alignment(row[:2]) for row in rows}
    cells = [(name, MATRICES[binary], _known(published_alignment((name, binary))), own) for name, binary, own in rows]
    cells += [
        (name, MATRICES[binary], _known(figures), NOT_MEASURED)
        for (name, binary), figures in PUBLISHED_ALIGNMENT.items()
        if figures not in known
    ]
    return _table(
        "Agrawal & Dixon, table II",
        "collaparte evaluate similarity pieces/ --networks runs/ --csv similarity.csv",
        "Percent of score onsets within 25 / 50 / 100 / 200 ms, at the nearest frame.\nPublished: of the Mazurkas;"
        " ours: of six rendered pieces left out of training.\nThe networks are the small ones of `collaparte recipe"
        " siamese-table`: SCNNs a sixteenth as wide, after\n3,000 steps, and the perceptron after 1,500; + tempo: on"
        " renderings at other tempi as well; + near: half of the\nframes that do not match are near the match. SCNNs"
        " with + DA and the perceptron are of\nthe recipe before: a quarter of the takes, no frames near the match; of"
        " chroma and STFT with + DA, for which nothing\nis published, there are none.",
        ("row", "matrix", "published", "ours"),
        cells,
    )


def _known(figures: Sequence[float] | None) -> str:
    return NOT_MEASURED if figures is None else _figures(figures, 1)


def _measured_alignment() -> Iterator[tuple[str, bool, str]]:
    """Yield name, whether the matrix is binary, and figures of each mean in the table that the command wrote."""
    binary = {name: value for value, name in MATRICES.items()}
    with (MEASURED / "similarity.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["piece"] == "mean" and row["protocol"] == PROTOCOL:
                figures = _figures((float(row[name]) for name in row if name.endswith(" ms")), 1)
                yield row["model"], binary[row["matrix"]], figures


def _events() -> str:
    return _table(
        "Boes & Van hamme, table 3",
        "collaparte table detection --preset published",
        "F1 in percent: clip / segment / event. Published: of DESED.",
        ("inputs", "published", "ours"),
        [(name, _figures(figures, 2), NOT_MEASURED) for name, figures in PUBLISHED_F1.items()],
    )


def _iterations() -> str:
    return _table(
        "FitzGerald et al., figures 2 to 5",
        "collaparte evaluate hpss songs/ --iterations 1..10 --covariance both --peass --plot kam.png",
        "Pictures in the paper; the command draws the same, and writes under each what the paper says of it.",
        ("score, part", "published", "ours"),
        [
            (f"{metric}, {part}", trend, NOT_MEASURED)
            for metric, parts in PUBLISHED_TRENDS.items()
            for part, trend in parts.items()
        ],
    )


def _sdr(title: str, command: str, known: Mapping[str, Mapping[str, float]]) -> str:
    stems = next(iter(known.values()))
    return _table(
        title,
        command,
        f"SDR in dB: {' / '.join(stems)}. Published: of the test songs of MUSDB18-HQ.",
        ("row", "published", "ours"),
        [(name, _figures(figures.values(), 2), NOT_MEASURED) for name, figures in known.items()],
    )


def _settings() -> str:
    command = "collaparte table separation --preset x-umx --musdb MUSDB18-HQ/"
    return _sdr("Sawata et al., table 1", command, PUBLISHED_SDR)


def _comparison() -> str:
    return _sdr("Sawata et al., table 2", "collaparte evaluate separators MUSDB18-HQ/", COMPARED_METHODS)
