"""Play tracker modules (MOD, XM, S3M, IT) instrument by instrument, through libopenmpt.

A module contains its own samples and says which of them sounds when, so a song can be taken apart exactly: the sum of
what each instrument plays alone is the song.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from collections import Counter
from collections.abc import Collection
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from engine.core.errors import AudioFileError, EngineError

__all__ = ["TrackerModule"]

NOTE, INSTRUMENT = 0, 1  # OPENMPT_MODULE_COMMAND_*
SEPARATION = 2  # OPENMPT_MODULE_RENDER_STEREOSEPARATION_PERCENT
HIGHEST_NOTE = 120  # greater values stop a note
BLOCK = 4096
N_FUNCTIONS = 16  # of openmpt_module_ext_interface_interactive
MUTE_INSTRUMENT = 12  # the place of set_instrument_mute_status among them


@cache
def _library() -> Any:
    name = ctypes.util.find_library("openmpt")
    if name is None:
        raise EngineError("libopenmpt", expected="the library", got="none", remedy="apt-get install libopenmpt0")
    library = ctypes.CDLL(name)
    for function in ("openmpt_module_ext_create_from_memory", "openmpt_module_ext_get_module"):
        getattr(library, function).restype = ctypes.c_void_p
    library.openmpt_module_get_duration_seconds.restype = ctypes.c_double
    library.openmpt_module_set_position_seconds.restype = ctypes.c_double
    library.openmpt_module_read_interleaved_float_stereo.restype = ctypes.c_size_t
    for function in ("openmpt_module_get_instrument_name", "openmpt_module_get_sample_name"):
        getattr(library, function).restype = ctypes.c_void_p
    return library


class TrackerModule:
    """An open module, a context manager; AudioFileError if the file is not one.

    n_instruments: number of instruments (of samples, in formats without instruments)
    names: of the instruments, often descriptive
    seconds: length of the song
    """

    def __init__(self, path: Path) -> None:
        self._library = library = _library()
        data = path.read_bytes()
        quiet = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_void_p)(lambda _text, _user: None)
        self._quiet = quiet  # as long as the library may call it
        self._handle = library.openmpt_module_ext_create_from_memory(
            data, ctypes.c_size_t(len(data)), quiet, None, None, None, None, None, None
        )
        if not self._handle:
            raise AudioFileError(str(path), expected="a tracker module", got="something else or a damaged one")
        self._module = ctypes.c_void_p(library.openmpt_module_ext_get_module(ctypes.c_void_p(self._handle)))
        functions = (ctypes.c_void_p * N_FUNCTIONS)()
        name = b"interactive"
        if not library.openmpt_module_ext_get_interface(
            ctypes.c_void_p(self._handle), name, functions, ctypes.c_size_t(ctypes.sizeof(functions))
        ):
            raise EngineError("libopenmpt", expected="version 0.3 or later", got="one that cannot mute instruments")
        kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int32, ctypes.c_int)
        self._mute = kind(functions[MUTE_INSTRUMENT] or 0)
        n = library.openmpt_module_get_num_instruments(self._module)
        samples = n == 0
        self.n_instruments = int(n or library.openmpt_module_get_num_samples(self._module))
        self.names = [self._name(i, samples) for i in range(self.n_instruments)]
        self.seconds = float(library.openmpt_module_get_duration_seconds(self._module))

    def __enter__(self) -> TrackerModule:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._library.openmpt_module_ext_destroy(ctypes.c_void_p(self._handle))

    def _name(self, number: int, samples: bool) -> str:
        function = "openmpt_module_get_sample_name" if samples else "openmpt_module_get_instrument_name"
        pointer = getattr(self._library, function)(self._module, ctypes.c_int32(number))
        text = ctypes.cast(pointer, ctypes.c_char_p).value or b""
        self._library.openmpt_free_string(ctypes.c_void_p(pointer))
        return text.decode("utf-8", "replace")

    def narrow(self, percent: float) -> None:
        """Set the stereo width, 0 (mono) to 200 % (100 as the module says): Amigas panned channels hard."""
        self._library.openmpt_module_set_render_param(self._module, SEPARATION, ctypes.c_int32(round(percent)))

    def notes(self) -> list[Counter[int]]:
        """Return for each instrument how often the patterns play which note."""
        library, module = self._library, self._module
        found: list[Counter[int]] = [Counter() for _ in range(self.n_instruments)]
        for pattern in range(library.openmpt_module_get_num_patterns(module)):
            for row in range(library.openmpt_module_get_pattern_num_rows(module, pattern)):
                for channel in range(library.openmpt_module_get_num_channels(module)):
                    command = library.openmpt_module_get_pattern_row_channel_command
                    note = command(module, pattern, row, channel, NOTE) & 0xFF
                    which = command(module, pattern, row, channel, INSTRUMENT) & 0xFF
                    if 0 < note <= HIGHEST_NOTE and 0 < which <= self.n_instruments:
                        found[which - 1][note] += 1
        return found

    def render(self, instruments: Collection[int], sample_rate: int, seconds: float) -> np.ndarray:
        """Render instruments, counted from 0, from the start: (sample, channel) float32, stereo, at most `seconds`."""
        library, module = self._library, self._module
        for i in range(self.n_instruments):
            self._mute(ctypes.c_void_p(self._handle), i, int(i not in instruments))
        library.openmpt_module_set_position_seconds(module, ctypes.c_double(0.0))
        n = int(min(seconds, self.seconds) * sample_rate)
        out = np.zeros((n + BLOCK, 2), np.float32)
        at = 0
        while at < n:
            place = ctypes.c_void_p(out.ctypes.data + at * out.strides[0])
            read = library.openmpt_module_read_interleaved_float_stereo(
                module, ctypes.c_int32(sample_rate), ctypes.c_size_t(BLOCK), place
            )
            if not read:
                break
            at += read
        return out[: min(at, n)]
