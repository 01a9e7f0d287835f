"""The frame network as two files that play without torch: a body with its memory, and a head asked voice by voice."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from models.export import Graph, export_graph
from models.generation.frames import FrameLstm

__all__ = ["export_frames", "head_path"]


class _Body(nn.Module):
    """last, age (1, 1, voice), phase (1, 1), state -> each voice's share of the past (voice, width), state."""

    def __init__(self, net: FrameLstm) -> None:
        super().__init__()
        self.net = net

    def forward(self, last: Tensor, age: Tensor, phase: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        past, (h, c) = self.net.body(last, age, phase, (h, c))
        shares = self.net.from_past(past).view(self.net.config.n_voices, self.net.config.width)
        return shares, h, c


class _Head(nn.Module):
    """shares (voice, width), last, chosen (1, 1, voice), echo, agreed (1, 1, 2, voice) -> logits (voice, token)."""

    def __init__(self, net: FrameLstm) -> None:
        super().__init__()
        self.net = net

    def forward(self, shares: Tensor, last: Tensor, chosen: Tensor, echo: Tensor, agreed: Tensor) -> Tensor:
        voices = range(self.net.config.n_voices)
        rows = [self.net.voice(v, shares[None, None, v], last, chosen, echo, agreed) for v in voices]
        return torch.cat(rows, dim=0)[:, 0]


def head_path(path: Path) -> Path:
    """The head's file beside the body's."""
    return path.with_name(path.stem + "-head.onnx")


def export_frames(net: FrameLstm, path: Path, *, low: int, licence: str, training: str) -> None:
    """Write NAME.onnx and NAME-head.onnx; low: the MIDI pitch of token 1."""
    c = net.config
    metadata: Mapping[str, Any] = {
        "kind": "frames",
        "n_voices": c.n_voices,
        "n_tokens": c.n_tokens,
        "n_phases": c.n_phases,
        "n_ages": c.n_ages,
        "n_agreed": c.n_agreed,
        "low": low,
        "home": c.home,
        "licence": licence,
        "training": training,
    }
    tokens = torch.ones(1, 1, c.n_voices, dtype=torch.long)
    h, state = net.initial(1)
    inputs = {"last": tokens, "age": tokens, "phase": tokens[..., 0], "h_in": h, "c_in": state}
    body = Graph(module=_Body(net), inputs=inputs, outputs=("shares", "h_out", "c_out"), dynamic={})
    export_graph(body, path, metadata)
    shares = torch.zeros(c.n_voices, c.width)
    echo = torch.ones(1, 1, 2, c.n_voices, dtype=torch.long)
    inputs = {"shares": shares, "last": tokens, "chosen": tokens, "echo": echo, "agreed": echo}
    head = Graph(module=_Head(net), inputs=inputs, outputs=("logits",), dynamic={})
    export_graph(head, head_path(path), {**metadata, "kind": "frames-head"})
