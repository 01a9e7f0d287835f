"""Training of the systems that write token after token."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor, nn

from models.generation.tokens import TokenLstm, TokenLstmConfig
from offline.music.catalogue import ROLL_SPLITS
from offline.music.codecs import ChoraleTokens, DrumTokens, MelodyTokens
from offline.music.home_key import home_frames
from offline.music.piece import from_grid
from offline.training.generation.data import KEYS, random_windows
from offline.training.generation.task import BatchTraining, Extras

__all__ = ["BachBotTraining", "CelticTraining", "MelodyTraining", "RhythmTraining"]


class TokenTraining(BatchTraining):
    """Learn windows of rows of tokens; a subclass gives the rows and the network."""

    length = 128
    codec: Any
    split: dict[str, list[np.ndarray]]

    def batch(self, split: str, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Draw windows (batch, time, stream)."""
        return (random_windows(self.split[split], self.n_batch, self.length + 1, rng),)

    def nats(self, model: Any, *batch: Tensor) -> Tensor:
        """Return the nats per row, summed over its streams."""
        nll, _ = model(batch[0], self.model.initial(len(batch[0])), *batch[1:])
        loss: Tensor = nll.sum(2).mean()
        return loss

    def network(self, n_tokens: tuple[int, ...], **more: Any) -> TokenLstm:
        """Make a token network; sizes: (hidden, layers) for each size of the settings."""
        hidden, layers = self.pick(*more.pop("sizes"))
        return TokenLstm(TokenLstmConfig(n_tokens=n_tokens, hidden=hidden, n_layers=layers, **more))


class BachBotTraining(TokenTraining):
    """BachBot (Liang 2016): a chorale as one row of tokens, three layers of 256."""

    def build(self) -> nn.Module:
        """Load chorales in all keys to train, in their own to validate, with fermatas where the corpus has them."""
        self.codec = codec = ChoraleTokens()
        chorales = self.corpora.signed_chorales()
        self.split = {split: [codec.encode(p)[:, None] for p in chorales[split]] for split in ROLL_SPLITS[:2]}
        self.split["train"] = [np.where(t >= codec.FIRST, t + 2 * key, t) for t in self.split["train"] for key in KEYS]
        sizes = ((256, 3), (256, 2), (16, 1))
        return self.network((self.codec.n_tokens,), embed=32, sizes=sizes)


class CelticTraining(TokenTraining):
    """Celtic, or folk-rnn (Sturm et al. 2016): tunes as ABC tokens, three layers of 512."""

    def build(self) -> nn.Module:
        """Load the tunes one after another, so that no window has to be padded."""
        self.codec, split = self.corpora.tunes()
        self.split = {name: [np.concatenate(tunes)[:, None]] for name, tunes in split.items() if tunes}
        sizes = ((512, 3), (256, 2), (16, 1))
        return self.network((self.codec.n_tokens,), embed=64, dropout=0.5, sizes=sizes)

    def extras(self) -> Extras:
        """Return the vocabulary."""
        return {}, {"vocabulary": list(self.codec.vocabulary)}


class MelodyTraining(TokenTraining):
    """The melody network that RL-Tuner starts from: 38 classes a sixteenth, one layer of 100."""

    home = True

    def build(self) -> nn.Module:
        """Make one melody network."""
        return self.build_melody()

    def build_melody(self) -> TokenLstm:
        """Load melodies in the home key."""
        self.codec = MelodyTokens()
        self.split = {
            split: [self.codec.encode(from_grid(p))[:, None] for p in home_frames(pieces)]
            for split, pieces in self.corpora.melodies().items()
        }
        return self.network((self.codec.n_tokens,), sizes=((100, 1), (100, 1), (12, 1)), dropout=0.1)


class RhythmTraining(TokenTraining):
    """Rhythm (Makris et al. 2017): drums given bass, guitar, tempo and position in the metre."""

    def build(self) -> nn.Module:
        """Make the network; grooves are made by rule."""
        self.codec = DrumTokens()
        return self.network((self.codec.n_tokens,), n_condition=22, sizes=((256, 2), (96, 1), (16, 1)))

    def batch(self, split: str, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Make grooves of eight bars and their conditions."""
        made = [self.corpora.groove(split, rng) for _ in range(self.n_batch)]
        tokens = np.stack([t for t, _ in made])[..., None]
        return tokens, np.stack([c for _, c in made])[:, 1:]
