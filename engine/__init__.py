"""The live system: listens block by block, acts in time. Never imports torch."""

from engine.core.kernel_cache import choose

choose()
