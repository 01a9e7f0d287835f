"""The systems of the survey (Briot, Hadjeres & Pachet 2017, table 8.4): what each combines, and what is its own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from engine.core.errors import ConfigError
from offline.generation.weights import card_of

__all__ = ["SYSTEMS", "System", "find", "table"]

STREAMS = {"step": "by step", "bar": "by bar", "no": "no"}


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """One row: representation (a codec's name), architecture, strategy, corpus, stream, metric, and its peculiarity.

    stream: "step", "bar" (fills the next bar while this one plays) or "no"; metric: smaller is better.
    """

    name: str
    year: int
    representation: str
    architecture: str
    strategy: str
    corpus: str
    stream: str
    metric: str
    own: str


def _row(name: str, year: int, *rest: str) -> System:
    names = ("representation", "architecture", "strategy", "corpus", "stream", "metric", "own")
    return System(name=name, year=year, **dict(zip(names, rest, strict=True)))


NOTE, STEP, TOKEN = "nats per note", "nats per step", "nats per token"
ROWS = (
    _row("Markov", 1906, "voice-grid", "Markov", "sampling", "chorales", "step", NOTE, "four blended orders"),
    _row("Frames", 2026, "voice-grid", "LSTM + autoregressive head", "sampling", "chorales", "step", NOTE,
         "recurs over frames; intervals beside pitches"),
    _row("BachBot", 2016, "chorale-tokens", "LSTM", "sampling", "chorales", "step", TOKEN, "from soprano to bass"),
    _row("Blues_C", 2002, "roll", "LSTM", "threshold", "blues", "step", STEP, "twelve bars of chords by four blocks"),
    _row("Blues_MC", 2002, "roll", "LSTM", "threshold", "blues", "step", STEP, "melody hears chords, not back"),
    _row("Celtic", 2016, "abc-tokens", "LSTM", "sampling", "tunes", "step", TOKEN, "folk-rnn's three layers of 512"),
    _row("CONCERT", 1994, "tune-tuples", "RNN", "sampling", "chorales", "step", "nats per tuple",
         "psychoacoustic pitch code"),
    _row("C-RBM", 2016, "roll", "convolutional RBM", "Gibbs + input manipulation", "chorales", "no",
         "reconstruction nats per step", "descent to a template of self-similarity"),
    _row("C-RNN-GAN", 2016, "note-tuples", "LSTM GAN", "adversarial", "chorales", "step", "distance of means",
         "notes as real numbers"),
    _row("deepAC", 2014, "spectra", "stacked autoencoder", "single step", "sound", "no", "squared error",
         "controls are the code"),
    _row("DeepBach", 2017, "hold-grid", "past + future LSTM", "pseudo-Gibbs", "chorales", "bar", NOTE,
         "one note from all around it"),
    _row("DeepHear_M", 2015, "roll", "stacked autoencoder", "single step", "chorales", "bar", STEP,
         "layers first trained as RBMs"),
    _row("DeepHear_C", 2015, "roll", "stacked autoencoder", "input manipulation", "chorales", "bar", STEP,
         "descent on the code until a melody fits"),
    _row("Hexahedria", 2015, "roll", "bi-axial LSTM", "sampling", "chorales", "step", STEP, "time, then pitch"),
    _row("MidiNet", 2017, "bar-image", "convolutional GAN", "adversarial + condition", "chorales", "bar",
         "distance of means", "the bar before and a chord"),
    _row("MiniBach", 2017, "voice-grid", "feedforward", "single step", "chorales", "bar", NOTE, "all at once"),
    _row("Rhythm", 2017, "drum-tokens", "LSTM + condition", "sampling", "grooves", "step", TOKEN,
         "bass, guitar, tempo and metre condition"),
    _row("RNN-RBM", 2012, "roll", "RNN + RBM", "Gibbs", "JSB_Chorales", "step", STEP, "biases from the past"),
    _row("RL-Tuner", 2016, "melody-tokens", "LSTM + DQN", "reinforcement", "chorales", "step",
         "minus reward per step", "rewards of theory"),
    _row("UnitSelection", 2016, "units", "autoencoder + LSTM", "unit selection", "chorales", "bar",
         "nats of a unit", "real bars, joined"),
    _row("VRAE", 2014, "roll", "recurrent VAE", "latent", "chorales", "bar", STEP, "no history: the code says all"),
    _row("VRASH", 2017, "melody-tokens", "recurrent VAE", "latent + history", "chorales", "bar", TOKEN,
         "the code and what was written"),
    _row("WaveNet", 2016, "mu-law", "dilated convolution", "sampling", "sound", "no", "nats per sample",
         "sound, a sample at a time"),
)  # fmt: skip
SYSTEMS = {system.name: system for system in ROWS}


def find(name: str) -> System:
    """The system of that name; ConfigError lists them all."""
    if name not in SYSTEMS:
        raise ConfigError("system", expected="one of " + ", ".join(SYSTEMS), got=repr(name))
    return SYSTEMS[name]


def _reached(name: str) -> str:
    """What the weights that ship reached in validation, from their card."""
    figures = card_of("DeepHear_M" if name == "DeepHear_C" else name).get("figures", {})
    return f"{next(iter(figures.values())):.3f}" if figures else "not shipped" if name != "Markov" else "counted anew"


def table(systems: Iterable[System] = ROWS) -> str:
    """What `collaparte generate --list` prints."""
    head = ("system", "year", "representation", "architecture", "strategy", "corpus", "streams", "metric", "reached")
    rows = [
        (s.name, str(s.year), s.representation, s.architecture, s.strategy, s.corpus, STREAMS[s.stream], s.metric,
         _reached(s.name)) for s in systems
    ]  # fmt: skip
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in (head, *rows))
    return "\n".join(lines)
