"""Write a study: a page with its sounds under random names, to be handed out, and the key, to be kept.

FOLDER/page/index.html and the sounds are for listeners; FOLDER/study.json tells who wrote what; FOLDER/midi/ holds the
pieces; what listeners send back goes into FOLDER/answers/.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from engine.core.errors import ConfigError
from offline.evaluation.listening_test import match_loudness
from offline.evaluation.study.page import write_page
from offline.evaluation.study.pieces import StudyPiece
from offline.evaluation.study.scales import RatingScale
from offline.music.midi_file import write_midi, write_wav

__all__ = ["ANSWERS", "KEY", "PAGE_FOLDER", "write_study"]

KEY, PAGE_FOLDER, MIDI, ANSWERS = "study.json", "page", "midi", "answers"
FORMAT = 1


def write_study(
    pieces: Sequence[StudyPiece],
    scales: Sequence[RatingScale],
    folder: Path,
    *,
    seed: int = 0,
    sound_font: Path | None = None,
) -> list[dict[str, Any]]:
    """Write the study; return the rows of its key. ConfigError if the folder holds one, or fewer than two systems."""
    if (folder / KEY).exists():
        raise ConfigError(str(folder), expected="a folder without a study", got=KEY, remedy="give another folder")
    if len({each.system for each in pieces}) < 2:
        raise ConfigError("study", expected="two systems or more", got=", ".join({each.system for each in pieces}))
    rng = np.random.default_rng((seed, 0x57D1))
    codes = [f"{int(code):08x}" for code in rng.choice(1 << 32, len(pieces), replace=False)]
    for name in (PAGE_FOLDER, MIDI, ANSWERS):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for code, each in zip(codes, pieces, strict=True):
        write_midi(each.piece, folder / MIDI / f"{code}.mid", percussion=each.percussion)
        _render(each, folder / PAGE_FOLDER / f"{code}.wav", sound_font)
    rows = [
        {"file": f"{code}.wav", "system": each.system, "origin": each.origin}
        for code, each in zip(codes, pieces, strict=True)
    ]
    name = hashlib.sha256(json.dumps([rows, seed]).encode()).hexdigest()[:12]
    files = sorted(row["file"] for row in rows)
    write_page(folder / PAGE_FOLDER / "index.html", name, files, scales, seed=seed)
    key = {"format": FORMAT, "study": name, "seed": seed, "scales": [asdict(scale) for scale in scales], "pieces": rows}
    (folder / KEY).write_text(json.dumps(key, indent=1, ensure_ascii=False), encoding="utf8")
    return rows


def _render(each: StudyPiece, path: Path, sound_font: Path | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder, "plain.wav")
        write_wav(each.piece, plain, sound_font=sound_font, percussion=each.percussion)
        match_loudness(plain, path)
