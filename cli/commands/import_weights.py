"""`collaparte import-weights`: weights of others become a network file with metadata, card and licence."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from cli.common import argument, command, licence, option, output
from cli.terminal.report import wrote
from engine.core.config import Settings, choice, plain, require
from engine.core.errors import ConfigError, ModelError
from models.weight_bits import FLOAT_BITS, WEIGHT_BITS

__all__ = ["ImportOptions", "import_weights_command"]

EXAMPLES = """\
The weights of others have their own licences, which go into the file: name them with --licence. As published,
umxhq is MIT, umxl CC BY-NC-SA 4.0 (not for commercial use). Both are bidirectional: they are for files, not live.
YAMNet (Apache-2.0; the folder of its SavedModel, with variables/ and assets/yamnet_class_map.csv, as TensorFlow Hub
publishes it as google/yamnet/1) is an embedding, a further input of sound event networks; with --detector it is a
network that hears its 521 sounds by itself.

examples:
  collaparte import-weights vocals-*.pth drums-*.pth bass-*.pth other-*.pth --licence MIT -o umxhq.onnx
  collaparte import-weights vocals-*.pth --licence MIT -o voice.onnx             separates into vocals and rest
  collaparte import-weights pytorch_model.bin --licence "as its page says" -o xumx.onnx
  collaparte separate song.flac --model umxhq.onnx --wiener
  collaparte import-weights yamnet_base --licence Apache-2.0 -o yamnet.onnx
  collaparte import-weights yamnet_base --detector --licence Apache-2.0 -o sounds.onnx
  collaparte run --input mic --detect sounds.onnx --top 5
"""
FRAMES = 40
EXPORTED = 1e-4  # largest error of the file against torch, of the outputs' standard deviation
EMBEDDING_HOP = 3840  # samples: 0.24 s, four vectors for the second that each of them covers


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions(Settings):
    """Options of `collaparte import-weights`."""

    files: tuple[Path, ...] = argument(
        "FILE...",
        "state dicts of torch: of UMX one for each target, named by it; of X-UMX the one with all; of YAMNet the "
        "folder of its SavedModel",
    )
    output: Path = output("ONNX", "the network file; a card, NAME.toml, is written beside it")
    licence: str = licence("of these weights, as their authors say")
    rate: int = option(plain(44100, "sample rate they were trained at"), metavar="HZ")
    hop: int | None = option(
        plain(None, "between frames (default a quarter of a frame, as published) or embeddings (default 3840)"),
        metavar="SAMPLES",
    )
    detector: bool = plain(False, "YAMNet with its list of classes, for --detect, instead of an embedding")
    bits: int = choice(FLOAT_BITS, tuple(WEIGHT_BITS), "bits of a weight; 4 for separators of one direction only")


@command(ImportOptions, EXAMPLES)
def import_weights_command(options: ImportOptions) -> int:
    """Read, check, write, check again."""
    if options.output.suffix != ".onnx":
        raise ConfigError("--output", expected="a name that ends in .onnx", got=options.output.name)
    if not options.files[0].is_dir():
        if options.detector:
            raise ConfigError("--detector", expected="the folder of YAMNet's SavedModel", got=options.files[0].name)
        return _separator(options)
    if len(options.files) > 1 or options.bits != FLOAT_BITS:
        got = f"--bits {options.bits}" if options.bits != FLOAT_BITS else f"{len(options.files)} files"
        raise ConfigError("import-weights", expected="the folder alone", got=got)
    return _detector(options) if options.detector else _embedding(options)


def _separator(options: ImportOptions) -> int:
    """Open-Unmix or CrossNet-Open-Unmix of its state dicts, as a separating network."""
    import torch

    from models.export import check_graph
    from models.separation.graph import export_separator
    from models.separation.import_open_unmix import import_open_unmix, is_complete
    from offline.training.common.card import write_card

    model = import_open_unmix(options.files, sample_rate=options.rate, hop=options.hop)
    config = model.config
    training = f"imported from {', '.join(path.name for path in options.files)}"
    graph = export_separator(
        model,
        options.output,
        licence=options.licence,
        training=training,
        bits=options.bits,
        complete=is_complete(config),
    )
    stream = torch.rand(FRAMES, config.n_channels, config.n_bins, generator=torch.Generator().manual_seed(0))
    error = check_graph(graph, options.output, stream, block=FRAMES if config.bidirectional else 1, kind="unmix")
    if options.bits == FLOAT_BITS:
        _check_error(options.output, error)
    fields = {
        "licence": options.licence,
        "training": training,
        "sources": {path.name: _digest(path) for path in options.files},
        "network": config.as_dict(),
        "checks": {"error": error},
    }
    write_card(options.output, fields)
    use = "separate FILE --model" if config.bidirectional else "run --input mic --output device --separate"
    stems = ", ".join(config.targets) + ("" if is_complete(config) else ", and the rest of the mixture")
    _finish(options, stems, f"collaparte {use} {options.output}")
    return 0


def _embedding(options: ImportOptions) -> int:
    """YAMNet of its SavedModel's folder, as an embedding that sound event networks take as a further input."""
    import torch

    from models.detection.tensor_bundle import DATA, INDEX, read_variables
    from models.detection.yamnet import DIMENSION, SAMPLE_RATE, WINDOW, yamnet
    from models.export import Graph, check_graph, export_graph
    from offline.training.common.card import write_card

    folder = options.files[0]
    hop = EMBEDDING_HOP if options.hop is None else options.hop
    require("--hop", hop, 1, WINDOW)
    net = yamnet(read_variables(folder), folder)
    graph = Graph(module=net, inputs={"audio": torch.zeros(1, WINDOW)}, outputs=("vector",), dynamic={})
    export_graph(graph, options.output, {"kind": "embedding", "licence": options.licence})
    stream = 0.1 * torch.randn(1, WINDOW, generator=torch.Generator().manual_seed(0))
    error = check_graph(graph, options.output, stream, block=1, kind="embedding")
    _check_error(options.output, error)
    fields = {
        "sample_rate": SAMPLE_RATE,
        "window": WINDOW,
        "hop": hop,
        "dimension": DIMENSION,
        "licence": options.licence,
        "training": f"imported from {folder.name}",
        "sources": {name: _digest(folder / "variables" / name) for name in (INDEX, DATA)},
        "checks": {"error": error},
    }
    write_card(options.output, fields)
    given = f"--embedding {options.output.stem}={options.output}"
    _finish(options, "an embedding", f"collaparte finetune detection --data my_sounds/ {given} -o mine.onnx")
    return 0


def _detector(options: ImportOptions) -> int:
    """YAMNet with its last layer and the names of its classes, as a detector."""
    import torch

    from engine.core.config import resolved
    from engine.detection.sound_files import WINDOW_NETWORK
    from models.detection.tensor_bundle import DATA, INDEX, read_variables
    from models.detection.yamnet import YAMNET_FRONT_END, yamnet_classes, yamnet_scores
    from models.export import Graph, check_graph, export_graph
    from offline.training.common.card import write_card

    folder = options.files[0]
    classes = yamnet_classes(folder)
    net = yamnet_scores(read_variables(folder), len(classes), folder)
    example = torch.zeros(YAMNET_FRONT_END.frames, YAMNET_FRONT_END.n_mels)
    graph = Graph(module=net, inputs={"mel": example}, outputs=("score",), dynamic={})
    metadata = {
        "kind": WINDOW_NETWORK,
        "front_end": resolved(YAMNET_FRONT_END),
        "classes": classes,
        "scores": "probability",
    }
    export_graph(graph, options.output, {**metadata, "licence": options.licence})
    stream = torch.randn(*example.shape, generator=torch.Generator().manual_seed(0)) - 3
    error = check_graph(graph, options.output, stream, block=len(example), kind=WINDOW_NETWORK)
    _check_error(options.output, error)
    fields = {
        "licence": options.licence,
        "training": f"imported from {folder.name}",
        "sources": {name: _digest(folder / "variables" / name) for name in (INDEX, DATA)},
        "front_end": metadata["front_end"],
        "checks": {"error": error},
    }
    write_card(options.output, fields)
    _finish(options, f"{len(classes)} sounds", f"collaparte run --input mic --detect {options.output}")
    return 0


def _check_error(path: Path, error: float) -> None:
    if error > EXPORTED:
        raise ModelError(str(path), expected=f"an error up to {EXPORTED}", got=f"{error:.2g}")


def _finish(options: ImportOptions, what: str, then: str) -> None:
    print(f"{options.output}: {what}; try: {then}")
    wrote([options.output, options.output.with_suffix(".toml")])


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
