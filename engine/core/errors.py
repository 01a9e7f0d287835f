"""Define the errors, each reported in one clear line: where, expected, got, remedy; and warnings about mended input."""

from __future__ import annotations

import warnings

__all__ = [
    "AudioFileError",
    "ConfigError",
    "DeviceError",
    "EngineError",
    "EngineWarning",
    "ModelError",
    "ScoreError",
    "ShapeError",
    "warn_about",
]


class EngineError(Exception):
    """Base of every error that a user can cause or fix.

    where: the file, device, option or function
    expected, got: both values
    remedy: what to do
    """

    def __init__(self, where: str, *, expected: str, got: str, remedy: str = "") -> None:
        self.where, self.expected, self.got, self.remedy = where, expected, got, remedy
        line = f"{where}: expected {expected}, got {got}"
        super().__init__(f"{line}; {remedy}" if remedy else line)

    def __reduce__(self) -> tuple[object, ...]:
        """Rebuild from the parts, so that the error can be sent to another process without loss."""
        return _rebuild, (type(self), self.where, self.expected, self.got, self.remedy)


def _rebuild(kind: type[EngineError], where: str, expected: str, got: str, remedy: str) -> EngineError:
    return kind(where, expected=expected, got=got, remedy=remedy)


class ConfigError(EngineError, ValueError):
    """A setting is outside its allowed range, or has no such name."""


class ShapeError(EngineError, ValueError):
    """An array has other axes than the processor was built for."""


class AudioFileError(EngineError, OSError):
    """An audio file cannot be read or written."""


class ScoreError(EngineError, ValueError):
    """A score cannot be read, is empty, or is hostile."""


class DeviceError(EngineError, OSError):
    """An audio or MIDI device is missing, cannot be opened, or has disconnected."""


class ModelError(EngineError, ValueError):
    """A network file cannot be loaded or does not fit the pipeline."""


class EngineWarning(UserWarning):
    """What was mended, guessed or left out in a user's file; the command line prints it as one line."""


def warn_about(where: str, what: str) -> None:
    """Warn, in one line, of what was mended, guessed or left out in a file."""
    warnings.warn(f"{where}: {what}", EngineWarning, stacklevel=2)
