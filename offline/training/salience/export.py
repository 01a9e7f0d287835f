"""Export a trained network of pitch salience: compare with torch, measure, write the card."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from models.salience.graph import salience_graph, salience_metadata
from offline.training.common.card import card_fields, write_card
from offline.training.common.export import Exportable, export_checked, export_figures
from offline.training.salience.config import SalienceExport
from offline.training.salience.data import open_salience_set
from offline.training.salience.metrics import measure_constant_q, measure_network, stacked_set
from offline.training.salience.train import restore_salience

__all__ = ["export_salience"]

CHECKED = 400  # frames of a recording that the file is compared on


def export_salience(config: SalienceExport) -> Path:
    """Write the network file and its card, with the figures of the network and of the constant-Q by itself."""
    network, found = restore_salience(config.checkpoint)
    recordings = open_salience_set(config.validation)
    texts = {"licence": config.licence, "training": config.training}
    made = Exportable(
        graph=salience_graph(network),
        metadata=salience_metadata(network.config, recordings.config, texts=texts),
        stream=stacked_set(recordings, 0)[:CHECKED],
    )
    error = export_checked(made, config.output)
    n_parameters = sum(p.numel() for p in network.parameters())
    checks = {"error": error, "parameters": n_parameters, **export_figures(found, config.output)}
    fields = card_fields(config, found, network.config.as_dict(), checks)
    fields["figures"] = {
        "network": _rounded(measure_network(network, recordings)),
        "constant_q": _rounded(measure_constant_q(recordings)),
    }
    write_card(config.output, fields)
    return config.output


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in values.items()}
