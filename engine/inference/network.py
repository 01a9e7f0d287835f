"""Load exported networks, check their metadata, run them, and carry their state from call to call.

A network's state is explicit: an output NAME_out is fed back as the input NAME_in, from zeros on. One thread, no
spinning, no telemetry of warnings; any fault of a file is one ModelError.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from engine.core.errors import ModelError
from engine.inference.huge_pages import huge_pages
from engine.inference.network_file import REMEDY, NetworkFile, parse_metadata, read_content

__all__ = ["Network", "open_session"]

LARGE = 4 << 20  # bytes from which on huge pages matter
MAX_STATE = 1 << 24  # values: 64 MiB of float32
SILENT = 4  # of the runtime's own log: only fatal errors; the ModelError reports the rest

Array = npt.NDArray[Any]


class Network(NetworkFile):
    """Run one ONNX file with `run`, which carries the state; `metadata` holds its metadata.

    path: the file
    kind: what its metadata must name it, such as "unmix"
    """

    def __init__(self, path: str | Path, kind: str) -> None:
        self._session = open_session(Path(path))
        texts = self._session.get_modelmeta().custom_metadata_map
        super().__init__(path, kind, parse_metadata(path, texts))
        self.inputs = {given.name: tuple(given.shape) for given in self._session.get_inputs()}
        self.outputs = tuple(given.name for given in self._session.get_outputs())
        self._state = {name: self._zeros(name) for name in self.inputs if name.endswith("_in")}
        self._feed: dict[str, Array] = {}
        self.reset()

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Return the outputs by name, for the inputs other than the state, which is fed and kept."""
        self._feed.update(inputs)
        results = dict(zip(self.outputs, self._session.run(self.outputs, self._feed), strict=True))
        for name in self._state:
            self._feed[name] = results[_twin(name)]
        return results

    def reset(self) -> None:
        """Set the state to that at the start of a stream: zeros."""
        self._feed.update(self._state)

    def expect_shapes(self, inputs: Mapping[str, tuple[int | None, ...]]) -> None:
        """Raise ModelError unless the inputs besides the state have these names and shapes; None is any length."""
        plain = {name: shape for name, shape in self.inputs.items() if name not in self._state}
        found = {name: tuple(n if isinstance(n, int) else None for n in shape) for name, shape in plain.items()}
        if found != dict(inputs):
            raise self._wrong(f"inputs {dict(inputs)}", str(found)[:120])

    def _zeros(self, name: str) -> Array:
        shape = self.inputs[name]
        known = all(isinstance(n, int) and n > 0 for n in shape)
        if not known or int(np.prod(shape, dtype=np.float64)) > MAX_STATE or _twin(name) not in self.outputs:
            raise self._wrong(f"a state '{name}' of fixed size that comes back as '{_twin(name)}'", str(shape))
        return np.zeros(shape, np.float32)


def _twin(name: str) -> str:
    return name.removesuffix("_in") + "_out"


def open_session(path: Path) -> onnxruntime.InferenceSession:
    """Open a session on one thread; the file is read first, so it cannot load others from its folder."""
    content = read_content(path)
    try:
        with huge_pages() if len(content) >= LARGE else nullcontext():
            return onnxruntime.InferenceSession(content, _options(), providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime raises a dozen unrelated types
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise ModelError(str(path), expected="an ONNX network", got=reason, remedy=REMEDY) from error


def _options() -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = SILENT
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    # For third-party networks with signed 8-bit weights: without this, their products saturate on older processors.
    options.add_session_config_entry("session.x64quantprecision", "1")
    return options
