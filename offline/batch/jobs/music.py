"""The jobs that make something of a seed: pieces of music, and songs in stems to train on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, replace
from pathlib import Path
from typing import ClassVar

import soundfile

from engine.core.config import Settings, choice, plain, ranged
from engine.core.errors import ConfigError
from offline.batch.files.seeds import MUSIC_FORMS, seed_of
from offline.batch.task import BatchItem, LocalFiles, Outcome, Pulse, TableSpec, TaskStopped, Work
from offline.generation.cards import find_weights
from offline.generation.config import GeneratorConfig
from offline.generation.open_system import open_generator, system_of
from offline.generation.stream import collect, free_melody
from offline.music.midi_file import write_midi, write_wav
from offline.synthesis.fluidsynth import installed_soundfonts
from offline.synthesis.songs_render import SongSettings, drawn_stems, speakers, write_ogg_stems

__all__ = ["GenerateJob", "SongsJob", "generate_job"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateJob(Settings):
    """Let a system write a piece for each seed."""

    model: str = plain(MISSING, "a system, or the file of a frame network")
    weights: Path | None = plain(None, "network that the system plays by, whose content counts")
    data: Path | None = plain(None, "folder of the corpus that an untrained system counts")
    config: GeneratorConfig = plain(GeneratorConfig, "how it writes; the seed is that of each piece")
    bars: int = ranged(16, 1, 100_000, "length of a piece, of four quarter notes each")
    tempo: float = ranged(100.0, 10, 1000, "quarter notes a minute")
    form: str = choice(MUSIC_FORMS[0], MUSIC_FORMS, "of the files")

    kind: ClassVar[str] = "generate"
    tables: ClassVar[Mapping[str, TableSpec]] = {}

    @property
    def ending(self) -> str:
        """The suffix of the files."""
        return f".{self.form}"

    def begin(self) -> Work:
        """Open the system once, to see that it can be; a seed opens it anew."""
        open_generator(self.model, self.config, self.data)
        return self._write

    def _write(self, item: BatchItem, files: LocalFiles, part: Path, pulse: Pulse) -> Outcome:
        del files
        pulse.on_audio(self.bars * 4 * 60 / self.tempo)
        source = open_generator(self.model, replace(self.config, seed=seed_of(item)), self.data)
        n_steps = self.bars * 4 * source.steps_per_quarter
        piece = collect(source, n_steps, free_melody, tempo_bpm=self.tempo, stop=pulse.stop.is_set)
        if pulse.stop.is_set():
            raise TaskStopped
        if self.form == "wav":
            write_wav(piece, part, percussion=source.percussion)
        else:
            write_midi(piece, part, percussion=source.percussion)
        return Outcome(audio_s=piece.n_steps / source.steps_per_quarter * 60 / self.tempo)


def generate_job(model: str, **settings: object) -> GenerateJob:
    """Return the job of a system by its name or file; ConfigError for one that writes no notes."""
    system = system_of(model)
    if system.sound:
        raise ConfigError("--model", expected="a system that writes notes", got=system.name)
    weights = Path(model) if model.endswith(".onnx") else find_weights(system.weights) if system.training else None
    return GenerateJob(model=model, weights=weights, **settings)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class SongsJob(Settings):
    """Compose and render a song in stems for each seed, to train separation on."""

    song: SongSettings = plain(SongSettings, "how songs are made")

    kind: ClassVar[str] = "songs"
    ending: ClassVar[str] = "/"
    tables: ClassVar[Mapping[str, TableSpec]] = {}

    def begin(self) -> Work:
        """See that what they are played and sung with is here."""
        installed_soundfonts()
        if self.song.singers is not None:
            speakers(self.song.singers)
        return self._render

    def _render(self, item: BatchItem, files: LocalFiles, part: Path, pulse: Pulse) -> Outcome:
        del files
        pulse.on_audio(self.song.seconds)  # which says how long it may take
        part.mkdir(parents=True)
        write_ogg_stems(part, drawn_stems(seed_of(item), self.song))
        info = soundfile.info(str(next(part.glob("*.ogg"))))
        return Outcome(audio_s=info.duration)
