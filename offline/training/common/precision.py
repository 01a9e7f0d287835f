"""Mixed precision: bfloat16 where the processor has it and runs the network in it, float32 elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

__all__ = ["Precision", "Probe", "Step", "autocast", "bfloat16_obstacle", "has_bfloat16"]

Step = Callable[[nn.Module], Tensor]  # the output of a network for a tiny input
Probe = Callable[[nn.Module, Step], str]  # why a network is not trained in bfloat16; empty if it can be

INSTRUCTIONS = ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16")  # by the names of torch.cpu.get_capabilities


def autocast(device: torch.device, *, enabled: bool = True) -> AbstractContextManager[Any]:
    """Run what follows in bfloat16 where that is precise enough, if enabled."""
    return torch.autocast(device.type, dtype=torch.bfloat16) if enabled else nullcontext()


def has_bfloat16(device: torch.device) -> bool:
    """Whether a processor has instructions for bfloat16; an accelerator is taken to have them."""
    return device.type != "cpu" or any(torch.cpu.get_capabilities().get(name) for name in INSTRUCTIONS)


def bfloat16_obstacle(network: nn.Module, step: Step) -> str:
    """Say why this device does not train `network` in bfloat16; empty if it does.

    Processors without instructions for bfloat16 either lack some operations in it (oneDNN's LSTM) or take 2 to 14 times
    as long as in float32. The step, forward and backward, is one of a copy; random numbers are drawn as if without it.
    """
    device = next(network.parameters()).device
    if not has_bfloat16(device):
        return "this processor has no instructions for it"
    with torch.enable_grad(), torch.random.fork_rng([device] if device.type == "cuda" else []):
        try:
            with autocast(device):
                output = step(deepcopy(network).train())
            output.float().sum().backward()
        except RuntimeError as error:
            return " ".join(str(error).split(".")[0].split())
    return ""


class Precision:
    """The precision that a network is trained in, decided when it is first needed.

    step: a tiny step of the network
    wanted: bfloat16 where it can be had
    probe: finds out whether it can
    """

    def __init__(self, step: Step, *, wanted: bool = True, probe: Probe = bfloat16_obstacle) -> None:
        self._step, self._probe = step, probe
        self._mixed = None if wanted else False

    def mixed(self, network: nn.Module) -> bool:
        """Whether bfloat16 is used; one line on standard error says why it is not, though wanted."""
        if self._mixed is None:
            obstacle = self._probe(network, self._step)
            self._mixed = not obstacle
            if obstacle:
                tqdm.write(f"Training in float32 instead of bfloat16: {obstacle}.", file=sys.stderr)
        return self._mixed

    def autocast(self, network: nn.Module) -> AbstractContextManager[Any]:
        """Run what follows in the precision of `network`."""
        return autocast(next(network.parameters()).device, enabled=self.mixed(network))
