"""Define the errors, each reported in one clear line: where, expected, got, remedy; and warnings about mended input."""

from __future__ import annotations

import re
import warnings

__all__ = [
    "AudioFileError",
    "ConfigError",
    "DeviceError",
    "EngineError",
    "EngineWarning",
    "ModelError",
    "OutputError",
    "ScoreError",
    "ShapeError",
    "printable",
    "warn_about",
]

CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def printable(text: str) -> str:
    """Return a text as one line that a terminal shows as it is: names of files may hold anything."""
    return CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class EngineError(Exception):
    """Base of every error that a user can cause or fix.

    where: the file, device, option or function
    expected, got: both values
    remedy: what to do
    """

    def __init__(self, where: str, *, expected: str, got: str, remedy: str = "") -> None:
        self.where, self.expected, self.got, self.remedy = where, expected, got, remedy
        line = f"{where}: expected {expected}, got {got}"
        super().__init__(printable(f"{line}; {remedy}" if remedy else line))

    def about(self, name: object) -> EngineError:
        """Return the error with the name of the file that it is about, if it does not name it already."""
        if str(name) in self.where:
            return self
        return type(self)(f"{name}: {self.where}", expected=self.expected, got=self.got, remedy=self.remedy)

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


class OutputError(EngineError, OSError):
    """A result cannot be written, or would replace what must stay."""


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
