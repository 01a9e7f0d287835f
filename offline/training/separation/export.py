"""Export a trained network that separates: compare block by block with torch, measure small weights, write the card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engine.audio.files import AudioReader
from engine.inference.network import Network
from engine.separation.config import MaskNetworkConfig
from engine.separation.mask_network_segments import open_separator
from models.export import export_graph
from models.separation.band_network import SeparationNetwork
from models.separation.config import SeparationNetworkConfig
from models.separation.graph import separation_graph, separation_metadata
from models.weight_bits import FLOAT_BITS, WEIGHT_BITS
from offline.evaluation.stems import separate_streaming
from offline.training.common.card import card_fields, write_card
from offline.training.common.export import Exportable, export_checked, export_figures
from offline.training.separation.config import SeparationExport
from offline.training.separation.train import restore_separation

__all__ = ["export_separation", "noise_of", "weight_distances"]

MUSIC_S = 30.0  # of the recording
SILENT = 1e-30  # power of an output that is none
EQUAL = 1e-15  # share of the power below which two outputs are equal: 150 dB is told, never infinity


def export_separation(config: SeparationExport) -> Path:
    """Write the network file and its card."""
    network, found = restore_separation(config.checkpoint)
    level = network.config.level if config.level is None else config.level
    network.config = replace(network.config, level=level, temperature=config.temperature)
    made = _exportable(config, network)
    plain = config.output.with_suffix(".fp32.onnx")
    checks: dict[str, Any] = {"error_fp32": export_checked(made, plain)}
    bits = made.graph.few_bits if config.bits is None else config.bits
    if bits < FLOAT_BITS:
        export_graph(made.graph, config.output, made.metadata, bits=bits)
        assert isinstance(made.stream, Tensor)
        found_db = weight_distances(plain, config.output, made.stream.split(made.blocks[0]), config.music)
        checks |= {f"{WEIGHT_BITS[bits]}_{name}": value for name, value in found_db.items()}
        plain.unlink()
    else:
        plain.replace(config.output)
    checks |= export_figures(found, config.output)
    write_card(config.output, card_fields(config, found, network.config.as_dict(), checks))
    return config.output


def _exportable(config: SeparationExport, network: SeparationNetwork) -> Exportable:
    stream = noise_of(network.config)
    return Exportable(
        graph=separation_graph(network),
        metadata=separation_metadata(network.config, licence=config.licence, training=config.training),
        stream=stream,
        blocks=(len(stream),) if network.config.bidirectional else (1,),
    )


def noise_of(config: SeparationNetworkConfig, n_frames: int = 60) -> Tensor:
    """Make, to compare files on, magnitudes (frame, row, bin) of white noise at -20 dB of full scale."""
    generator = torch.Generator().manual_seed(0)
    shape = (n_frames, config.n_rows, config.n_bins)
    level: float = 0.1 * config.n_fft**0.5
    return level * torch.randn(shape, generator=generator).abs()


def weight_distances(exact: Path, coarse: Path, noise: Sequence[Tensor], music: Path | None) -> dict[str, Any]:
    """Measure how far a file is from another, dB: their masks of noise, and the stems of a recording if there is one.

    noise: blocks of magnitudes (frame, row, bin), as many frames as the network takes at once
    """
    found: dict[str, Any] = {"mask_snr_db": _mask_snr_db(exact, coarse, [block.numpy() for block in noise])}
    if music is not None:
        found["stem_snr_db"] = _stem_snr_db(exact, coarse, music)
    return found


def _mask_snr_db(exact: Path, coarse: Path, blocks: Sequence[np.ndarray]) -> float:
    """Return the distance of the masks of two files, block of magnitudes by block, dB."""
    masks = []
    for path in (exact, coarse):
        network = Network(path, "unmix")
        masks.append(np.concatenate([network.run({"magnitude": block})["mask"] for block in blocks]))
    return float(_snr_db(np.sum(masks[0] ** 2), np.sum((masks[0] - masks[1]) ** 2)))


def _stem_snr_db(exact: Path, coarse: Path, music: Path) -> dict[str, float]:
    """Return the distance of the stems of two files on a recording, dB, by target."""
    with AudioReader(music) as reader:
        audio = reader.read()[: int(MUSIC_S * reader.format.sample_rate)]
    nodes = [open_separator(MaskNetworkConfig(model=path), n_channels=audio.shape[1]) for path in (exact, coarse)]
    stems = [separate_streaming(node, audio).astype(np.float64) for node in nodes]
    power, error = (np.sum(part**2, axis=(0, 2)) for part in (stems[0], stems[1] - stems[0]))
    return dict(zip(nodes[0].targets, np.round(_snr_db(power, error), 1).tolist(), strict=True))


def _snr_db(power: Any, error: Any) -> Any:
    return -10 * np.log10(np.maximum(error / np.maximum(power, SILENT), EQUAL))
