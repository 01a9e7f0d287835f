"""Options of harmonic/percussive separation and of networks, shared by the commands that separate."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any

from cli.common import SEPARATE, option
from engine.core.config import SETTING, Settings, plain, settings_of
from engine.core.errors import ConfigError
from engine.separation.config import TUNED, HpssConfig, InstantConfig, MaskNetworkConfig

__all__ = ["SEPARATION_GROUPS", "HpssOptions", "NetworkOptions", "refuse_typed"]

KERNEL, NETWORKS = "Separate by hpss or kam", "Separate by a network"
SEPARATION_GROUPS = (SEPARATE, KERNEL, NETWORKS)  # headings of all that determines the stems
LOOK_AHEAD = "frames of 23 ms that hpss waits for: better stems, more latency"


def changed(kind: type[Any], name: str, *, text: str = "", default: Any = None, **shown: Any) -> Any:
    """Declare an option for a field of other settings: its range, unit and text; None leaves it as it is there."""
    setting = settings_of(kind)[name]
    setting = replace(setting, text=text or setting.text, optional=True)
    group = KERNEL if kind is HpssConfig else NETWORKS
    return option(field(default=default, metadata={SETTING: setting}), group=group, **shown)


@dataclass(frozen=True, slots=True, kw_only=True)
class HpssOptions(Settings):
    """What is typed of the settings of hpss and kam; the others are as tuned, or as published."""

    published: bool = option(
        plain(False, "begin with the settings of the paper, not with the tuned ones"), group=KERNEL
    )
    look_ahead: int | None = changed(
        HpssConfig, "look_ahead", text=f"{LOOK_AHEAD} (default {TUNED.look_ahead} to files, 0 to devices)"
    )
    iterations: int | None = changed(HpssConfig, "iterations")
    span_harmonic: int | None = changed(HpssConfig, "span_harmonic")
    span_percussive: int | None = changed(HpssConfig, "span_percussive")
    exponent: float | None = changed(HpssConfig, "exponent")
    n_fft: int | None = changed(HpssConfig, "n_fft")
    hop: int | None = changed(HpssConfig, "hop")
    covariance: bool = changed(HpssConfig, "spatial", default=True)
    forgetting: float | None = changed(HpssConfig, "forgetting")
    residual: float | None = changed(
        HpssConfig,
        "margin",
        text="also residual.wav: what exceeds neither target by this factor, say 2",
        metavar="FACTOR",
    )

    def settings(self, look_ahead: int | None = None) -> HpssConfig:
        """The settings that the options ask for; look_ahead: where none is typed, None as in the settings."""
        start = HpssConfig() if self.published else TUNED
        typed: dict[str, Any] = {name: getattr(self, name) for name in DIRECT if getattr(self, name) is not None}
        span = typed.get("span_harmonic", start.span_harmonic)
        wanted = start.look_ahead if look_ahead is None else look_ahead
        typed.setdefault("look_ahead", wanted if span is None else min(wanted, (span - 1) // 2))
        if self.residual is not None:
            typed |= {"residual": True, "margin": self.residual}
        return replace(start, spatial=self.covariance, **typed)


OTHERS = ("published", "covariance", "residual")  # options that are no setting of this name
DIRECT = tuple(each.name for each in fields(HpssOptions) if each.name not in OTHERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkOptions(Settings):
    """What is typed of the settings of networks that separate."""

    wiener: bool = option(plain(False, "refine the stems by their place in the stereo image"), group=NETWORKS)
    instant: bool = option(
        plain(False, "masks of the past by short filters: stems 3 ms late, whatever the window; a little less clean"),
        group=NETWORKS,
    )
    delay_ms: float | None = changed(InstantConfig, "delay_ms", text="with --instant: how late the stems are, say 1")
    turns: int | None = changed(InstantConfig, "turns", text="with --instant: copies of the network that take turns")
    sharing: str | None = changed(MaskNetworkConfig, "sharing")
    rest: str | None = changed(MaskNetworkConfig, "rest")

    def settings(self) -> dict[str, Any]:
        """What is typed, as `unmix_config` takes it."""
        typed = {name: value for name in ("sharing", "rest") if (value := getattr(self, name)) is not None}
        return {"wiener": self.wiener, "instant": self._short_filters(), **typed}

    def _short_filters(self) -> InstantConfig | None:
        """What is typed of InstantConfig's own settings; ConfigError for those without --instant."""
        typed = {name: value for name in ("delay_ms", "turns") if (value := getattr(self, name)) is not None}
        if typed and not self.instant:
            name = "--" + next(iter(typed)).replace("_", "-")
            raise ConfigError(name, expected="--instant", got="none", remedy=f"add --instant, or leave {name} out")
        return InstantConfig(**typed) if self.instant else None


def refuse_typed(options: Settings, *, expected: str, got: str) -> None:
    """ConfigError if any of these options is typed: they need something else."""
    for each in fields(options):  # type: ignore[arg-type]
        value = getattr(options, each.name)
        if value != each.default:
            name = f"--{'no-' if value is False else ''}{each.name.replace('_', '-')}"
            raise ConfigError(name, expected=expected, got=got, remedy=f"leave {name} out")
