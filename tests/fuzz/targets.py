"""The importers: files that are in order, and the call that reads one, for each."""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import mido
import numpy as np
import soundfile
import torch

from engine.accompaniment.parts import read_accompaniment
from engine.accompaniment.plan import play_plan
from engine.audio.files import AudioReader
from engine.detection.embedding import read_embedding
from engine.inference.network_file import read_network_file
from engine.score.readers import list_parts, read_score
from models.separation.import_open_unmix import import_open_unmix
from offline.datasets.desed import read_labels
from offline.datasets.video import read_visual
from offline.music.midi_file import read_midi, write_midi
from offline.music.piece import from_grid
from offline.synthesis.demo_piece import write_demo_midi, write_musicxml
from tests.engine.score.midi_bytes import Tune, events_of, meta, smf

__all__ = ["TARGETS", "Target"]


@dataclass(frozen=True)
class Target:
    """An importer.

    suffix: of its files
    seeds: files that are in order
    read: reads a file to its end
    """

    name: str
    suffix: str
    seeds: Callable[[], list[bytes]]
    read: Callable[[Path], object]


def _score(path: Path) -> None:
    read_score(path)
    list_parts(path)
    play_plan(read_accompaniment(path, ["none"]), metronome=True)


def _written(write: Callable[[Path], object], name: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder, name))
        return Path(folder, name).read_bytes()


SIGNS = """<?xml version="1.0" encoding="UTF-8"?>
<score-partwise version="4.0"><work><work-title>x</work-title></work><part-list>
<score-part id="P1"><part-name>Solo</part-name><part-abbreviation>S.</part-abbreviation></score-part>
<score-part id="P2"><part-name>Horn in F</part-name></score-part></part-list>
<part id="P1"><measure number="1"><attributes><divisions>2</divisions><key><fifths>1</fifths></key><time>
<beats>2</beats><beat-type>4</beat-type></time><staves>1</staves><clef><sign>G</sign><line>2</line></clef></attributes>
<direction><direction-type><metronome><beat-unit>quarter</beat-unit><per-minute>72</per-minute></metronome>
</direction-type><sound tempo="72"/></direction><direction><direction-type><segno/></direction-type></direction>
<barline location="left"><repeat direction="forward"/></barline>
<note><pitch><step>C</step><octave>5</octave></pitch><duration>2</duration><tie type="start"/>
<type>quarter</type></note>
<note><chord/><pitch><step>E</step><alter>-1</alter><octave>5</octave></pitch><duration>2</duration></note>
<note><grace/><pitch><step>D</step><octave>5</octave></pitch><voice>1</voice></note>
<direction><direction-type><dynamics><mf/></dynamics></direction-type><staff>1</staff><sound dynamics="88.89"/>
</direction>
<direction><direction-type><wedge type="crescendo" number="1"/></direction-type><offset>1</offset></direction>
<direction><direction-type><pedal type="change" line="yes"/></direction-type><sound damper-pedal="50"/></direction>
<note dynamics="71"><rest/><duration>2</duration><notations><articulations><staccato/><accent/></articulations>
</notations></note><direction><direction-type><wedge type="stop" number="1"/><words>dim.</words></direction-type>
</direction></measure>
<measure number="2"><barline location="left"><ending number="1" type="start"/></barline><note><pitch><step>C</step>
<octave>5</octave></pitch><duration>4</duration><tie type="stop"/><notations><ornaments><trill-mark/></ornaments>
</notations></note>
<backup><duration>2</duration></backup><forward><duration>2</duration></forward>
<barline location="right"><ending number="1" type="stop"/><repeat direction="backward" times="2"/></barline></measure>
<measure number="3" implicit="yes"><barline location="left"><ending number="2" type="start"/></barline><note><unpitched>
<display-step>E</display-step><display-octave>4</display-octave></unpitched><duration>4</duration></note>
<direction><direction-type><words>D.S. al Coda</words></direction-type><sound dalsegno="a" tocoda="b"/></direction>
<barline location="right"><ending number="2" type="discontinue"/></barline></measure></part>
<part id="P2"><measure number="1"><attributes><divisions>1</divisions><transpose><diatonic>-4</diatonic>
<chromatic>-7</chromatic></transpose></attributes><note><pitch><step>G</step><octave>4</octave></pitch>
<duration>2</duration></note></measure><measure number="2"><note><cue/><pitch><step>G</step><octave>4</octave></pitch>
<duration>2</duration></note></measure><measure number="3"><note><pitch><step>B</step><octave>4</octave></pitch>
<duration>2</duration></note></measure></part>
</score-partwise>
"""


@cache
def _minuet() -> bytes:
    """The first bars of a piece."""
    whole = _written(write_musicxml, "m.musicxml").decode()
    end = whole.index("</measure>", whole.index('<measure number="2"')) + len("</measure>")
    return (whole[:end] + "</part></score-partwise>").encode()


def _musicxml_seeds() -> list[bytes]:
    return [SIGNS.encode(), _minuet(), SIGNS.replace("UTF-8", "UTF-16").encode("utf-16")]


def _packed(xml: bytes) -> bytes:
    container = b'<container><rootfiles><rootfile full-path="m.xml"/></rootfiles></container>'
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:  # stored, so that damage reaches what is inside
        archive.writestr("META-INF/container.xml", container)
        archive.writestr("m.xml", xml)
    return out.getvalue()


def _mxl_seeds() -> list[bytes]:
    return [_packed(SIGNS.encode()), _packed(_minuet())]


def _midi_seeds() -> list[bytes]:
    tune = Tune(((0, 240, 60), (0, 240, 64), (120, 480, 67)))
    head = meta(3, b"Piano") + meta(0x58, b"\x03\x02\x18\x08") + meta(0x51, b"\x07\xa1\x20") + meta(0x59, b"\x02\x00")
    grid = from_grid(np.repeat([[60, 55], [62, 57]], 4, axis=0).astype(np.int16))
    song = mido.MidiFile(type=0, tracks=[mido.MidiTrack([mido.Message("program_change", channel=9)])])
    song.tracks[0] += [
        mido.Message(kind, note=40, channel=c, time=9) for c in (9, 1) for kind in ("note_on", "note_off")
    ]
    written = io.BytesIO()
    song.save(file=written)
    plain = smf(head + events_of(tune, running=True, between=b"\x00\xf0\x02\x41\xf7"))
    riff = b"RMIDdata" + len(plain).to_bytes(4, "little") + plain
    others = [_written(lambda path: write_midi(grid, path), "g.mid"), _written(write_demo_midi, "d.mid")[:2000]]
    return [plain, b"RIFF" + len(riff).to_bytes(4, "little") + riff, written.getvalue(), *others]


def _midi(path: Path) -> None:
    for read in (_score, read_midi):
        read(path)


KINDS = {
    "WAV": ("PCM_16", "FLOAT", "ULAW"),
    "WAVEX": ("PCM_24",),
    "RF64": ("FLOAT",),
    "W64": ("PCM_16",),
    "AIFF": ("PCM_16",),
    "AU": ("PCM_16",),
    "CAF": ("PCM_16",),
    "FLAC": ("PCM_16",),
    "OGG": ("VORBIS", "OPUS"),
    "MP3": ("MPEG_LAYER_III",),
}


def _audio_seeds() -> list[bytes]:
    sound = np.random.default_rng(0).normal(0, 0.1, (800, 2)).astype(np.float32)
    seeds = []
    for kind, subtype in ((kind, subtype) for kind, subtypes in KINDS.items() for subtype in subtypes):
        out = io.BytesIO()
        soundfile.write(out, sound, 48000, format=kind, subtype=subtype)
        seeds.append(out.getvalue())
    return seeds


def _audio(path: Path) -> None:
    with AudioReader(path) as reader:
        assert reader.read().ndim == 2


def _field(number: int, body: bytes) -> bytes:
    size, out = len(body), bytearray((number << 3 | 2,))
    while size > 127:
        out.append(size & 127 | 128)
        size >>= 7
    return bytes([*out, size]) + body


def _onnx_seeds() -> list[bytes]:
    """A model of metadata alone."""
    values = {"kind": "unmix", "sample_rate": 44100, "targets": ["vocals", "drums"], "level": 0.1, "licence": "MIT"}
    entries = [_field(1, name.encode()) + _field(2, json.dumps(value).encode()) for name, value in values.items()]
    return [b"\x08\x08" + _field(2, b"pytorch") + b"".join(_field(14, entry) for entry in entries)]


def _onnx(path: Path) -> None:
    file = read_network_file(path, "unmix")
    for name, kind in (("sample_rate", int), ("targets", list), ("level", float)):
        file.value(name, kind)


def _embedding_seeds() -> list[bytes]:
    return [
        b'sample_rate = 16000\nwindow = 15600\nhop = 7680\ndimension = 1024\nlicence = "MIT"\n[data]\nx = [1, 2.5]\n'
    ]


def _visual_seeds() -> list[bytes]:
    text = 'height = 224\nwidth = 224\ndimension = 512\nfps = 15.0\nlayout = "nchw"\nmean = [0.0, 1.0, 2.0]\n'
    return [(text + "deviation = [255.0, 255.0, 255.0]\n").encode()]


def _tsv_seeds() -> list[bytes]:
    strong = "filename\tonset\toffset\tevent_label\na.wav\t0.0\t1.0\tspeech\nb.wav\t0.5\t9.0\tdog\nc.wav\t\t\t\n"
    weak = "filename\tevent_labels\na.wav\tspeech,dog\nb.wav\t\n"
    return [strong.encode(), weak.encode(), b"\xef\xbb\xbf" + strong.replace("\n", "\r\n").encode()]


def _pth_seeds() -> list[bytes]:
    state = {
        "input_mean": torch.zeros(4),
        "fc1.weight": torch.zeros(4, 8),
        "fc1.bias": torch.zeros(4),
        "sample_rate": 1,
    }
    seeds = []
    for zipped in (True, False):
        out = io.BytesIO()
        torch.save(state, out, _use_new_zipfile_serialization=zipped)
        seeds.append(out.getvalue())
    return seeds


TARGETS = {
    target.name: target
    for target in (
        Target("midi", ".mid", _midi_seeds, _midi),
        Target("audio", ".wav", _audio_seeds, _audio),
        Target("onnx", ".onnx", _onnx_seeds, _onnx),
        Target("embedding-card", ".toml", _embedding_seeds, read_embedding),
        Target("visual-card", ".toml", _visual_seeds, read_visual),
        Target("labels", ".tsv", _tsv_seeds, read_labels),
        Target("pth", ".pth", _pth_seeds, lambda path: import_open_unmix([path])),
        Target("musicxml", ".musicxml", _musicxml_seeds, _score),
        Target("mxl", ".mxl", _mxl_seeds, _score),
    )
}
