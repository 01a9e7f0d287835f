"""A user's own music: folders of MIDI, ABC and MusicXML become one corpus, whole and in its voices."""

from __future__ import annotations

from pathlib import Path

import mido
import numpy as np
import pytest

from engine.core.errors import EngineWarning, ScoreError
from offline.generation.uses import uses_table
from offline.music.corpora import Corpora
from offline.music.midi_file import write_midi
from offline.music.musicxml_file import Printed, write_printed
from offline.music.own_corpus import OWN_FILE, OwnCorpus, by_height, is_corpus, load_own, save_own, voices_of
from offline.music.own_folder import read_own
from offline.music.own_uses import groove_of
from offline.music.piece import Piece, from_grid, make_notes

CHORDS = np.array([[67, 62, 59, 55], [69, 64, 60, 57], [67, 62, 57, 50], [66, 62, 57, 43]])
TUNES = """X:1
T:One
M:6/8
K:D
|: d2 e f2 g | a3 d3 :|
X:2
T:Two voices
V:1
K:G
G2 |
X:3
T:Two
L:1/8
K:Em
E2 G2 B4 | e8 |]
"""


def chorale(seed: int) -> Piece:
    order = np.random.default_rng(seed).integers(0, 4, 32)
    return from_grid(np.repeat(CHORDS[order], 4, axis=0).astype(np.int16))


def with_drums(path: Path) -> None:
    """A bar of drums with a bass."""
    file = mido.MidiFile(ticks_per_beat=480)
    bass = mido.MidiTrack([mido.Message("program_change", channel=0, program=33)])
    drums = mido.MidiTrack()
    for track, channel, keys in ((bass, 0, (40, 43, 40, 43)), (drums, 9, (35, 40, 35, 40))):
        for key in keys * 4:
            track.append(mido.Message("note_on", channel=channel, note=key, velocity=80))
            track.append(mido.Message("note_off", channel=channel, note=key, time=480))
    file.tracks += [bass, drums]
    file.save(path)


@pytest.fixture
def midi(tmp_path: Path) -> OwnCorpus:
    for i in range(3):
        write_midi(chorale(i), tmp_path / f"{i}.mid")
    with_drums(tmp_path / "drums.mid")
    with_drums(tmp_path / "more.mid")
    (tmp_path / "broken.mid").write_bytes(b"nothing")
    with pytest.warns(EngineWarning, match=r"broken\.mid.*left out"):
        return read_own(tmp_path, "midi", "mine")


def test_midi_keeps_voices_drums_and_instruments(midi: OwnCorpus, tmp_path: Path) -> None:
    assert [own.title for own in midi.pieces] == ["0.mid", "1.mid", "2.mid", "drums.mid", "more.mid"]
    assert np.array_equal(midi.pieces[0].piece.notes["pitch"], chorale(0).notes["pitch"])
    band = midi.pieces[3]
    assert band.programs == (33,) and len(band.drums) == 16
    tokens, condition = groove_of(band) or (None, None)
    assert tokens is not None and condition is not None
    assert tokens[[0, 4, 8, 12]].tolist() == [1, 2, 1, 2]  # an acoustic bass drum and an electric snare are their like
    assert condition[:16, 0].nonzero()[0].tolist() == [0, 4, 8, 12]
    save_own(tmp_path / OWN_FILE, midi)
    back = load_own(tmp_path / OWN_FILE)
    assert back.licence == "mine" and back.source == "midi"
    for one, other in zip(midi.pieces, back.pieces, strict=True):
        assert (one.title, one.programs, one.tokens) == (other.title, other.programs, other.tokens)
        assert np.array_equal(one.piece.notes, other.piece.notes) and np.array_equal(one.drums, other.drums)


def test_abc_is_read_tune_by_tune(tmp_path: Path) -> None:
    (tmp_path / "x.abc").write_text(TUNES)
    with pytest.warns(EngineWarning, match=r"tune 2.*several voices"):
        corpus = read_own(tmp_path, "abc", "mine")
    first, second = corpus.pieces
    assert (first.piece.beats_per_bar, first.piece.beat_unit) == (6, 8)
    assert first.tokens[:2] == ("M:6/8", "K:D")
    assert second.piece.notes["pitch"].tolist() == [64, 67, 71, 76]
    assert second.piece.notes["onset"].tolist() == [0, 4, 8, 16]
    assert "2 with tunes in ABC: Celtic learn them" in uses_table(corpus)


def test_musicxml_keeps_parts_and_metre(tmp_path: Path) -> None:
    parts = {name: [(q, 1.0, pitch + q, 80) for q in range(6)] for name, pitch in (("Flute", 72), ("Cello", 48))}
    write_printed(tmp_path / "x.musicxml", Printed(parts=parts, beats=3, n_bars=2, bpm=90))
    (own,) = read_own(tmp_path, "musicxml", "mine").pieces
    assert own.piece.names == ("Flute", "Cello")
    assert (own.piece.beats_per_bar, own.piece.beat_unit, own.piece.pickup) == (3, 4, 0)
    assert own.piece.notes["onset"][own.piece.notes["voice"] == 1].tolist() == [0, 4, 8, 12, 16, 20]


def test_voices_are_ordered_by_height_or_read_from_chords() -> None:
    piece = chorale(0)
    assert voices_of(piece, 3) is None
    turned = piece.notes.copy()
    turned["voice"] = 3 - turned["voice"]
    found = voices_of(Piece(notes=turned, n_steps=piece.n_steps), 4)
    assert found is not None and np.array_equal(np.sort(found.notes), np.sort(piece.notes))
    flat = piece.notes.copy()
    flat["voice"] = 0
    closed = voices_of(Piece(notes=flat, n_steps=piece.n_steps), 4)
    assert closed is not None
    assert np.array_equal(by_height(closed), by_height(piece))
    assert voices_of(Piece(notes=make_notes([(0, 4, 60, 0), (0, 4, 64, 0)]), n_steps=4), 4) is None


def test_what_does_not_fit_is_said(midi: OwnCorpus, tmp_path: Path) -> None:
    path = tmp_path / "own" / OWN_FILE
    path.parent.mkdir()
    save_own(path, midi)
    assert is_corpus(path) and not is_corpus(tmp_path / "0.mid")
    corpora = Corpora(path.parent)  # a folder with nothing else is that corpus
    with pytest.warns(EngineWarning, match="2 of 5 pieces left out: not of four voices"):
        assert sum(map(len, corpora.chorales().values())) == 3
    assert "3 with four voices" in uses_table(midi) and "2 with drums: Rhythm learn them" in uses_table(midi)
    with pytest.raises(ScoreError, match=r"two pieces or more written in ABC, got 0 of 5"):
        corpora.tunes()
    (tmp_path / "bad.npz").write_bytes(b"nothing")
    with pytest.raises(ScoreError, match="a corpus of this program"):
        Corpora(tmp_path / "bad.npz").own  # noqa: B018
    with pytest.raises(ScoreError, match=r"expected abc files, got none \(\.abc\)"):
        read_own(tmp_path, "abc", "mine")
