"""Continue the training of the layers behind the convolutions alone, the recurrent ones, embeddings and the last.

The convolutions are computed once, so a step costs a tenth of a step of the whole network. When sounds begin and end,
which is most of what is left to learn where time is short, is learnt here.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from engine.core.errors import ConfigError
from models.detection.losses import sound_event_loss
from models.detection.network import POOL, Crnn
from offline.datasets.scenes import SceneSet
from offline.training.common.checkpoint import CHECKPOINT, write_state
from offline.training.common.precision import autocast, has_bfloat16
from offline.training.detection.config import RecurrentFinetuning, RecurrentFit
from offline.training.detection.data import STRONG, embedding_input, fused_embeddings, open_groups
from offline.training.detection.init_weights import load_crnn, weights_for

__all__ = ["convolution_outputs", "finetune_recurrent", "fit_recurrent"]

CONVOLUTION_BATCH = 16
CLIP = 5.0  # largest norm of the gradient


def finetune_recurrent(config: RecurrentFinetuning) -> dict[str, float]:
    """Write checkpoint.pt, which is read like any other; the mean loss of the first and the last twentieth of steps."""
    model = load_crnn(config.checkpoint)
    if not model.config.spectral or model.config.embeddings:
        raise ConfigError(str(config.checkpoint), expected="a network of log-mel alone", got="one with embeddings")
    scenes = open_groups(config.sets)["strong"]
    torch.manual_seed(config.seed)
    model = _changed(model, config, scenes)
    rng = np.random.default_rng(config.seed)
    rows = np.sort(rng.permutation(len(scenes))[: config.scenes])
    losses = fit_recurrent(model, scenes, rows, config.fit, config.seed)
    config.output.mkdir(parents=True, exist_ok=True)
    write_state(config.output / CHECKPOINT, {"task": model.config.as_dict(), "weights": model.state_dict()})
    n = max(len(losses) // 20, 1)
    return {"first_loss": float(np.mean(losses[:n])), "last_loss": float(np.mean(losses[-n:]))}


def _changed(finished: Crnn, config: RecurrentFinetuning, scenes: SceneSet) -> Crnn:
    """Build the network that continues: with embeddings or causal, if the config says so."""
    embeddings = tuple(embedding_input(text, scenes) for text in config.embedding)
    network = replace(finished.config, embeddings=embeddings)
    if config.look_ahead is not None:
        network = replace(network, causal=True, look_ahead=config.look_ahead)
    model = Crnn(network)
    model.load_state_dict(weights_for(network, finished, late=True))
    return model.eval()


def convolution_outputs(model: Crnn, scenes: SceneSet, rows: npt.NDArray[np.int64]) -> Tensor:
    """Compute the output of the convolutions, (scene, step, channel) in bfloat16, look-ahead included."""
    parts, device = [], torch.device("cpu")
    with torch.inference_mode(), autocast(device, enabled=has_bfloat16(device)):
        for start in tqdm(range(0, len(rows), CONVOLUTION_BATCH), unit="batch"):
            mel = torch.from_numpy(np.asarray(scenes.mel[rows[start : start + CONVOLUTION_BATCH]], np.float32))
            x = functional.pad(model.standardised(mel), (0, 0, 0, POOL * model.config.look_ahead))[:, None]
            x = x.to(memory_format=torch.channels_last)
            for stack in model.stacks:
                x, _ = stack(x)
            parts.append(x[..., 0].transpose(1, 2).to(torch.bfloat16))
    return torch.cat(parts).clone()


def fit_recurrent(
    model: Crnn, scenes: SceneSet, rows: npt.NDArray[np.int64], fit: RecurrentFit, seed: int = 0
) -> list[float]:
    """Train everything behind the convolutions on these scenes; return the loss of each step."""
    spectral = convolution_outputs(model, scenes, rows)
    embeddings = [torch.from_numpy(np.asarray(vectors[rows])) for vectors in fused_embeddings(model.config, scenes)]
    torch.manual_seed(seed)
    return _fit(model, (spectral, *embeddings), torch.from_numpy(np.asarray(scenes.steps[rows])), fit)


def _fit(model: Crnn, inputs: tuple[Tensor, ...], labels: Tensor, fit: RecurrentFit) -> list[float]:
    layers = nn.ModuleList([model.recurrent, model.head, model.projections])
    if model.onset is not None:
        layers.append(model.onset)
    optimiser = torch.optim.Adam(layers.parameters(), lr=fit.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, fit.steps)
    averaged = AveragedModel(layers, multi_avg_fn=get_ema_multi_avg_fn(fit.average))
    known, ahead = torch.full((fit.batch,), STRONG), model.config.look_ahead
    losses = []
    for _ in tqdm(range(fit.steps), unit="step"):
        rows = torch.randint(len(labels), (fit.batch,))
        x = _recurrent_input(model, [values[rows].float() for values in inputs], fit)
        y = model.recurrent(x)[0][:, ahead:]
        onset = None if model.onset is None else model.onset(y)
        loss, _ = sound_event_loss(model.head(y), labels[rows].float(), known, fit.losses, onset=onset)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(layers.parameters(), CLIP)
        optimiser.step()
        schedule.step()
        averaged.update_parameters(layers)
        losses.append(float(loss.detach()))
    layers.load_state_dict(averaged.module.state_dict())
    return losses


def _recurrent_input(model: Crnn, inputs: list[Tensor], fit: RecurrentFit) -> Tensor:
    """Make the input of the recurrent layers, (scene, step, feature), with dropout."""
    spectral, *embeddings = inputs
    if fit.hidden_spectra:
        spectral = spectral * (torch.rand(len(spectral), 1, 1) >= fit.hidden_spectra)
    parts = [functional.dropout1d(spectral.transpose(1, 2), fit.dropout).transpose(1, 2)]
    for projection, vectors in zip(model.projections, embeddings, strict=True):
        projected = torch.relu(projection(functional.pad(vectors, (0, 0, 0, model.config.look_ahead))))
        parts.append(functional.dropout1d(projected.transpose(1, 2), fit.dropout).transpose(1, 2))
    return torch.cat(parts, 2)
