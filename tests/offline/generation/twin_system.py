"""A program that adds a system as one would: a row, and three classes; then it trains, exports and plays it.

python -m tests.offline.generation.twin_system CORPORA FOLDER
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from engine.core.errors import ConfigError
from models.generation import blocks as networks
from offline.generation import cards
from offline.generation.config import GeneratorConfig
from offline.generation.players import blocks as players
from offline.generation.systems import SYSTEMS


class TwinNetwork(networks.MiniBach):
    """A network of a new system."""


class TwinPlayer(players.MiniBachPlayer):
    """Its player."""


ROW = replace(
    SYSTEMS["MiniBach"], name="Twin", network="TwinNetwork", training="TwinTraining", player="TwinPlayer", prime=False
)
networks.TwinNetwork = TwinNetwork  # type: ignore[attr-defined]
players.TwinPlayer = TwinPlayer  # type: ignore[attr-defined]
SYSTEMS["Twin"] = ROW

# What reads the record is imported after its new row, as it would be if the row stood in the record's file.
from offline.generation.open_system import open_generator  # noqa: E402
from offline.generation.stream import collect  # noqa: E402
from offline.generation.systems import find_system, players_of, system_table  # noqa: E402
from offline.training.common.checkpoint import CHECKPOINT  # noqa: E402
from offline.training.generation import blocks as trainings  # noqa: E402
from offline.training.generation.config import GenerationExport, GenerationTraining  # noqa: E402
from offline.training.generation.export import export_generation  # noqa: E402
from offline.training.generation.train import train_generation  # noqa: E402


class TwinTraining(trainings.MiniBachTraining):
    """Its training."""

    def build(self) -> TwinNetwork:
        """Make the network of MiniBach under another name."""
        return TwinNetwork(super().build().config)


trainings.TwinTraining = TwinTraining  # type: ignore[attr-defined]


def expected(make: object, *arguments: object) -> str:
    """Return the text of the ConfigError that a call must raise."""
    try:
        make(*arguments)  # type: ignore[operator]
    except ConfigError as error:
        return str(error)
    raise AssertionError("no error")


def main(corpora: Path, folder: Path) -> None:
    """Find the new system in every list, train it, export it, and play it."""
    cards.FOLDER = folder
    assert "Twin" in system_table() and "Twin" in players_of("melody")
    assert "Twin" in expected(find_system, "nobody")
    assert "none for Twin" in expected(open_generator, "Twin", GeneratorConfig())
    config = GenerationTraining(system="Twin", data=corpora, output=folder / "run", size="tiny")
    train_generation(replace(config, loop=replace(config.loop, steps=2)))
    path = export_generation(GenerationExport(checkpoint=folder / "run" / CHECKPOINT, data=corpora, output=folder))
    assert path.stem == "Twin"
    print(len(collect(open_generator("Twin", GeneratorConfig()), 64).notes))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
