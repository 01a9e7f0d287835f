"""Control what a generator writes by: parameters that each system has or has not."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from engine.core.config import require, require_one_of
from engine.stage.controls.base import ControlBase
from engine.stage.controls.desk import StageDesk

__all__ = ["GeneratorControls", "LiveParameter"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveParameter:
    """What may be set while a generator plays.

    low, high: words for its ends
    """

    name: str
    label: str
    value: float
    min: float
    max: float
    step: float
    low: str = ""
    high: str = ""


class GeneratorControls(ControlBase):
    """Set the parameters of a generator.

    parameters: those that it has, by name
    act: is given the name and the value of one that was set
    """

    def __init__(self, does: Collection[str], desk: StageDesk) -> None:
        super().__init__(does, desk)
        self.parameters: Mapping[str, LiveParameter] = {}
        self.act: Callable[[str, float], None] = lambda name, value: None

    def parameter(self, name: str, value: float) -> None:
        """Set a parameter, for what is not written yet."""
        self._need("generate")
        require_one_of("parameter", name, self.parameters)
        found = self.parameters[name]
        require(found.label.lower(), value, found.min, found.max)
        self.act(name, float(value))
