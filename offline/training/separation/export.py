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

__all__ = ["export_separation"]

MUSIC_S = 30.0  # of the recording


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
        checks |= _distances(plain, config, made, WEIGHT_BITS[bits])
        plain.unlink()
    else:
        plain.replace(config.output)
    checks |= export_figures(found, config.output)
    write_card(config.output, card_fields(config, found, network.config.as_dict(), checks))
    return config.output


def _exportable(config: SeparationExport, network: SeparationNetwork) -> Exportable:
    stream = _noise(network.config)
    return Exportable(
        graph=separation_graph(network),
        metadata=separation_metadata(network.config, licence=config.licence, training=config.training),
        stream=stream,
        blocks=(len(stream),) if network.config.bidirectional else (1,),
    )


def _noise(config: SeparationNetworkConfig, n_frames: int = 60) -> Tensor:
    """Make magnitudes (frame, row, bin) of white noise at -20 dB of full scale."""
    generator = torch.Generator().manual_seed(0)
    shape = (n_frames, config.n_rows, config.n_bins)
    level: float = 0.1 * config.n_fft**0.5
    return level * torch.randn(shape, generator=generator).abs()


def _distances(plain: Path, config: SeparationExport, made: Exportable, name: str) -> dict[str, Any]:
    """Measure how far small weights are from 32-bit ones: masks of noise and, if asked for, stems of a recording."""
    assert isinstance(made.stream, Tensor)
    blocks = [part.numpy() for part in made.stream.split(made.blocks[0])]
    found: dict[str, Any] = {f"{name}_mask_snr_db": _mask_snr_db(plain, config.output, blocks)}
    if config.music is not None:
        found[f"{name}_stem_snr_db"] = _stem_snr_db(plain, config.output, config.music)
    return found


def _mask_snr_db(exact: Path, coarse: Path, blocks: Sequence[np.ndarray]) -> float:
    """Return the distance of the masks of two files, block of magnitudes by block, dB."""
    masks = []
    for path in (exact, coarse):
        network = Network(path, "unmix")
        masks.append(np.concatenate([network.run({"magnitude": block})["mask"] for block in blocks]))
    return float(10 * np.log10(np.sum(masks[0] ** 2) / np.sum((masks[0] - masks[1]) ** 2)))


def _stem_snr_db(exact: Path, coarse: Path, music: Path) -> dict[str, float]:
    """Return the distance of the stems of two files on a recording, dB, by target."""
    with AudioReader(music) as reader:
        audio = reader.read()[: int(MUSIC_S * reader.format.sample_rate)]
    nodes = [open_separator(MaskNetworkConfig(model=path), n_channels=audio.shape[1]) for path in (exact, coarse)]
    stems = [separate_streaming(node, audio).astype(np.float64) for node in nodes]
    power, error = (np.sum(part**2, axis=(0, 2)) for part in (stems[0], stems[1] - stems[0]))
    return dict(zip(nodes[0].targets, np.round(10 * np.log10(power / error), 1).tolist(), strict=True))
