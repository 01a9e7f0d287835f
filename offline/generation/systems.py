"""The record of the systems that write music: one row a system, from which every list of systems is computed.

All but Markov and Frames are systems of the survey of Briot, Hadjeres & Pachet (2017), table 8.4. To add a system, add
its row, and its classes in the files of its family: `models/generation/FAMILY.py` (network),
`offline/training/generation/FAMILY.py` (training) and `offline/generation/players/FAMILY.py` (player).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from engine.core.config import nearest
from engine.core.errors import ConfigError
from offline.generation.cards import card_of, floor_of

__all__ = ["SYSTEMS", "System", "find_system", "names_where", "players_of", "system_table"]

TRAININGS, PLAYERS, NETWORKS = "offline.training.generation", "offline.generation.players", "models.generation"
# Why systems do not ship: the measure that stays below the floor, as `evaluate music` found it.
NOT_SHIPPED = {
    "C-RNN-GAN": "below 0.6: entropy 0.00",
    "WaveNet": "its recipe has not run yet",
}
STREAMS = {"step": "by step", "bar": "by bar", "no": "no"}


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """One system.

    name: as the survey writes it
    year: of its publication
    family: file of its classes in each of the three folders
    network, training, player: its classes; a system without training counts its corpus when it is opened
    representation: name of its codec in `offline.music.codecs.CODECS`, or "units"
    architecture, strategy: what it combines, for the table
    view: what its corpus sounds like in its representation, in `offline.music.views.VIEWS`, or "sound"
    corpus: name in `offline.music.catalogue.CORPORA`
    streams: "step", "bar" (writes a bar while the one before plays) or "no" (writes a piece at once)
    metric: what validation reports; smaller is better
    own: what distinguishes it from the others
    melody: whether it takes a given melody
    prime: whether it can continue a given piece
    chords: whether it follows given chords
    band: whether it follows a given bass and guitar
    heeds: options of `generate` that act on it, of HEEDED
    signed: whether it reads ties and fermatas where the corpus has them
    sound: whether it writes sound instead of notes
    chorale: whether it writes four voices at sixteenths, so that `evaluate generators` can compare it
    weights_of: the system whose weights it shares
    minutes: length of its training relative to others
    """

    name: str
    year: int
    family: str
    network: str = ""
    training: str = ""
    player: str
    representation: str
    architecture: str
    strategy: str
    view: str
    corpus: str
    streams: str
    metric: str
    own: str
    melody: bool = False
    prime: bool = False
    chords: bool = False
    band: bool = False
    heeds: tuple[str, ...] = ("temperature", "key")
    signed: bool = False
    sound: bool = False
    chorale: bool = False
    weights_of: str = ""
    minutes: float = 1.0

    @property
    def weights(self) -> str:
        """Return the name of its weights file, without an ending."""
        return self.weights_of or self.name

    def player_class(self) -> Any:
        """Import its player."""
        return getattr(importlib.import_module(f"{PLAYERS}.{self.family}"), self.player)

    def training_class(self) -> Any:
        """Import its training, which needs torch; ConfigError if it has none."""
        if not self.training:
            expected = "one of " + ", ".join(names_where(lambda system: bool(system.training)))
            raise ConfigError("system", expected=expected, got=self.name, remedy="it is counted when it is opened")
        return getattr(importlib.import_module(f"{TRAININGS}.{self.family}"), self.training)

    def network_class(self) -> Any:
        """Import its network, which needs torch."""
        return getattr(importlib.import_module(f"{NETWORKS}.{self.family}"), self.network)


PER_NOTE, PER_STEP, PER_TOKEN = "nats per note", "nats per step", "nats per token"
ROWS = (
    System(
        name="Markov", year=1906, family="markov", player="MarkovPlayer", representation="voice-grid",
        architecture="Markov", strategy="sampling", view="voices", corpus="chorales", streams="step", metric=PER_NOTE,
        heeds=("temperature", "key", "rules"), own="four blended orders", melody=True, prime=True,
    ),
    System(
        name="Frames", year=2026, family="frames", network="FrameLstm", training="FramesTraining",
        player="FramesPlayer", representation="voice-grid", architecture="LSTM + autoregressive head",
        strategy="sampling", view="voices", corpus="chorales", streams="step", metric=PER_NOTE,
        heeds=("temperature", "key", "rules", "activity"), own="recurs over frames; intervals beside pitches",
        melody=True, prime=True, chorale=True,
    ),
    System(
        name="BachBot", year=2016, family="tokens", network="TokenLstm", training="BachBotTraining",
        player="BachBotPlayer", representation="chorale-tokens", architecture="LSTM", strategy="sampling",
        view="signed voices", corpus="chorales", streams="step", metric=PER_TOKEN, heeds=("temperature",),
        own="from soprano to bass", prime=True, signed=True, chorale=True,
    ),
    System(
        name="Blues_C", year=2002, family="blues", network="BluesLstm", training="BluesChordsTraining",
        player="BluesPlayer", representation="roll", architecture="LSTM", strategy="threshold", view="chord choruses",
        corpus="blues", streams="step", metric=PER_STEP, heeds=("key",), own="twelve bars of chords by blocks of cells",
        minutes=0.4,
    ),
    System(
        name="Blues_MC", year=2002, family="blues", network="BluesLstm", training="BluesMelodyTraining",
        player="BluesPlayer", representation="roll", architecture="LSTM", strategy="threshold", view="choruses",
        corpus="blues", streams="step", metric=PER_STEP, heeds=("temperature", "key"),
        own="the melody reads the chords", minutes=0.6,
    ),
    System(
        name="Celtic", year=2016, family="tokens", network="TokenLstm", training="CelticTraining",
        player="CelticPlayer", representation="abc-tokens", architecture="LSTM", strategy="sampling", view="tunes",
        corpus="tunes", streams="step", metric=PER_TOKEN, heeds=("temperature",),
        own="folk-rnn's three layers of 512", minutes=1.6,
    ),
    System(
        name="CONCERT", year=1994, family="concert", network="Concert", training="ConcertTraining",
        player="ConcertPlayer", representation="tune-tuples", architecture="RNN of slow context", strategy="sampling",
        view="melody and chords", corpus="chorales", streams="step", metric="nats per tuple",
        own="psychoacoustic pitch code",
    ),
    System(
        name="C-RBM", year=2016, family="conv_rbm", network="ConvRbm", training="ConvRbmTraining",
        player="ConvRbmPlayer", representation="roll", architecture="convolutional RBM",
        strategy="Gibbs + input manipulation", view="roll", corpus="chorales", streams="no",
        metric="reconstruction nats per step", own="descent to structure, key and metre",
    ),
    System(
        name="C-RNN-GAN", year=2016, family="adversarial", network="CRnnGan", training="CRnnGanTraining",
        player="CRnnGanPlayer", representation="note-tuples", architecture="LSTM GAN", strategy="adversarial",
        view="notes", corpus="chorales", streams="step", metric="distance of means", heeds=(),
        own="notes as real numbers",
    ),
    System(
        name="deepAC", year=2014, family="sound", network="DeepAc", training="DeepAcTraining", player="DeepAcPlayer",
        representation="spectra", architecture="stacked autoencoder", strategy="single step", view="sound",
        corpus="sound", streams="no", metric="squared error", heeds=(), own="controls are the code", sound=True,
        minutes=0.4,
    ),
    System(
        name="DeepBach", year=2017, family="blocks", network="DeepBach", training="DeepBachTraining",
        player="DeepBachPlayer", representation="hold-grid", architecture="past + future LSTM",
        strategy="pseudo-Gibbs", view="signed voices", corpus="chorales", streams="bar", metric=PER_NOTE,
        own="one note from all around it", melody=True, prime=True, signed=True, chorale=True, minutes=1.6,
    ),
    System(
        name="DeepHear_M", year=2015, family="blocks", network="StackedAutoencoder", training="DeepHearTraining",
        player="DeepHearPlayer", representation="roll", architecture="stacked autoencoder", strategy="single step",
        view="roll", corpus="chorales", streams="bar", metric=PER_STEP, own="layers first trained as RBMs",
    ),
    System(
        name="DeepHear_C", year=2015, family="blocks", network="StackedAutoencoder", training="DeepHearTraining",
        player="DeepHearMelodyPlayer", representation="roll", architecture="stacked autoencoder",
        strategy="input manipulation", view="roll", corpus="chorales", streams="bar", metric=PER_STEP,
        own="descent on the code until a melody fits", melody=True, weights_of="DeepHear_M",
    ),
    System(
        name="Hexahedria", year=2015, family="rolls", network="Biaxial", training="HexahedriaTraining",
        player="HexahedriaPlayer", representation="roll", architecture="bi-axial LSTM", strategy="sampling",
        view="struck roll", corpus="chorales", streams="step", metric=PER_STEP,
        own="time, then pitch",
    ),
    System(
        name="MidiNet", year=2017, family="adversarial", network="MidiNet", training="MidiNetTraining",
        player="MidiNetPlayer", representation="bar-image", architecture="convolutional GAN",
        strategy="adversarial + condition", view="image over chords", corpus="chorales", streams="bar",
        metric="distance of means", chords=True, own="the bar before and a chord",
    ),
    System(
        name="MiniBach", year=2017, family="blocks", network="MiniBach", training="MiniBachTraining",
        player="MiniBachPlayer", representation="voice-grid", architecture="feedforward", strategy="single step",
        view="voices", corpus="chorales", streams="bar", metric=PER_NOTE, heeds=("key",), own="all at once",
        melody=True, chorale=True,
    ),
    System(
        name="Rhythm", year=2017, family="tokens", network="TokenLstm", training="RhythmTraining",
        player="RhythmPlayer", representation="drum-tokens", architecture="LSTM + condition", strategy="sampling",
        view="grooves", corpus="grooves", streams="step", metric=PER_TOKEN, heeds=("temperature", "tempo"), band=True,
        own="bass, guitar, tempo and metre condition", minutes=0.6,
    ),
    System(
        name="RNN-RBM", year=2012, family="rolls", network="RnnRbm", training="RnnRbmTraining", player="RnnRbmPlayer",
        representation="roll", architecture="RNN + RBM", strategy="Gibbs", view="quarters", corpus="JSB_Chorales",
        streams="step", metric=PER_STEP, heeds=(), own="biases from the past", minutes=2.5,
    ),
    System(
        name="RL-Tuner", year=2016, family="rl_tuner", network="RlTunerNetwork", training="RlTunerTraining",
        player="RlTunerPlayer", representation="melody-tokens", architecture="LSTM + DQN", strategy="reinforcement",
        view="melody", corpus="chorales", streams="step", metric="minus reward per step", own="rewards of theory",
        prime=True, minutes=2.0,
    ),
    System(
        name="UnitSelection", year=2016, family="unit_selection", network="UnitSelectionNetwork",
        training="UnitSelectionTraining", player="UnitSelectionPlayer", representation="units",
        architecture="semantic model + LSTM", strategy="unit selection", view="melody", corpus="chorales",
        streams="bar", metric="nats of a unit", own="real bars, joined",
    ),
    System(
        name="VRAE", year=2014, family="blocks", network="Vrae", training="VraeTraining", player="VraePlayer",
        representation="roll", architecture="recurrent VAE", strategy="latent", view="eighths", corpus="chorales",
        streams="bar", metric=PER_STEP, own="no history: the code says all",
    ),
    System(
        name="VRASH", year=2017, family="blocks", network="Vrae", training="VrashTraining", player="VrashPlayer",
        representation="melody-tokens", architecture="recurrent VAE", strategy="latent + history", view="melody",
        corpus="chorales", streams="bar", metric=PER_TOKEN, own="the code and what was written",
    ),
    System(
        name="WaveNet", year=2016, family="sound", network="WaveNet", training="WaveNetTraining",
        player="WaveNetPlayer", representation="mu-law", architecture="dilated convolution", strategy="sampling",
        view="sound", corpus="sound", streams="no", metric="nats per sample", heeds=("temperature", "tempo"),
        melody=True, own="sound, a sample at a time", sound=True, minutes=1.6,
    ),
)  # fmt: skip
SYSTEMS = {system.name: system for system in ROWS}


def find_system(name: str) -> System:
    """Return the system of that name in any case of its letters; ConfigError lists them all."""
    found = next((system for known, system in SYSTEMS.items() if known.lower() == name.lower()), None)
    if found is None:
        expected = "one of " + ", ".join(SYSTEMS) + " or NAME.onnx"
        remedy = nearest(name, SYSTEMS) or "--list describes them"
        raise ConfigError("--model", expected=expected, got=repr(name), remedy=remedy)
    return found


def names_where(holds: Callable[[System], bool]) -> tuple[str, ...]:
    """Return the names of the systems for which `holds`, in the order of the record."""
    return tuple(name for name, system in SYSTEMS.items() if holds(system))


HEEDED = ("temperature", "key", "rules", "activity")


def heeding(option: str) -> str:
    """Return the systems on which an option of HEEDED acts, as a text for errors."""
    return ", ".join(names_where(lambda system: option in system.heeds))


def players_of(what: str) -> str:
    """Return the systems that take "melody", "prime", "chords" or "band" as a text for errors."""
    return ", ".join(names_where(lambda system: bool(getattr(system, what)))) or "none"


def _reached(system: System) -> str:
    """Return what the shipped weights reached in validation, from their card."""
    figures = card_of(system.weights).get("figures", {})
    return f"{next(iter(figures.values())):.3f}" if figures else "not shipped"


def _floor(system: System) -> str:
    """Return in which measure what it writes is least like its corpus, and the overlap there, from 0 to 1."""
    found = floor_of(system.name, system.weights)
    if not card_of(system.weights):
        return NOT_SHIPPED.get(system.name, "train it: collaparte train generation")
    return "not measured" if found is None else f"{found[0]} {found[1]:.2f}"


def system_table(systems: Iterable[System] | None = None) -> str:
    """Return the table of `collaparte generate --list`."""
    head = (
        "system",
        "year",
        "representation",
        "architecture",
        "strategy",
        "corpus",
        "streams",
        "metric",
        "reached",
        "least overlap",
    )
    rows = [
        (s.name, str(s.year), s.representation, s.architecture, s.strategy, s.corpus, STREAMS[s.streams], s.metric,
         _reached(s), _floor(s)) for s in (SYSTEMS.values() if systems is None else systems)
    ]  # fmt: skip
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in (head, *rows))
    return "\n".join(lines)
