"""Corpora, their splits, and what turns them into arrays."""

from typing import TYPE_CHECKING

from engine.core.lazy import lazy

if TYPE_CHECKING:
    from offline.datasets.corpus_scores import Library, split_of
    from offline.datasets.desed import LabelFile, find_audio, find_labels, read_labels
    from offline.datasets.make_desed import ClipJob
    from offline.datasets.make_scenes import SceneJob, make_mixer
    from offline.datasets.performances import Take, TakeConfig, perform_piece, write_take
    from offline.datasets.scenes import (
        RenderedScene,
        SceneSet,
        open_scene_set,
        render_scene,
        save_scene_set,
        write_scene_set,
    )
    from offline.datasets.soundscapes import Scene, SceneMixConfig, SceneMixer
else:
    __getattr__ = lazy(__name__)

__all__ = [
    "ClipJob",
    "LabelFile",
    "Library",
    "RenderedScene",
    "Scene",
    "SceneJob",
    "SceneMixConfig",
    "SceneMixer",
    "SceneSet",
    "Take",
    "TakeConfig",
    "find_audio",
    "find_labels",
    "make_mixer",
    "open_scene_set",
    "perform_piece",
    "read_labels",
    "render_scene",
    "save_scene_set",
    "split_of",
    "write_scene_set",
    "write_take",
]
