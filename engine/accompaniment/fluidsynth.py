"""FluidSynth as a source of sound: its C library by ctypes, rendered by blocks, without its own audio driver.

The calls release the interpreter lock. The Python package pyfluidsynth is not used: beside it, partitura downloads a
soundfont when it is imported.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from functools import cache
from pathlib import Path
from typing import Any

from engine.accompaniment.synthesiser_config import CONCERT_HZ, SynthesiserConfig
from engine.core.arrays import F32
from engine.core.errors import ConfigError

__all__ = ["DRUMS", "FLUIDSYNTH_REMEDY", "FluidSynth", "has_fluidsynth"]

FLUIDSYNTH_REMEDY = "Debian: apt install libfluidsynth3 fluid-soundfont-gm; macOS: brew install fluid-synth"
DRUMS = 9  # channel of the percussion, counted from 0
N_CHANNELS, N_KEYS = 16, 128
LOG_LEVELS = 5
FAILED = -1
HEADER = 12  # bytes: RIFF, the length, sfbk
LOWEST_HZ, HIGHEST_HZ = 8000, 96_000  # sample rates that FluidSynth renders at
Pointer = ctypes.c_void_p
SETTINGS = {  # of FluidSynth, the same for everybody
    "synth.cpu-cores": 1,
    "synth.threadsafe-api": 0,  # one thread calls
    "synth.dynamic-sample-loading": 0,  # no file is read after the start
    "synth.min-note-length": 0,
}


@cache
def _library() -> Any:
    """Load the library, None where it is not installed; its log is turned off."""
    name = ctypes.util.find_library("fluidsynth")
    try:
        library = ctypes.CDLL(name) if name else None
    except OSError:
        return None
    if library is None:
        return None
    for function in ("new_fluid_settings", "new_fluid_synth", "fluid_synth_get_sfont_by_id"):
        getattr(library, function).restype = Pointer
    for level in range(LOG_LEVELS):
        library.fluid_set_log_function(level, None, None)
    return library


def has_fluidsynth() -> bool:
    """Return whether the library is installed."""
    return _library() is not None


class FluidSynth:
    """A synthesiser of 16 channels that renders stereo.

    The soundfont stays loaded through `reset`, which makes a new synthesiser in 2 ms: only so is its second run
    bit-identical to the first.

    sample_rate: 8,000 to 96,000 Hz
    Raises ConfigError for a soundfont that is none, and where the library is not installed.
    """

    def __init__(self, sample_rate: int, soundfont: Path, config: SynthesiserConfig) -> None:
        self._lib = _library()
        if self._lib is None:
            raise ConfigError("FluidSynth", expected="its library", got="none", remedy=FLUIDSYNTH_REMEDY)
        _check_soundfont(soundfont)
        self.config = config
        self._settings = Pointer(self._lib.new_fluid_settings())
        self._configure(sample_rate)
        self._synth = Pointer(self._lib.new_fluid_synth(self._settings))
        number = self._lib.fluid_synth_sfload(self._synth, str(soundfont).encode(), 1)
        if number == FAILED:
            self.close()
            raise _no_soundfont(soundfont, "a file that FluidSynth cannot load")
        self._soundfont = Pointer(self._lib.fluid_synth_get_sfont_by_id(self._synth, number))
        self.reset()

    def _configure(self, sample_rate: int) -> None:
        lib, config = self._lib, self.config
        whole = {
            **SETTINGS,
            "synth.polyphony": config.polyphony,
            "synth.reverb.active": int(config.reverb > 0),
            "synth.chorus.active": int(config.chorus > 0),
        }
        real = {
            "synth.sample-rate": float(sample_rate),
            "synth.gain": config.fluidsynth_gain,
            "synth.reverb.level": config.reverb,
            "synth.chorus.level": config.chorus,
        }
        for name, value in whole.items():
            lib.fluid_settings_setint(self._settings, name.encode(), value)
        for name, number in real.items():
            lib.fluid_settings_setnum(self._settings, name.encode(), ctypes.c_double(number))

    def _tune(self) -> None:
        """Tune all channels but the drums to the concert pitch."""
        cents = (ctypes.c_double * N_KEYS)(*(100.0 * key + self.config.cents for key in range(N_KEYS)))
        if self.config.a4_hz == CONCERT_HZ:
            return
        self._lib.fluid_synth_activate_key_tuning(self._synth, 0, 0, b"concert pitch", cents, 0)
        for channel in set(range(N_CHANNELS)) - {DRUMS}:
            self._lib.fluid_synth_activate_tuning(self._synth, channel, 0, 0, 0)

    def take(self, message: bytes) -> None:
        """Apply a channel message before the next sample."""
        lib, synth = self._lib, self._synth
        kind, channel, first = message[0] & 0xF0, message[0] & 0x0F, message[1]
        if kind == 0x90 and message[2]:
            lib.fluid_synth_noteon(synth, channel, first, message[2])
        elif kind in (0x80, 0x90):
            lib.fluid_synth_noteoff(synth, channel, first)
        elif kind == 0xA0:
            lib.fluid_synth_key_pressure(synth, channel, first, message[2])
        elif kind == 0xB0:
            lib.fluid_synth_cc(synth, channel, first, message[2])
        elif kind == 0xC0:
            lib.fluid_synth_program_change(synth, channel, first)
        elif kind == 0xD0:
            lib.fluid_synth_channel_pressure(synth, channel, first)
        elif kind == 0xE0:
            lib.fluid_synth_pitch_bend(synth, channel, first | message[2] << 7)

    def render(self, out: F32) -> None:
        """Fill out (sample, 2), contiguous; the lengths are multiples of 64 samples."""
        at = Pointer(out.ctypes.data)
        self._lib.fluid_synth_write_float(self._synth, len(out), at, 0, 2, at, 1, 2)

    def silence(self) -> None:
        """End every note and echo, and forget programs and controllers."""
        self.reset()

    def reset(self) -> None:
        """Return to the state after construction."""
        lib, old = self._lib, self._synth
        lib.fluid_synth_system_reset(old)
        lib.fluid_synth_remove_sfont(old, self._soundfont)
        self._synth = Pointer(lib.new_fluid_synth(self._settings))
        lib.fluid_synth_add_sfont(self._synth, self._soundfont)
        lib.delete_fluid_synth(old)
        lib.fluid_synth_system_reset(self._synth)  # selects the presets of the soundfont
        self._tune()

    def close(self) -> None:
        """Free the synthesiser and its soundfont."""
        if self._synth:
            self._lib.delete_fluid_synth(self._synth)
            self._lib.delete_fluid_settings(self._settings)
            self._synth = Pointer()

    def __del__(self) -> None:
        if getattr(self, "_synth", None):
            self.close()


def _check_soundfont(path: Path) -> None:
    """Refuse what cannot be a soundfont before FluidSynth reads it."""
    try:
        with path.open("rb") as file:
            head = file.read(HEADER)
    except OSError as error:
        raise _no_soundfont(path, error.strerror or str(error)) from error
    if head[:4] != b"RIFF" or head[8:] != b"sfbk":
        raise _no_soundfont(path, "another kind of file")


def _no_soundfont(path: Path, got: str) -> ConfigError:
    remedy = "Debian: apt install fluid-soundfont-gm, and leave the option out"
    return ConfigError(str(path), expected="a soundfont (.sf2 or .sf3)", got=got, remedy=remedy)
