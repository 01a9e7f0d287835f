"""What the header of an audio file promises: where its samples begin, and how many bytes of them there should be.

libsndfile corrects a header silently: of a truncated WAV it gives what is there and says nothing; a stream's header,
written before the length was known, is an empty file to it. Both are found here: WAV (RIFF, RIFX, RF64, BW64), AIFF,
W64, AU, CAF, IFF and NIST.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import BinaryIO

__all__ = ["AudioHeader", "ends_within_page", "read_audio_header"]

UNKNOWN_32 = 0x7F000000  # a 32-bit size from here on, in a smaller file: the length was not known when it was written
UNKNOWN_64 = 1 << 62
MAX_CHUNKS = 1000
W64_TAIL = bytes.fromhex("f3acd3118cd100c04f8edb8a")  # of identifiers of 16 bytes, of which 4 are as in WAV
PAGE = b"OggS"
PAGE_HEAD, MAX_PAGE = 27, 65307  # bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioHeader:
    """The header of a file, and what is behind it.

    declared: bytes of samples that it promises; None if it was written before that was known
    present: bytes behind the header
    frame: bytes of one sample of all channels; 0 if compressed
    patches: bytes by their place in the file that make the header true of what is there
    """

    declared: int | None
    present: int
    frame: int
    patches: dict[int, bytes] = field(default_factory=dict)

    @property
    def is_short(self) -> bool:
        """Return whether more was promised than is there."""
        return self.declared is not None and self.declared > self.present

    def promised(self, n_samples: int) -> int:
        """Return the samples that the header promises, where `n_samples` can be read."""
        if self.declared is None or not self.is_short:
            beyond_32_bits = self.declared is None and self.frame and self.present >> 32
            return self.present // self.frame if beyond_32_bits else n_samples
        return self.declared // self.frame if self.frame else round(n_samples * self.declared / max(self.present, 1))


def read_audio_header(file: BinaryIO, size: int) -> AudioHeader | None:
    """Return the header of a file of `size` bytes; None for a format that is not known here, or a damaged header."""
    file.seek(0)
    magic = file.read(16)
    try:
        reader = READERS.get((magic[:4], magic[8:12])) or READERS.get((magic[:4], b""))
        return None if reader is None else reader(file, size)
    except struct.error:  # the file ends within its header
        return None


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk: its name, where its size is written, where its content begins, and its size."""

    name: bytes
    size_at: int
    start: int
    size: int


def _chunks(file: BinaryIO, size: int, order: str, start: int = 12) -> Iterator[Chunk]:
    """Chunks of a RIFF or IFF file, padded to two bytes."""
    for _ in range(MAX_CHUNKS):
        if start + 8 > size:
            return
        name, length = _unpack(file, start, f"{order}4sI")
        yield Chunk(name, start + 4, start + 8, length)
        start += 8 + length + length % 2


def _wav(file: BinaryIO, size: int, order: str = "<") -> AudioHeader | None:
    frame = long_at = 0
    for chunk in _chunks(file, size, order):
        if chunk.name == b"ds64":
            long_at = chunk.start + 8
        elif chunk.name == b"fmt ":
            frame = _frame(file, chunk.start, order)
        elif chunk.name == b"data":
            present = size - chunk.start
            if long_at and chunk.size == 0xFFFFFFFF:
                return _long_wav(file, long_at, present, frame)
            whole = _unpack(file, 4, f"{order}I")[0] + 8 == size
            declared = None if _is_open(chunk.size, present, whole=whole) else chunk.size
            patch = {} if declared else {chunk.size_at: struct.pack(f"{order}I", min(present, 0xFFFFFFFF))}
            return AudioHeader(declared=declared, present=present, frame=frame, patches=patch)
    return None


def _long_wav(file: BinaryIO, long_at: int, present: int, frame: int) -> AudioHeader:
    """RF64, whose size in 64 bits stands at `long_at`; behind it the number of samples."""
    long = _unpack(file, long_at, "<Q")[0]
    if 0 < long < UNKNOWN_64:
        return AudioHeader(declared=long, present=present, frame=frame)
    patch = {long_at: struct.pack("<QQ", present, present // max(frame, 1))}
    return AudioHeader(declared=None, present=present, frame=frame, patches=patch)


def _is_open(declared: int, present: int, *, whole: bool = False) -> bool:
    """Whether a 32-bit size is none: what was there to put in before the length was known, or more than 32 bits.

    whole: whether the file is as long as its first chunk says; then no size is an empty file with other chunks
    """
    wrapped = present >= 1 << 32 and (present - declared) >> 32 > 0
    return wrapped or (declared == 0 and not whole) or (declared >= UNKNOWN_32 and declared > present)


def _frame(file: BinaryIO, at: int, order: str) -> int:
    """Bytes of a sample of all channels by a `fmt ` chunk; 0 if it is compressed in blocks."""
    _, n_channels, _, _, align, bits = _unpack(file, at, f"{order}HHIIHH")
    return align if bits and align == n_channels * -(-bits // 8) else 0


def _aiff(file: BinaryIO, size: int) -> AudioHeader | None:
    common = sound = None
    for chunk in _chunks(file, size, ">"):
        common = chunk if chunk.name == b"COMM" else common
        sound = chunk if chunk.name == b"SSND" else sound
        if common and sound:
            break
    if common is None or sound is None:
        return None
    n_channels, frames, bits = _unpack(file, common.start, ">hIh")
    skipped = _unpack(file, sound.start, ">I")[0]
    start = sound.start + 8 + skipped
    present = size - start
    packed = common.size > 18 and _unpack(file, common.start + 18, "4s")[0] not in PLAIN_AIFC
    frame = 0 if packed else n_channels * -(-bits // 8)
    if frames and not _is_open(sound.size, present) and not _is_open(frames, present):
        return AudioHeader(declared=sound.size - 8 - skipped, present=present, frame=frame)
    found = present // frame if frame else 0xFFFFFFFF
    patch = {common.start + 2: struct.pack(">I", found), sound.size_at: struct.pack(">I", 8 + skipped + present)}
    return AudioHeader(declared=None, present=present, frame=frame, patches=patch)


PLAIN_AIFC = (
    b"NONE",
    b"sowt",
    b"twos",
    b"raw ",
    b"in24",
    b"in32",
    b"fl32",
    b"FL32",
    b"fl64",
    b"FL64",
    b"ulaw",
    b"alaw",
)


def _w64(file: BinaryIO, size: int) -> AudioHeader | None:
    frame, start = 0, 40
    for _ in range(MAX_CHUNKS):
        if start + 24 > size:
            return None
        name, tail, length = _unpack(file, start, "<4s12sQ")
        if name == b"fmt " and tail == W64_TAIL:
            frame = _frame(file, start + 24, "<")
        if name == b"data" and tail == W64_TAIL:
            present = size - start - 24
            if 24 < length < UNKNOWN_64:
                return AudioHeader(declared=length - 24, present=present, frame=frame)
            patch = {16: struct.pack("<Q", size), start + 16: struct.pack("<Q", present + 24)}
            return AudioHeader(declared=None, present=present, frame=frame, patches=patch)
        start += max(24, length + -length % 8)
    return None


def _au(file: BinaryIO, size: int, order: str = ">") -> AudioHeader:
    start, length, coding, _, n_channels = _unpack(file, 4, f"{order}IIIII")
    bytes_of = {1: 1, 2: 1, 3: 2, 4: 3, 5: 4, 6: 4, 7: 8, 27: 1}  # by coding: mu-law, PCM, float, A-law
    frame, present = n_channels * bytes_of.get(coding, 0), size - start
    if not _is_open(length, present):
        return AudioHeader(declared=length, present=present, frame=frame)
    return AudioHeader(declared=None, present=present, frame=frame, patches={8: b"\xff" * 4})


def _caf(file: BinaryIO, size: int) -> AudioHeader | None:
    frame, start = 0, 8
    for _ in range(MAX_CHUNKS):
        if start + 12 > size:
            return None
        name, length = _unpack(file, start, ">4sq")
        if name == b"desc":
            _, coding, _, frame, _ = _unpack(file, start + 12, ">d4sIII")
            frame = frame if coding in (b"lpcm", b"ulaw", b"alaw") else 0
        if name == b"data":
            present = size - start - 16
            patch = {start + 4: struct.pack(">q", present + 4)}
            if length <= 0:
                return AudioHeader(declared=None, present=present, frame=frame, patches=patch)
            is_short = length - 4 > present and frame > 0  # compressed, its packets lie behind what is there
            return AudioHeader(declared=length - 4, present=present, frame=frame, patches=patch if is_short else {})
        start += 12 + max(length, 0)
    return None


def _iff(file: BinaryIO, size: int, frame: int) -> AudioHeader | None:
    """An IFF file of one channel."""
    for chunk in _chunks(file, size, ">"):
        if chunk.name == b"BODY":
            return AudioHeader(declared=chunk.size, present=size - chunk.start, frame=frame)
    return None


def _nist(file: BinaryIO, size: int) -> AudioHeader | None:
    file.seek(0)
    text = file.read(1024).decode("ascii", "replace")
    found = dict(re.findall(r"^(\w+) -i (\d+)", text, re.MULTILINE))
    start = re.match(r"NIST_1A\s+(\d+)", text)
    if start is None or not {"sample_count", "channel_count"} <= set(found):
        return None
    frame = int(found["channel_count"]) * int(found.get("sample_n_bytes", 1))
    return AudioHeader(declared=int(found["sample_count"]) * frame, present=size - int(start[1]), frame=frame)


READERS: dict[tuple[bytes, bytes], Callable[[BinaryIO, int], AudioHeader | None]] = {
    (b"RIFF", b"WAVE"): _wav,
    (b"RF64", b"WAVE"): _wav,
    (b"BW64", b"WAVE"): _wav,
    (b"RIFX", b"WAVE"): partial(_wav, order=">"),
    (b"FORM", b"AIFF"): _aiff,
    (b"FORM", b"AIFC"): _aiff,
    (b"FORM", b"8SVX"): partial(_iff, frame=1),
    (b"FORM", b"16SV"): partial(_iff, frame=2),
    (b"riff", b""): _w64,
    (b".snd", b""): _au,
    (b"dns.", b""): partial(_au, order="<"),
    (b"caff", b""): _caf,
    (b"NIST", b""): _nist,
}


def ends_within_page(file: BinaryIO, size: int) -> bool:
    """Return whether an Ogg file ends within a page: it was cut."""
    begin = max(0, size - 2 * MAX_PAGE)
    file.seek(begin)
    tail = file.read()
    at = tail.rfind(PAGE)
    if at < 0 or at + PAGE_HEAD > len(tail):
        return at >= 0
    segments = tail[at + PAGE_HEAD : at + PAGE_HEAD + tail[at + 26]]
    return len(segments) < tail[at + 26] or at + PAGE_HEAD + len(segments) + sum(segments) > len(tail)


def _unpack(file: BinaryIO, at: int, form: str) -> tuple:
    file.seek(at)
    return struct.unpack(form, file.read(struct.calcsize(form)))
