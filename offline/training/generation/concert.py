"""Training of CONCERT."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from models.generation.concert import Concert, ConcertConfig
from offline.music.chords import with_chords
from offline.music.codecs import TuneTuples
from offline.music.home_key import home_frames
from offline.training.generation.tokens import TokenTraining

__all__ = ["ConcertTraining"]

LOW, N_PITCHES = 54, 36


class ConcertTraining(TokenTraining):
    """CONCERT (Mozer 1994): pitch, duration and chord of each note, by a recurrent network of its own kind."""

    length = 32
    home = True

    def build(self) -> nn.Module:
        """Load melodies with the chords of all voices, in the home key."""
        self.codec = TuneTuples(low=LOW, n_pitches=N_PITCHES)
        self.split = {
            split: [self.codec.encode(with_chords(p)) for p in home_frames(pieces)]
            for split, pieces in self.corpora.grids().items()
        }
        return Concert(ConcertConfig(n_tokens=self.codec.n_tokens, low=self.codec.low, hidden=self.pick(40, 96, 12)))

    def nats(self, model: Any, *batch: Tensor) -> Tensor:
        """Return the nats per row, summed over its streams."""
        loss: Tensor = model(batch[0]).sum(2).mean()
        return loss
