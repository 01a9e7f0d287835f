"""Continue the training of the last layers alone: the recurrent ones, embeddings, the last, and some convolutions.

What comes before is computed once, so a step costs a tenth of a step of the whole network, or a fifth with two stacks
of convolutions. When sounds begin and end, which is most of what is left to learn where time is short, is learnt here,
and so is what must not be reported, of more recordings than the whole network could be trained on.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

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
from offline.training.detection.init_weights import calibrated_crnn, weights_for

__all__ = ["finetune_recurrent", "fit_recurrent", "stack_outputs"]

CONVOLUTION_BATCH = 16
CLIP = 5.0  # largest norm of the gradient
LEAST_DEVIATION = 1e-3  # of a number of an embedding, over all steps


class _Inputs(NamedTuple):
    """What the layers that learn are given, by scene.

    stacks: (scene, channel, frame, bin), of the last stack that does not learn
    embeddings: (scene, step, dimension) each
    labels: (scene, step, class)
    described: (scene, step, dimension), of mean 0 and deviation 1; or None
    """

    stacks: Tensor
    embeddings: tuple[Tensor, ...]
    labels: Tensor
    described: Tensor | None

    def scenes(self, rows: Tensor) -> _Inputs:
        """Return some of the scenes in full precision."""
        described = None if self.described is None else self.described[rows].float()
        embeddings = tuple(values[rows].float() for values in self.embeddings)
        return _Inputs(self.stacks[rows].float(), embeddings, self.labels[rows].float(), described)


def finetune_recurrent(config: RecurrentFinetuning) -> dict[str, float]:
    """Write checkpoint.pt, which is read like any other; the mean loss of the first and the last twentieth of steps."""
    scenes = open_groups(config.sets)["strong"]
    model = calibrated_crnn(config.checkpoint, scenes)
    if not model.config.spectral or model.config.embeddings:
        raise ConfigError(str(config.checkpoint), expected="a network of log-mel alone", got="one with embeddings")
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


def stack_outputs(model: Crnn, scenes: SceneSet, rows: npt.NDArray[np.int64], n_stacks: int) -> Tensor:
    """Compute the output of the first stacks, (scene, channel, frame, bin) in bfloat16, look-ahead included."""
    parts, device = [], torch.device("cpu")
    with torch.inference_mode(), autocast(device, enabled=has_bfloat16(device)):
        for start in tqdm(range(0, len(rows), CONVOLUTION_BATCH), unit="batch"):
            mel = torch.from_numpy(np.asarray(scenes.mel[rows[start : start + CONVOLUTION_BATCH]], np.float32))
            x = functional.pad(model.standardised(mel), (0, 0, 0, POOL * model.config.look_ahead))[:, None]
            x = x.to(memory_format=torch.channels_last)
            for stack in model.stacks[:n_stacks]:
                x, _ = stack(x)
            parts.append(x.to(torch.bfloat16))
    return torch.cat(parts).clone()


def fit_recurrent(
    model: Crnn, scenes: SceneSet, rows: npt.NDArray[np.int64], fit: RecurrentFit, seed: int = 0
) -> list[float]:
    """Train everything behind the convolutions, and the last `fit.stacks` of them; return the loss of each step."""
    fused = fused_embeddings(model.config, scenes)
    inputs = _Inputs(
        stacks=stack_outputs(model, scenes, rows, len(model.stacks) - fit.stacks),
        embeddings=tuple(torch.from_numpy(np.asarray(vectors[rows])) for vectors in fused),
        labels=torch.from_numpy(np.asarray(scenes.steps[rows])),
        described=None if fit.describe is None else _described(scenes, rows, fit.describe),
    )
    torch.manual_seed(seed)
    return _fit(model, inputs, fit)


def _described(scenes: SceneSet, rows: npt.NDArray[np.int64], name: str) -> Tensor:
    """Return an embedding of the scenes, each of its numbers brought to mean 0 and deviation 1, in 16 bits."""
    if name not in scenes.embeddings:
        have = ", ".join(scenes.embeddings) or "no embedding"
        raise ConfigError("--describe", expected=f"NAME, of what the sets have: {have}", got=name)
    vectors = torch.from_numpy(np.asarray(scenes.embeddings[name][rows]))
    deviation, mean = torch.std_mean(vectors.float(), (0, 1))
    return ((vectors - mean) / deviation.clamp_min(LEAST_DEVIATION)).to(torch.bfloat16)


def _fit(model: Crnn, inputs: _Inputs, fit: RecurrentFit) -> list[float]:
    layers = nn.ModuleList([model.recurrent, model.head, model.projections, *_last(model, fit.stacks)])
    if model.onset is not None:
        layers.append(model.onset)
    describe = None if inputs.described is None else nn.Linear(model.config.hidden, inputs.described.shape[2])
    learnt = [*layers.parameters(), *([] if describe is None else describe.parameters())]
    optimiser = torch.optim.Adam(learnt, lr=fit.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, fit.steps)
    averaged = AveragedModel(layers, multi_avg_fn=get_ema_multi_avg_fn(fit.average))
    losses = []
    for _ in tqdm(range(fit.steps), unit="step"):
        some = inputs.scenes(torch.randint(len(inputs.labels), (fit.batch,)))
        loss = _loss(model, some, describe, fit)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(learnt, CLIP)
        optimiser.step()
        schedule.step()
        averaged.update_parameters(layers)
        losses.append(float(loss.detach()))
    layers.load_state_dict(averaged.module.state_dict())
    return losses


def _last(model: Crnn, n_stacks: int) -> list[nn.Module]:
    return list(model.stacks)[len(model.stacks) - n_stacks :]


def _loss(model: Crnn, some: _Inputs, describe: nn.Module | None, fit: RecurrentFit) -> Tensor:
    """Return the loss of some scenes; the batch norms stay as they are."""
    x = some.stacks
    for stack in _last(model, fit.stacks):
        x, _ = stack(x)
    x = _recurrent_input(model, x[..., 0].transpose(1, 2), some.embeddings, fit)
    y = model.recurrent(x)[0][:, model.config.look_ahead :]
    onset = None if model.onset is None else model.onset(y)
    known = torch.full((len(y),), STRONG)
    loss, _ = sound_event_loss(model.head(y), some.labels, known, fit.losses, onset=onset)
    if describe is not None and some.described is not None:
        loss = loss + fit.described * functional.mse_loss(describe(y), some.described)
    return loss


def _recurrent_input(model: Crnn, spectral: Tensor, embeddings: tuple[Tensor, ...], fit: RecurrentFit) -> Tensor:
    """Make the input of the recurrent layers, (scene, step, feature), with dropout."""
    if fit.hidden_spectra:
        spectral = spectral * (torch.rand(len(spectral), 1, 1) >= fit.hidden_spectra)
    parts = [functional.dropout1d(spectral.transpose(1, 2), fit.dropout).transpose(1, 2)]
    for projection, vectors in zip(model.projections, embeddings, strict=True):
        projected = torch.relu(projection(functional.pad(vectors, (0, 0, 0, model.config.look_ahead))))
        parts.append(functional.dropout1d(projected.transpose(1, 2), fit.dropout).transpose(1, 2))
    return torch.cat(parts, 2)
