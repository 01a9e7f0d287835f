"""Join processors to pipelines and run them over a stream of blocks."""

from typing import TYPE_CHECKING

from engine.core.lazy import lazy

if TYPE_CHECKING:
    from engine.pipeline.file_stream import StreamReport, stream_file
    from engine.pipeline.pipeline import Listener, Pipeline, PipelineConfig, PipelineOutput
else:
    __getattr__ = lazy(__name__)

__all__ = ["Listener", "Pipeline", "PipelineConfig", "PipelineOutput", "StreamReport", "stream_file"]
