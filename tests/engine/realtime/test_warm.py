"""Everything that an accompaniment calls is compiled, or loaded from the cache, before its stream opens."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
from numba.core.dispatcher import Dispatcher

from engine.accompaniment.stage_config import StageConfig
from engine.core.format import AudioFormat
from engine.core.ring import private_ring
from engine.pipeline.pipeline import Pipeline, PipelineConfig
from engine.realtime.processing_thread import Rings
from engine.realtime.warm import rehearse_pipeline, warm
from offline.synthesis.additive_piano import additive
from offline.synthesis.demo_performance import perform
from tests.cases.accompaniment import ACCOMPANY, SCALE
from tests.engine.following.play import STRICT
from tests.places import ROOT

RATE = 44_100
CHILD = "from tests.engine.realtime.test_warm import main; main()"


def n_compiled() -> dict[str, int]:
    """The number of signatures that each kernel of the engine is ready for."""
    modules = [module for name, module in sys.modules.items() if name.startswith("engine.")]
    kernels = [each for module in modules for each in vars(module).values() if isinstance(each, Dispatcher)]
    return {f"{k.py_func.__module__}.{k.py_func.__name__}": len(k.overloads) for k in kernels}


def main() -> None:
    """Get a pipeline ready, play through it, and print what was compiled meanwhile."""
    accompany = replace(ACCOMPANY, stage=StageConfig(cancel="on"))
    pipeline = Pipeline(AudioFormat(sample_rate=RATE, n_channels=1), PipelineConfig(score=SCALE, accompany=accompany))
    pipeline.declare_latency(RATE // 10)
    solo = additive(perform(SCALE, seed=0, config=STRICT), RATE)[:, None].astype(np.float32)
    rehearse_pipeline(pipeline, Rings(private_ring(1 << 16, 1), private_ring(1 << 16, 1)), warm(pipeline))
    before = n_compiled()
    n_notes = sum(
        type(event).__name__ == "Note"
        for i in range(0, len(solo), 512)
        for event in pipeline.process(solo[i : i + 512]).events
    )
    after = n_compiled()
    late = [name for name, n in after.items() if n != before.get(name, 0)]
    print(json.dumps({"late": late, "kernels": len(before), "notes": n_notes}))


def test_nothing_is_compiled_once_it_plays() -> None:
    done = subprocess.run([sys.executable, "-c", CHILD], cwd=ROOT, capture_output=True, text=True, check=True)
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["notes"] > 0 and result["kernels"] > 0
    assert result["late"] == []
