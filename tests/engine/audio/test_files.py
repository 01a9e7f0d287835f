"""Files of every kind go in, stay whole, and say in one line what is wrong with them."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.audio.files import AudioReader, AudioWriter, StemWriter
from engine.audio.suffixes import is_audio
from engine.core.errors import AudioFileError
from engine.core.format import AudioFormat

STEREO = AudioFormat(sample_rate=44100, n_channels=2)
PCM_8_BIT = 2**-7  # the step of 8-bit PCM


def noise(n: int, channels: int) -> np.ndarray:
    return (0.1 * np.random.default_rng(1).standard_normal((n, channels))).astype(np.float32)


@pytest.mark.parametrize(
    ("rate", "channels", "subtype", "step"),
    [
        (8000, 1, "PCM_U8", PCM_8_BIT),
        (96000, 1, "PCM_24", 2**-23),
        (44100, 6, "FLOAT", 0),
        (48000, 2, "PCM_16", 2**-15),
    ],
)
def test_formats(tmp_path: Path, rate: int, channels: int, subtype: str, step: float) -> None:
    audio = noise(10_000, channels)
    soundfile.write(tmp_path / "x.wav", audio, rate, subtype)
    with AudioReader(tmp_path / "x.wav") as reader:
        assert reader.format == AudioFormat(sample_rate=rate, n_channels=channels)
        assert np.abs(reader.read() - audio).max() <= step
        assert reader.missing == 0


def test_truncated_file_gives_what_is_there(tmp_path: Path) -> None:
    audio = noise(10_000, 2)
    whole, short = tmp_path / "whole.wav", tmp_path / "short.wav"
    soundfile.write(whole, audio, 44100, "FLOAT")
    short.write_bytes(whole.read_bytes()[: 80 + 8 * 6000])
    with AudioReader(short) as reader:
        given = reader.read()
    assert 5990 < len(given) <= 6000
    assert np.array_equal(given, audio[: len(given)])


def test_truncated_flac_says_how_much_is_missing(tmp_path: Path) -> None:
    whole, short = tmp_path / "whole.flac", tmp_path / "short.flac"
    soundfile.write(whole, noise(100_000, 1), 44100)
    short.write_bytes(whole.read_bytes()[:80_000])
    with AudioReader(short) as reader:
        given = reader.read()
        assert 0 < len(given) < 100_000
        assert reader.missing == 100_000 - len(given)


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "empty file"), (b"no audio here" * 100, "expected an audio file"), (b"RIFF\0\0\0\0WAVE", "expected")],
)
def test_no_audio(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(content)
    with pytest.raises(AudioFileError, match=said) as caught:
        AudioReader(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_missing_and_sampleless(tmp_path: Path) -> None:
    with pytest.raises(AudioFileError, match="nothing there"):
        AudioReader(tmp_path / "none.wav")
    soundfile.write(tmp_path / "x.wav", np.zeros((0, 2)), 44100)
    with pytest.raises(AudioFileError, match="at least one sample"):
        AudioReader(tmp_path / "x.wav")


def test_is_audio() -> None:
    assert is_audio(Path("a.WAV")) and is_audio(Path("b.flac")) and is_audio(Path("c.ogg")) and is_audio(Path("d.mp3"))
    assert not is_audio(Path("score.mid")) and not is_audio(Path("README"))


def test_stems_line_up_in_any_cut(tmp_path: Path) -> None:
    stems = noise(5000, 4).reshape(5000, 2, 2)
    with StemWriter(tmp_path, ("a", "b"), STEREO, skip=700) as writer:
        for start in range(0, 5000, 333):
            writer.write(stems[start : start + 333], end=4000)
    for index, name in enumerate("ab"):
        with AudioReader(tmp_path / f"{name}.wav") as reader:
            assert np.array_equal(reader.read(), stems[700:4700, index])


WRITE_FOR_EVER = """
import sys, numpy as np
from engine.core.format import AudioFormat
from engine.audio.files import AudioWriter
writer = AudioWriter(sys.argv[1], AudioFormat(sample_rate=8000, n_channels=1))
block = np.ones((800, 1), np.float32)
while True:
    writer.write(block)
    print(writer.n_written, flush=True)
"""


def test_a_killed_writer_leaves_a_readable_file(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    with subprocess.Popen([sys.executable, "-c", WRITE_FOR_EVER, path], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        written = 0
        while written < 80_000:
            written = int(child.stdout.readline())
        child.send_signal(signal.SIGKILL)
    with AudioReader(path) as reader:
        given = reader.read()
    assert len(given) >= written - 8000  # at most the second that was not flushed
    assert (given == 1).all()


def test_full_disk_stops_with_one_line_and_keeps_the_file(tmp_path: Path) -> None:
    path, limit = tmp_path / "x.wav", 400_000
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        writer = AudioWriter(path, STEREO)
        with pytest.raises(AudioFileError, match="room on the disk"):
            for _ in range(1000):
                writer.write(noise(1000, 2))
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        writer.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert os.path.getsize(path) >= limit
    with AudioReader(path) as reader:
        assert len(reader.read()) >= writer.n_written - 1000


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(AudioFileError, match="a place to write"):
        AudioWriter(tmp_path / "file" / "x.wav", STEREO)
