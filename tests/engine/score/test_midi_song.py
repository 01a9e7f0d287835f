"""MIDI files as they come: whatever is wrong with one, the notes that are there are read, or one line says why not."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import mido
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.core.errors import ScoreError
from engine.score.midi_song import MidiSong, parse_midi_song
from engine.score.readers import read_score
from tests.engine.score.midi_bytes import END, Tune, chunk, events_of, header, meta, number, smf, tunes
from tests.places import SHARED

CASES = SHARED.parent / "cases"


def rows(song: MidiSong) -> list[tuple[int, int, int]]:
    return sorted((int(n["onset"]), int(n["end"]), int(n["pitch"])) for n in song.notes)


def parse(data: bytes) -> MidiSong:
    return parse_midi_song("x.mid", data)


def read(data: bytes) -> MidiSong:
    """A file that is in order."""
    song = parse(data)
    assert song.notices == ()
    return song


def mended(data: bytes, said: str) -> MidiSong:
    """A file with which something is wrong, in one line."""
    song = parse(data)
    (line,) = song.notices
    assert re.search(said, line) and "\n" not in line
    return song


def refused(data: bytes, said: str) -> None:
    with pytest.raises(ScoreError, match=said) as found:
        parse(data).melodic("x.mid")
    assert str(found.value).startswith("x.mid: ") and "\n" not in str(found.value)


@given(tune=tunes(), running=st.booleans(), zero_velocity=st.booleans())
def test_good_files_are_read_as_mido_reads_them(tune: Tune, running: bool, zero_velocity: bool) -> None:
    data = smf(events_of(tune, running=running, zero_velocity=zero_velocity), division=tune.division)
    assert rows(read(data)) == sorted(tune.rows)
    now, ons = 0, []
    for message in mido.MidiFile(file=io.BytesIO(data)).tracks[0]:
        now += message.time
        if message.type == "note_on" and message.velocity:
            ons.append((now, message.note))
    assert ons == [(onset, pitch) for onset, _, pitch in tune.rows]


@given(tune=tunes(), odd=st.booleans())
def test_wrapped_in_riff(tune: Tune, odd: bool) -> None:
    data = smf(events_of(tune), division=tune.division)
    parts = [(b"DISP", b"abc" if odd else b"ab"), (b"data", data), (b"LIST", b"INFO")]
    body = b"RMID" + b"".join(
        name + len(part).to_bytes(4, "little") + part + bytes(len(part) % 2) for name, part in parts
    )
    assert rows(read(b"RIFF" + len(body).to_bytes(4, "little") + body)) == sorted(tune.rows)


@given(tune=tunes(), at=st.integers(0, 2), body=st.binary(max_size=40))
def test_alien_chunks_are_skipped(tune: Tune, at: int, body: bytes) -> None:
    track = chunk(b"MTrk", events_of(tune))
    parts = [header(division=tune.division, tracks=2), track, chunk(b"MTrk", END)]
    parts.insert(at + 1, chunk(b"XFIH", body))
    assert rows(read(b"".join(parts))) == sorted(tune.rows)


@given(tune=tunes(), n=st.integers(0, 65535).filter(lambda n: n != 1))
def test_a_false_count_of_tracks(tune: Tune, n: int) -> None:
    data = smf(events_of(tune), division=tune.division, tracks=n)
    assert rows(mended(data, f"says {n} tracks, 1 ")) == sorted(tune.rows)


@given(tune=tunes(), length=st.one_of(st.just(0), st.integers(0, 2**32 - 1)), last=st.booleans())
def test_a_false_length_of_a_track(tune: Tune, length: int, last: bool) -> None:
    body = events_of(tune)
    tracks = [chunk(b"MTrk", END), chunk(b"MTrk", body, length=length)]
    data = header(division=tune.division, tracks=2) + b"".join(tracks if last else tracks[::-1])
    found = rows(parse(data))
    end = len(data) - (len(tracks[1]) if last else len(data) - 14) + 8 + length
    if data[end : end + 4].isalpha():  # what lies there looks like a chunk: nobody can tell
        return
    assert found == sorted(tune.rows)


@given(tune=tunes(), data=st.data())
def test_what_is_there_of_a_cut_file_is_used(tune: Tune, data: st.DataObject) -> None:
    whole = smf(events_of(tune), division=tune.division)
    cut = whole[: data.draw(st.integers(22, len(whole) - 1))]
    song = mended(cut, "track 1 is cut")
    onsets = [(onset, pitch) for onset, _, pitch in rows(song)]
    assert onsets == [(onset, pitch) for onset, _, pitch in tune.rows][: len(onsets)]
    strikes, at = 0, 22
    for rest, duration, _ in tune.notes:
        strikes += at + len(number(rest)) + 3 <= len(cut)
        at += len(number(rest)) + len(number(duration)) + 6
    assert len(onsets) == strikes


@given(tune=tunes(), body=st.binary(max_size=5))
def test_key_signatures_of_any_kind(tune: Tune, body: bytes) -> None:
    data = smf(meta(0x59, body) + events_of(tune), division=tune.division)
    assert rows(read(data)) == sorted(tune.rows)


@given(tune=tunes(), data=st.data())
def test_notes_never_ended_last_to_the_next_of_their_pitch_or_the_end(tune: Tune, data: st.DataObject) -> None:
    endless = data.draw(st.sets(st.integers(0, len(tune.rows) - 1), min_size=1))
    song = mended(smf(events_of(tune, endless=sorted(endless)), division=tune.division), f"an end: {len(endless)};")
    end, expected = tune.rows[-1][1], []
    for i, (onset, stop, pitch) in enumerate(tune.rows):
        following = [row[0] for row in tune.rows[i + 1 :] if row[2] == pitch]
        expected.append((onset, [*following, end][0] if i in endless else stop, pitch))
    assert rows(song) == sorted(expected)


def test_two_notes_of_one_pitch_may_overlap() -> None:
    """Two voices meet on a pitch; the first begun ends first, and neither is taken for endless."""
    events = b"\x00\x90\x3c\x50\x0a\x90\x3c\x51\x0a\x80\x3c\x40\x0a\x80\x3c\x40" + END
    assert rows(read(smf(events))) == [(0, 20, 60), (10, 30, 60)]


def test_a_note_begun_at_the_very_end_has_a_length() -> None:
    assert rows(mended(smf(b"\x00\x90\x3c\x50" + END), "without an end: 1")) == [(0, 480, 60)]


@pytest.mark.parametrize(
    "between", [meta(1, b"text"), b"\x00\xf0\x03\x41\x10\xf7", b"\x00\xf7\x02\xf3\x01", b"\x00\xfe"]
)
def test_running_status_across_what_should_end_it(between: bytes) -> None:
    tune = Tune(((0, 100, 60), (0, 100, 62), (50, 100, 64)))
    assert rows(read(smf(events_of(tune, running=True, zero_velocity=True, between=between)))) == list(tune.rows)


def test_data_bytes_above_127() -> None:
    loud = b"\x00\x90\x3c\xc8\x60\x80\x3c\xff" + END
    assert read(smf(loud)).notes["velocity"].tolist() == [127]


@pytest.mark.parametrize(("body", "bpm"), [(b"\x07\xa1\x20", 120), (b"\x00\x0f\x42\x40", 60), (b"\x0f\x42\x40", 60)])
def test_tempi(body: bytes, bpm: float) -> None:
    assert read(smf(meta(0x51, body) + END)).tempi == ((0, bpm),)


@pytest.mark.parametrize("body", [bytes(3), b"", b"\x01", b"\xff\xff\xff\xff\xff"])
def test_a_tempo_that_no_music_has_is_120(body: bytes) -> None:
    assert mended(smf(meta(0x51, body) + END), "tempi outside").tempi == ((0, 120.0),)


def test_no_tempo_is_120_until_the_first(tmp_path: Path) -> None:
    tune = Tune(((0, 480, 60), (0, 480, 62), (0, 480, 64)))
    (tmp_path / "a.mid").write_bytes(smf(events_of(tune), number(480) + meta(0x51, b"\x0f\x42\x40")[1:] + END))
    assert read_score(tmp_path / "a.mid").seconds([0, 1, 2, 3]).tolist() == [0, 0.5, 1.5, 2.5]


@given(
    tune=tunes(),
    kind=st.sampled_from([0x00, 0x20, 0x51, 0x54, 0x58, 0x59]),
    said=st.integers(0, 8),
)
def test_meta_events_that_lie_about_their_length(tune: Tune, kind: int, said: int) -> None:
    """Four bytes where the length says other: believed or not, at most what stands before is lost, never the file."""
    proper = {0x00: 2, 0x20: 1, 0x51: 3, 0x54: 5, 0x58: 4, 0x59: 2}[kind]
    data = smf(meta(kind, b"\x07\xa1\x20\x08\x02"[:proper], length=said) + events_of(tune), division=tune.division)
    song = parse(data)
    if said == proper:
        assert rows(song) == sorted(tune.rows)


def test_a_length_that_breaks_the_track_is_not_believed() -> None:
    tune = Tune(((0, 100, 60), (0, 100, 62)))
    body = meta(0x51, b"\x0f\x42\x40", length=90) + events_of(tune)
    assert rows(read(smf(body))) == list(tune.rows)


def test_bytes_that_do_not_belong() -> None:
    tune = Tune(((0, 100, 60), (0, 100, 62)))
    data = smf(events_of(tune))
    assert rows(mended(b"\r\n" + data, "2 bytes before")) == list(tune.rows)
    assert rows(mended(data + b"rubbish at the end", "no chunk")) == list(tune.rows)
    assert rows(read(data + bytes(100))) == list(tune.rows)
    assert rows(mended(data + data, "another file follows")) == list(tune.rows)
    longer = header(more=b"\0\0\0\0") + data[14:]
    assert rows(read(longer)) == list(tune.rows)
    after_end = smf(events_of(tune) + b"\x00\x90\x3c\x40")
    assert rows(mended(after_end, "after its end")) == list(tune.rows)
    no_end = smf(events_of(tune)[: -len(END)])
    assert rows(read(no_end)) == list(tune.rows)


def test_what_has_no_musical_time_is_refused() -> None:
    body = events_of(Tune(((0, 100, 60),)))
    refused(smf(body, body, form=2), "format 2: independent patterns")
    refused(smf(body, division=0), r"ticks per quarter note, got 0 \(division\)")
    refused(smf(body, division=0xE728), r"SMPTE time \(25 frames a second of 40 ticks\)")
    refused(smf(body, division=0x8001), "SMPTE time")
    refused(b"MThd\0\0\0\6\0\1", "header that is cut")
    refused(b"<?xml version='1.0'?>", "begins with")


@given(tune=tunes(channel=9))
def test_drums_alone_are_named_as_such(tune: Tune) -> None:
    refused(smf(events_of(tune), division=tune.division), f"drums alone .{len(tune.rows)} notes on channel 10")


def test_no_notes_at_all() -> None:
    refused(smf(END), "no notes")
    refused(header(), "no notes")


@given(st.binary(max_size=300))
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_any_bytes_behind_a_header(tail: bytes) -> None:
    song = parse(header() + chunk(b"MTrk", tail))
    assert (song.notes["end"] >= song.notes["onset"]).all()
    assert np.isin(song.notes["pitch"], range(128)).all()


def expected() -> dict[str, dict]:
    if not CASES.is_dir():
        return {}
    return {k: v for k, v in json.loads((CASES / "scores" / "EXPECTED.json").read_text()).items() if k.endswith(".mid")}


@pytest.mark.shared
@pytest.mark.parametrize("name", expected())
def test_cases_that_people_reported(name: str) -> None:
    right, path = expected()[name]["right_notes"], CASES / "scores" / name
    if right == "error":
        with pytest.raises(ScoreError) as found:
            read_score(path)
        assert str(path) in str(found.value)
        return
    score = read_score(path)
    if right != "any":
        assert [[q, p] for q, p in zip(score.note_quarter, score.note_pitch, strict=True)] == right
