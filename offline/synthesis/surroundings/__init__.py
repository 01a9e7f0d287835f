"""What microphones hear by the hour though none of the classes sounds."""

from typing import TYPE_CHECKING

from engine.core.lazy import lazy

if TYPE_CHECKING:
    from offline.synthesis.surroundings.kinds import SURROUNDINGS, surroundings
else:
    __getattr__ = lazy(__name__)

__all__ = ["SURROUNDINGS", "surroundings"]
