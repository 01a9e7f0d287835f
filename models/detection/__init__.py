"""Networks that detect sounds, their losses, and their import from published weights."""

from typing import TYPE_CHECKING

from engine.core.lazy import lazy

if TYPE_CHECKING:
    from models.detection.config import CrnnConfig, CrnnOptions, EmbeddingInput, LossConfig
    from models.detection.graph import crnn_graph, export_crnn
    from models.detection.losses import published_rate, sound_event_loss
    from models.detection.network import Crnn
    from models.detection.reimport import calibrate, crnn_from_onnx
    from models.detection.tensor_bundle import read_variables
    from models.detection.yamnet import Yamnet
else:
    __getattr__ = lazy(__name__)

__all__ = [
    "Crnn",
    "CrnnConfig",
    "CrnnOptions",
    "EmbeddingInput",
    "LossConfig",
    "Yamnet",
    "calibrate",
    "crnn_from_onnx",
    "crnn_graph",
    "export_crnn",
    "published_rate",
    "read_variables",
    "sound_event_loss",
]
