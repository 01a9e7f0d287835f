"""Sound that the project makes itself: performances, songs, singing, alarms and textures."""

from typing import TYPE_CHECKING

from engine.core.lazy import lazy

if TYPE_CHECKING:
    from offline.synthesis.additive_piano import additive, synthesise
    from offline.synthesis.alarms import alarm
    from offline.synthesis.demo_performance import Performance, PerformConfig, perform
    from offline.synthesis.demo_piece import minuet
    from offline.synthesis.fluidsynth import installed_soundfonts, play_midi
    from offline.synthesis.multitrack import Corpus, Song, find_songs, load_stems, parse_corpus
    from offline.synthesis.pianist import PianistConfig, Played, exact, play, random_pianist
    from offline.synthesis.piano_sound import Piano, random_piano, render_piano
    from offline.synthesis.songs_compose import ComposedSong, compose
    from offline.synthesis.songs_render import render_song, write_stems
    from offline.synthesis.sound_bank import SPLITS, SoundBank, load_bank, merge_banks
else:
    __getattr__ = lazy(__name__)

__all__ = [
    "SPLITS",
    "ComposedSong",
    "Corpus",
    "PerformConfig",
    "Performance",
    "PianistConfig",
    "Piano",
    "Played",
    "Song",
    "SoundBank",
    "additive",
    "alarm",
    "compose",
    "exact",
    "find_songs",
    "installed_soundfonts",
    "load_bank",
    "load_stems",
    "merge_banks",
    "minuet",
    "parse_corpus",
    "perform",
    "play",
    "play_midi",
    "random_pianist",
    "random_piano",
    "render_piano",
    "render_song",
    "synthesise",
    "write_stems",
]
