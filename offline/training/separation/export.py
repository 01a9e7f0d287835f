"""From a checkpoint to a file that runs live: export, check block by block against torch, write the card."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engine.audio.files import AudioReader
from engine.core.errors import ModelError
from engine.inference.network import Network
from engine.separation.mask_network import UnmixConfig as NodeConfig
from engine.separation.mask_network_segments import open_bank
from models.export import check_graph
from models.separation.band_network import BandUnmix, build_model
from models.separation.graph import export_unmix
from models.separation.network import Unmix, UnmixConfig
from offline.evaluation.stems import separate
from offline.training.common.card import write_card

__all__ = ["add_options", "load_checkpoint", "main", "ship"]

BLOCKS = (1, 2, 7)  # frames a call
MUSIC_S = 30.0  # of the recording
EXPORTED = 1e-4  # largest error of the float file against torch, of the masks' standard deviation


def load_checkpoint(path: Path) -> tuple[Unmix | BandUnmix, dict[str, Any]]:
    """The bank with the running average of its weights, and the whole checkpoint; ModelError if it is none."""
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
        settings = {**saved["task"], "targets": tuple(saved["task"]["targets"])}
        model = build_model(UnmixConfig(**settings))
        model.load_state_dict(saved["weights"])
    except Exception as error:  # torch raises what its unpickler raises
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise ModelError(str(path), expected="a checkpoint of `train unmix`", got=reason) from error
    return model.eval(), saved


def noise(config: UnmixConfig, n_frames: int = 60) -> torch.Tensor:
    """Magnitudes (frame, row, bin) of white noise at -20 dB of full scale."""
    generator = torch.Generator().manual_seed(0)
    shape = (n_frames, config.n_heard, config.n_bins)
    return 0.1 * config.n_fft**0.5 * torch.randn(shape, generator=generator).abs()


def ship(
    checkpoint: Path,
    target: Path,
    fields: dict[str, object],
    *,
    int8: bool = True,
    music: Path | None = None,
    level: float | None = None,
    temperature: float = 1.0,
) -> dict[str, Any]:
    """Write NAME.onnx and NAME.toml to `target`; returns the errors and sizes that were found.

    music: a recording to compare the stems of 8-bit weights on; level: of live input, the one the checkpoint was
    trained at by default; temperature: of the masks.
    """
    model, saved = load_checkpoint(checkpoint)
    model.config = replace(model.config, level=model.config.level if level is None else level, temperature=temperature)
    licence, training = str(fields["licence"]), str(fields["training"])
    plain = target.with_suffix(".fp32.onnx")
    graph, stream = export_unmix(model, plain, licence=licence, training=training), noise(model.config)
    blocks = (len(stream),) if model.config.bidirectional else BLOCKS
    worst = max(check_graph(graph, plain, stream, block=block, kind="unmix") for block in blocks)
    if worst > EXPORTED:
        raise ModelError(str(plain), expected=f"an error up to {EXPORTED}", got=f"{worst:.2g}")
    found: dict[str, Any] = {
        "error_fp32": worst,
        "steps": saved["step"],
        "trained_minutes": round(saved["trained_s"] / 60, 1),
    }
    if int8:
        export_unmix(model, target, licence=licence, training=training, int8=True)
        parts = [part.numpy() for part in stream.split(blocks[0])]
        found["int8_mask_snr_db"] = mask_snr_db(plain, target, parts)
        if music is not None:
            found["int8_stem_snr_db"] = stem_snr_db(plain, target, music)
        plain.unlink()
    else:
        plain.replace(target)
    found["megabytes"] = round(target.stat().st_size / 1e6, 2)
    write_card(target, {**fields, "network": model.config.as_dict(), "checks": found})
    return found


def mask_snr_db(exact: Path, coarse: Path, blocks: Sequence[np.ndarray]) -> float:
    """How far the masks of one file are from another's, block of magnitudes by block, dB."""
    masks = []
    for path in (exact, coarse):
        network = Network(path, "unmix")
        masks.append(np.concatenate([network.run({"magnitude": block})["mask"] for block in blocks]))
    return float(10 * np.log10(np.sum(masks[0] ** 2) / np.sum((masks[0] - masks[1]) ** 2)))


def stem_snr_db(exact: Path, coarse: Path, music: Path) -> dict[str, float]:
    """How far the stems of one file are from another's on a recording, dB, by target."""
    with AudioReader(music) as reader:
        audio = reader.read()[: int(MUSIC_S * reader.format.sample_rate)]
    nodes = [open_bank(NodeConfig(model=path), n_channels=audio.shape[1]) for path in (exact, coarse)]
    stems = [separate(node, audio).astype(np.float64) for node in nodes]
    power, error = (np.sum(part**2, axis=(0, 2)) for part in (stems[0], stems[1] - stems[0]))
    return dict(zip(nodes[0].targets, np.round(10 * np.log10(power / error), 1).tolist(), strict=True))


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `collaparte train unmix-export`."""
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("target", type=Path, help="NAME.onnx to write; NAME.toml goes beside it")
    parser.add_argument("--licence", required=True, help="of the weights")
    parser.add_argument("--data", required=True, help="what they were trained on, and its licence")
    parser.add_argument("--split", required=True, help="what was held out")
    parser.add_argument("--training", required=True, help="the command that trained them")
    parser.add_argument("--metrics", default="", help="what they reach on what was held out")
    parser.add_argument("--music", type=Path, help="a recording to compare the stems of 8-bit weights on")
    parser.add_argument("--level", type=float, help="of live input, 0 to 1 of full scale (default: as trained)")
    parser.add_argument("--temperature", type=float, default=1.0, help="above 1 for masks that are less sure")
    parser.add_argument("--fp32", action="store_true", help="keep 32-bit weights")


def main(arguments: Sequence[str] | None = None) -> None:
    """`collaparte train unmix-export`."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_options(parser)
    args = parser.parse_args(arguments)
    fields = {name: getattr(args, name) for name in ("licence", "data", "split", "training", "metrics")}
    how = {name: getattr(args, name) for name in ("music", "level", "temperature")}
    found = ship(args.checkpoint, args.target, fields, int8=not args.fp32, **how)
    for name, value in found.items():
        print(f"{name}: {value if isinstance(value, dict) else f'{value:.4g}'}")


if __name__ == "__main__":
    main()
