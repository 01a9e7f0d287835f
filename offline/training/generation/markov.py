"""Counting for Markov: a table and its card, which play as a network does."""

from __future__ import annotations

import numpy as np

from offline.generation.players.markov import count_home, save_markov
from offline.generation.systems import SYSTEMS
from offline.music.catalogue import CORPORA
from offline.music.codecs import VoiceGrid
from offline.music.corpora import Corpora
from offline.music.home_key import home_frames
from offline.training.common.card import write_card
from offline.training.generation.config import GenerationTraining
from offline.training.generation.likelihood import markov_nll

__all__ = ["COUNTED", "count_system"]

COUNTED, LICENCE = "Markov", "MIT"
OWN_SPLIT = "every tenth piece validates, every tenth tests"


def count_system(config: GenerationTraining) -> dict[str, float]:
    """Count a corpus in the home key; write OUTPUT/Markov.npz and its card; return the nats per note of validation."""
    corpora, system = Corpora(config.data), SYSTEMS[COUNTED]
    model = count_home(corpora)
    nats = markov_nll(model, VoiceGrid(), home_frames(corpora.chorales()["valid"]))
    metric = float(np.concatenate([piece.ravel() for piece in nats]).mean())
    config.output.mkdir(parents=True, exist_ok=True)
    path = config.output / f"{COUNTED}.npz"
    save_markov(path, model)
    row = CORPORA[system.corpus]
    fields = {
        "licence": LICENCE,
        "data": corpora.text or row.text,
        "split": row.split if corpora.own is None else OWN_SPLIT,
        "training": f"collaparte train generation --system {COUNTED}: {model.n_contexts} contexts, home key",
        "metric": f"{system.metric}, in the home key",
        "figures": {"metric": round(metric, 4)},
        "size": "four orders",
        "network": {"contexts": model.n_contexts, "n_tokens": model.n_tokens},
        "parameters": sum(map(len, model.counts)),
        "megabytes": round(path.stat().st_size / 1e6, 2),
    }
    write_card(path, fields)
    return {"metric": metric}
