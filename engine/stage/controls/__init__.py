"""Control what is on the stage, by subject; `StageControls` is all of it in one object."""

from typing import TYPE_CHECKING

from engine.core.lazy import lazy

if TYPE_CHECKING:
    from engine.stage.controls.base import ControlledSession
    from engine.stage.controls.desk import StageDesk, StageWish
    from engine.stage.controls.stage_controls import StageControls
else:
    __getattr__ = lazy(__name__)

__all__ = ["ControlledSession", "StageControls", "StageDesk", "StageWish"]
