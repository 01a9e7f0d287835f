"""Files that end early or whose header was never finished: what is there is read, and what is missing is told."""

from __future__ import annotations

import os
import struct
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.audio.files import AudioReader
from engine.core.errors import AudioFileError

RATE, N = 8000, 20_000
EXACT = [  # container, subtype, and bytes at its beginning that a cut must leave
    ("WAV", "PCM_16", 44),
    ("WAV", "PCM_U8", 44),
    ("WAV", "PCM_24", 100),
    ("WAV", "DOUBLE", 100),
    ("WAV", "ULAW", 100),
    ("WAVEX", "PCM_16", 100),
    ("RF64", "PCM_24", 110),
    ("AIFF", "PCM_16", 60),
    ("AIFF", "FLOAT", 100),
    ("AIFF", "ALAW", 100),
    ("W64", "PCM_16", 140),
    ("W64", "FLOAT", 160),
    ("AU", "PCM_24", 40),
    ("CAF", "PCM_16", 4100),
    ("CAF", "FLOAT", 4100),
    ("SVX", "PCM_16", 150),
    ("NIST", "PCM_16", 1040),
    ("FLAC", "PCM_16", 12_000),
    ("MP3", "MPEG_LAYER_III", 2000),
]
LOSSY = [("WAV", "IMA_ADPCM", 3000), ("WAV", "MS_ADPCM", 3000), ("W64", "IMA_ADPCM", 3000), ("WAV", "GSM610", 1000)]


@cache
def sound(n_channels: int) -> np.ndarray:
    noise = 0.1 * np.random.default_rng(5).standard_normal((N, n_channels))
    return (np.round(noise * 2**7) / 2**7).astype(np.float32)


@cache
def whole(folder: Path, container: str, subtype: str, n_channels: int) -> tuple[bytes, np.ndarray]:
    """The bytes of a whole file, and what is read of it."""
    path = folder / "whole"
    soundfile.write(path, sound(n_channels), RATE, format=container, subtype=subtype)
    with AudioReader(path) as reader:
        samples = reader.read()
        assert reader.missing == 0 and not reader.shortfall
    return path.read_bytes(), samples


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cut")


@pytest.mark.parametrize(("container", "subtype", "first"), EXACT)
@settings(max_examples=6, deadline=None)
@given(share=st.floats(0, 1, allow_subnormal=False))
def test_any_cut_is_told(folder: Path, container: str, subtype: str, first: int, share: float) -> None:
    content, samples = whole(folder, container, subtype, 1 if container == "SVX" else 2)
    path = folder / "cut"
    path.write_bytes(content[: first + int(share * (len(content) - 16 - first))])
    try:
        with AudioReader(path) as reader:
            given = reader.read()
    except AudioFileError as error:  # too little is there even for one sample
        assert str(path) in str(error)
        assert share < 0.1
        return
    assert reader.is_cut and str(path) in reader.shortfall
    assert len(given) + reader.missing == len(samples)
    assert np.array_equal(given, samples[: len(given)])


@pytest.mark.parametrize(("container", "subtype", "first"), LOSSY)
@settings(max_examples=4, deadline=None)
@given(share=st.floats(0, 0.95, allow_subnormal=False))
def test_a_cut_of_compressed_blocks_is_told(
    folder: Path, container: str, subtype: str, first: int, share: float
) -> None:
    content, samples = whole(folder, container, subtype, 1)
    path = folder / "cut"
    path.write_bytes(content[: first + int(share * (len(content) - first))])
    with AudioReader(path) as reader:
        given = reader.read()
    assert reader.shortfall
    assert len(given) + reader.missing == pytest.approx(len(samples), rel=0.1)  # whole blocks


def test_every_cut_of_an_ogg_file_within_a_page_is_told(folder: Path) -> None:
    path = folder / "cut.ogg"
    noise = 0.1 * np.random.default_rng(0).standard_normal((10 * 48000, 1))
    soundfile.write(path, noise, 48000, format="OGG", subtype="VORBIS")
    content = path.read_bytes()
    with AudioReader(path) as reader:
        assert len(reader.read()) == len(noise) and not reader.shortfall
    for share in (0.3, 0.6, 0.99):
        path.write_bytes(content[: int(share * len(content))])
        with AudioReader(path) as reader:
            given = reader.read()
            assert 0 < len(given) < len(noise)
            assert "a whole file, got one that was cut off after" in reader.shortfall


def patched(content: bytes, *places: tuple[bytes, int, bytes]) -> bytes:
    """Content with bytes replaced, each at a distance from the first place where a name stands."""
    out = bytearray(content)
    for name, distance, patch in places:
        at = out.find(name) + distance
        out[at : at + len(patch)] = patch
    return bytes(out)


U32 = [0, 0xFFFFFFFF, 0x7FFFF000, 0x80000000]  # by libraries that cannot seek: none, ffmpeg, sox, arecord


@pytest.mark.parametrize("size", U32)
@pytest.mark.parametrize("container", ["WAV", "AIFF", "AU"])
def test_a_header_of_a_pipe_is_read_to_the_end(folder: Path, container: str, size: int) -> None:
    content, samples = whole(folder, container, "PCM_16", 2)
    little, big = struct.pack("<I", size), struct.pack(">I", size)
    changed = {
        "WAV": patched(content, (b"RIFF", 4, little), (b"data", 4, little)),
        "AIFF": patched(content, (b"FORM", 4, big), (b"COMM", 10, big), (b"SSND", 4, big)),
        "AU": patched(content, (b".snd", 8, big)),
    }[container]
    (folder / "piped").write_bytes(changed)
    with AudioReader(folder / "piped") as reader:
        assert np.array_equal(reader.read(), samples)
        assert not reader.shortfall and reader.n_samples == N


@pytest.mark.parametrize("size", [0, -1])
@pytest.mark.parametrize("container", ["W64", "CAF", "RF64"])
def test_a_long_header_of_a_pipe_is_read_to_the_end(folder: Path, container: str, size: int) -> None:
    content, samples = whole(folder, container, "PCM_16", 2)
    little, none = struct.pack("<q", size), b"\xff" * 4
    changed = {
        "W64": patched(content, (b"riff", 16, little), (b"data", 16, little)),
        "CAF": patched(content, (b"data", 4, struct.pack(">q", size))),
        "RF64": patched(content, (b"RF64", 4, none), (b"ds64", 8, 3 * little), (b"data", 4, none)),
    }[container]
    (folder / "piped").write_bytes(changed)
    with AudioReader(folder / "piped") as reader:
        assert np.array_equal(reader.read(), samples)
        assert not reader.shortfall


def test_flac_of_a_pipe_is_counted(folder: Path) -> None:
    content, samples = whole(folder, "FLAC", "PCM_16", 2)
    header = bytearray(content)
    header[21] &= 0xF0
    header[22:26] = bytes(4)
    (folder / "piped").write_bytes(bytes(header))
    with AudioReader(folder / "piped") as reader:
        assert reader.n_samples == N and np.array_equal(reader.read(), samples)


def test_a_file_with_chunks_behind_its_samples_is_whole(folder: Path) -> None:
    content, samples = whole(folder, "WAV", "PCM_16", 2)
    (folder / "chunks").write_bytes(content + b"LIST\x04\0\0\0abcd")
    with AudioReader(folder / "chunks") as reader:
        assert np.array_equal(reader.read(), samples) and not reader.shortfall


def test_more_samples_than_a_plain_header_can_count_are_told(tmp_path: Path) -> None:
    """A recorder wrote past 4 GiB, and the size began again at 0; the file has holes, and needs no room."""
    content, _ = whole(tmp_path, "WAV", "PCM_16", 2)
    start, n_bytes = 44, (1 << 32) + 80_000
    path = tmp_path / "long.wav"
    with path.open("wb") as file:
        file.write(patched(content, (b"data", 4, struct.pack("<I", n_bytes & 0xFFFFFFFF)))[:start])
        file.truncate(start + n_bytes)
    with AudioReader(path) as reader:
        assert reader.promised == n_bytes // 4 > reader.n_samples


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("http://x.org/take.wav", "an address; download it first"),
        ("pipe", "a pipe or a device"),
        (".", "a folder; name the files in it"),
        ("link", "a link that leads nowhere"),
        ("n" * 300, "File name too long"),
        ("file/below.wav", "nothing there"),
    ],
)
def test_what_is_no_file_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, said: str) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    os.symlink("nowhere", "link")
    Path("file").write_text("x")
    with pytest.raises(AudioFileError, match=said):
        AudioReader(name)
