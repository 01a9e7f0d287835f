"""A recurrent network over frames of several voices, whose head writes the voices of a frame one after another.

Recurrence over frames instead of tokens is four times shorter, and the head keeps the factorisation of tokens:
p(frame | past) = product over v of p(voice v | past, voices before v).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.core.config import Settings, plain, ranged
from models.generation.graph import Graphs, layers_of, played

__all__ = ["FrameLstm", "FrameLstmConfig"]

REST = 0  # the token of silence; token k > 0 is pitch low + k - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameLstmConfig(Settings):
    """Set the sizes and the training noise of the frame network."""

    n_voices: int = ranged(4, 1, 16, "voices")
    n_tokens: int = ranged(59, 2, 512, "tokens of a voice: a rest and the pitches")
    n_phases: int = ranged(16, 1, 192, "frames of a bar")
    n_ages: int = ranged(33, 1, 1024, "largest age of a note, after which it is capped", unit="frames")
    hidden: int = ranged(256, 1, 8192, "units of an LSTM layer")
    n_layers: int = ranged(2, 1, 16, "LSTM layers")
    width: int = ranged(256, 1, 8192, "units of the head")
    embed: int = ranged(64, 1, 4096, "size of each embedding")
    dropout: float = ranged(0.3, 0, 0.9, "dropout")
    # Hiding notes in training delays overfitting (Xie et al. 2017, "Data noising as smoothing").
    blank: float = ranged(0.0, 0, 0.9, "share of notes, past or of the same frame, hidden in training")
    n_agreed: int = ranged(8, 2, 64, "classes of how well a repetition has agreed so far")
    home: bool = plain(False, "whether pieces are moved to one key first instead of learnt in every key")


class FrameLstm(nn.Module):
    """Estimate frames (batch, time, voice) of tokens, each voice given the past and the voices above it.

    A pitch has three scores that add up: its own, that of its interval from the voice's last pitch, and that of its
    interval from each voice already written. The last two hold in every key, which saves data. The head also reads
    how far the voices already written have moved, as voices tend to move together. Where the piece repeats itself,
    the pitch that came then is scored too: once for all voices, while those above follow it, and once for the voice.
    """

    def __init__(self, config: FrameLstmConfig) -> None:
        super().__init__()
        self.config = c = config
        self.token = nn.Embedding(c.n_voices * c.n_tokens, c.embed)
        self.age = nn.Embedding(c.n_voices * c.n_ages, c.embed)
        self.phase = nn.Embedding(c.n_phases, c.embed)
        self.inlet = nn.Linear(c.n_voices * c.embed * 2 + c.embed, c.hidden)
        self.lstm = nn.LSTM(c.hidden, c.hidden, c.n_layers, batch_first=True, dropout=c.dropout)
        self.drop = nn.Dropout(c.dropout)
        self.from_past = nn.Linear(c.hidden * 2, c.n_voices * c.width)
        self.from_chosen = nn.Embedding(c.n_voices * c.n_voices * c.n_tokens, c.width)
        self.from_motion = nn.Embedding(c.n_voices * c.n_voices * (2 * c.n_tokens - 1), c.width)
        # By kind of repetition, voice, whether it would hold its note, and confidence; the last class is one left.
        self.from_echo = nn.Embedding(2 * c.n_voices * 2 * (c.n_agreed + 1), c.width)
        self.echo = nn.ModuleList(nn.Linear(c.width, 2) for _ in range(c.n_voices))
        self.mix = nn.ModuleList(nn.Linear(c.width, c.width) for _ in range(c.n_voices))
        self.absolute = nn.ModuleList(nn.Linear(c.width, c.n_tokens) for _ in range(c.n_voices))
        span = 2 * c.n_tokens - 1
        self.interval = nn.ModuleList(nn.Linear(c.width, (v + 1) * span) for v in range(c.n_voices))
        for table in (self.token, self.age, self.phase):
            nn.init.normal_(table.weight, std=0.2)
        for table in (self.from_chosen, self.from_motion, self.from_echo):
            nn.init.normal_(table.weight, std=0.03)
        for name, bias in self.lstm.named_parameters():
            if name.startswith("bias_ih"):  # forget gates start open (Jozefowicz et al. 2015)
                nn.init.ones_(bias[c.hidden : 2 * c.hidden])
        for layer in layers_of(self.interval, nn.Linear):
            nn.init.normal_(layer.weight, std=0.01)

    def initial(self, batch: int) -> tuple[Tensor, Tensor]:
        """Return the state before the first frame: h and c, (layer, batch, hidden)."""
        shape = (self.config.n_layers, batch, self.config.hidden)
        zero = self.inlet.weight.new_zeros(shape)
        return zero, zero

    def body(
        self, last: Tensor, age: Tensor, phase: Tensor, state: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Run the memory on last frames and ages (batch, time, voice) and the next phases (batch, time)."""
        c = self.config
        voice = torch.arange(c.n_voices, device=last.device)
        tokens, ages = self.token(last + voice * c.n_tokens), self.age(age + voice * c.n_ages)
        notes = self._seen(torch.cat([tokens, ages], dim=3)).flatten(2)
        inlet = torch.relu(self.inlet(torch.cat([notes, self.phase(phase)], dim=2)))
        hidden, state = self.lstm(self.drop(inlet), state)
        return self.drop(torch.cat([hidden, inlet], dim=2)), state

    def _seen(self, notes: Tensor) -> Tensor:
        """Return features of notes (..., feature); in training, the share `blank` of them is 0."""
        if not (self.training and self.config.blank):
            return notes
        return notes * (torch.rand(notes.shape[:-1], device=notes.device) >= self.config.blank)[..., None]

    def head(self, past: Tensor, last: Tensor, chosen: Tensor, echo: Tensor, agreed: Tensor) -> Tensor:
        """Return logits of every voice, (batch, time, voice, token); voice v reads only chosen[..., :v]."""
        c = self.config
        pasts = self.from_past(past).unflatten(2, (c.n_voices, c.width))
        voices = [self.voice(v, pasts[:, :, v], last, chosen, echo, agreed) for v in range(c.n_voices)]
        return torch.stack(voices, dim=2)

    def voice(self, v: int, past: Tensor, last: Tensor, chosen: Tensor, echo: Tensor, agreed: Tensor) -> Tensor:
        """Return logits (batch, time, token) of voice v from its share of the past, the last frame and `chosen`.

        echo, agreed: (batch, time, 2, voice), the repetition's guess by all voices and by each, and its confidence.
        """
        c = self.config
        for u in range(v):
            pair, motion = v * c.n_voices + u, chosen[..., u] - last[..., u] + c.n_tokens - 1
            told = self.from_chosen(chosen[..., u] + pair * c.n_tokens)
            told = told + self.from_motion(motion + pair * (2 * c.n_tokens - 1))
            past = past + self._seen(told)
        guess, sure = echo[..., v], self._sure(v, chosen, echo, agreed)
        held = (guess == last[..., v : v + 1]).long()
        which = torch.arange(2, device=guess.device) * c.n_voices + v
        told = self.from_echo((which * 2 + held) * (c.n_agreed + 1) + sure)
        mixed = self.drop(torch.relu(past + told.sum(-2)))
        mixed = self.drop(torch.relu(self.mix[v](mixed))) + mixed
        logits: Tensor = self.absolute[v](mixed)
        scores = self.interval[v](mixed).unflatten(2, (v + 1, 2 * c.n_tokens - 1))
        for i, reference in enumerate([last[..., v], *(chosen[..., u] for u in range(v))]):
            logits = logits + _by_interval(scores[:, :, i], reference, c.n_tokens)
        return logits + self._echoed(self.echo[v](mixed), guess, sure)

    def _sure(self, v: int, chosen: Tensor, echo: Tensor, agreed: Tensor) -> Tensor:
        """Return the confidence of each repetition for voice v, (batch, time, 2); a voice above may leave the first."""
        left = torch.zeros_like(chosen[..., 0], dtype=torch.bool)
        for u in range(v):
            left = left | (chosen[..., u] != echo[..., 0, u])
        everyone, own = agreed[..., 0, v], agreed[..., 1, v]
        everyone = torch.where(left & (everyone > 0), torch.full_like(everyone, self.config.n_agreed), everyone)
        return torch.stack([everyone, own], dim=-1)

    def _echoed(self, scores: Tensor, guess: Tensor, sure: Tensor) -> Tensor:
        """Return scores (batch, time, 2) by token; 0 where there is no repetition, or one that was left."""
        c = self.config
        there = (sure > 0) & (sure < c.n_agreed)
        token = torch.arange(c.n_tokens, device=guess.device)
        hit = (guess[..., None] == token) & there[..., None]
        return (scores[..., None] * hit).sum(-2)

    def forward(
        self, frames: Tensor, age: Tensor, phase: Tensor, echo: tuple[Tensor, Tensor], state: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return the nats (batch, time, voice) of frames[:, 1:] and the state after them.

        frames: (batch, time + 1, voice), the first one is the last of the past; age, phase: (batch, time, ...);
        echo: the repetition's guess and confidence, each (batch, time, 2, voice).
        """
        past, state = self.body(frames[:, :-1], age, phase, state)
        logits = self.head(past, frames[:, :-1], frames[:, 1:], *echo)
        nll = F.cross_entropy(logits.flatten(0, 2), frames[:, 1:].flatten(), reduction="none")
        return nll.view(frames[:, 1:].shape), state

    def play_body(self, last: Tensor, age: Tensor, phase: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, ...]:
        """Take the last frame and its ages (1, 1, voice); return each voice's share of the past, and the state."""
        past, (h, c) = self.body(last, age, phase, (h, c))
        return self.from_past(past).view(self.config.n_voices, self.config.width), h, c

    def play_head(self, shares: Tensor, last: Tensor, chosen: Tensor, echo: Tensor, agreed: Tensor) -> Tensor:
        """Return logits (voice, token) from shares (voice, width), and the rest as in `voice`."""
        voices = range(self.config.n_voices)
        rows = [self.voice(v, shares[None, None, v], last, chosen, echo, agreed) for v in voices]
        return torch.cat(rows, dim=0)[:, 0]

    def graphs(self) -> Graphs:
        """Return the body with its memory, and the head."""
        n, (h, c) = self.config.n_voices, self.initial(1)
        tokens, guess = torch.ones(1, 1, n, dtype=torch.long), torch.ones(1, 1, 2, n, dtype=torch.long)
        body = {"last": tokens, "age": tokens, "phase": tokens[..., 0], "h_in": h, "c_in": c}
        head = {"shares": torch.zeros(n, self.config.width), "last": tokens, "chosen": tokens}
        return {
            "": played(self, self.play_body, body, ("shares", "h_out", "c_out")),
            "head": played(self, self.play_head, {**head, "echo": guess, "agreed": guess}, ("logits",)),
        }


def _by_interval(scores: Tensor, reference: Tensor, n_tokens: int) -> Tensor:
    """Return scores by interval (batch, time, 2n - 1) as scores by token; 0 where the reference is a rest."""
    token = torch.arange(n_tokens, device=scores.device)
    index = token - reference[..., None] + (n_tokens - 1)
    pitched = (reference != REST)[..., None] & (token != REST)
    return torch.where(pitched, scores.gather(2, index), torch.zeros_like(scores[..., :1]))
