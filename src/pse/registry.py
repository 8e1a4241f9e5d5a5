"""What can be chosen by name: one line a plug-in, "module:object", imported only when it is chosen.

Tactics of installed packages that declare an entry point in the group `pse.tactics` are found by `installed`; files of the user's are named in settings.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pse.domain.errors import UnknownName

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

PROVIDERS: dict[str, str] = {
    "csv": "pse.providers.csv_files:CsvFiles",
    "parquet": "pse.providers.parquet_files:ParquetFiles",
    "lean": "pse.providers.lean:Lean",
    "databento": "pse.providers.databento:Databento",
    "bundled": "pse.providers.bundled:Bundled",
    "synthetic": "pse.providers.synthetic:Synthetic",
}

HEADLINES: dict[str, str] = {
    "csv": "pse.providers.headline_files:HeadlineCsv",
    "rss": "pse.providers.headline_files:Feed",
}

FEATURES: dict[str, str] = {
    "atr": "pse.features.volatility:Atr",
    "realised_volatility": "pse.features.volatility:RealisedVolatility",
    "rsi": "pse.features.momentum:Rsi",
    "macd": "pse.features.momentum:Macd",
    "sma": "pse.features.trend:Sma",
    "ema": "pse.features.trend:Ema",
    "adx": "pse.features.trend:Adx",
    "efficiency_ratio": "pse.features.trend:EfficiencyRatio",
    "hurst": "pse.features.trend:Hurst",
    "bollinger": "pse.features.channels:Bollinger",
    "donchian": "pse.features.channels:Donchian",
    "keltner": "pse.features.channels:Keltner",
    "relative_volume": "pse.features.volume:RelativeVolume",
    "slot_volume": "pse.features.volume:SlotVolume",
    "imbalance": "pse.features.volume:Imbalance",
    "vwap": "pse.features.vwap:SessionVwap",
    "spread_estimates": "pse.features.spreads:SpreadEstimates",
    "opening_gap": "pse.features.opening_gaps:OpeningGap",
    "vif": "pse.features.factors:Vif",
    "beta": "pse.features.factors:Beta",
    "volatility_regime": "pse.features.regime:VolatilityRegime",
    "trend_conviction": "pse.features.trend_conviction:TrendConviction",
    "liquidity_filter": "pse.features.market_state:LiquidityFilter",
    "market_state": "pse.features.market_state:MarketState",
    "macro_context": "pse.features.macro:MacroContext",
    "market_structure": "pse.features.market_structure:MarketStructure",
    "swing_labels": "pse.features.market_structure:SwingLabels",
    "displacement": "pse.features.impulse:Displacement",
    "thrust": "pse.features.impulse:Thrust",
    "fair_value_gaps": "pse.features.fair_value_gaps:FairValueGaps",
    "micro_gaps": "pse.features.micro_gaps:MicroGaps",
    "order_blocks": "pse.features.order_blocks:OrderBlocks",
    "liquidity": "pse.features.liquidity:Liquidity",
    "levels": "pse.features.levels:Levels",
    "level_breaks": "pse.features.level_breaks:LevelBreaks",
    "points_of_interest": "pse.features.points_of_interest:PointsOfInterest",
    "zones": "pse.features.zones:Zones",
    "impulse": "pse.features.impulse:Impulse",
    "premium_discount": "pse.features.dealing_range:PremiumDiscount",
    "mqs": "pse.features.break_quality:BreakQuality",
}

TACTICS: dict[str, str] = {
    "moving_average_cross": "pse.tactics.moving_average_cross:MovingAverageCross",
    "mss_fvg_retest": "pse.tactics.mss_fvg_retest:MssFvgRetest",
    "sweep_reversal": "pse.tactics.sweep_reversal:SweepReversal",
    "momentum_thrust": "pse.tactics.momentum_thrust:MomentumThrust",
    "missed_fvg_reversion": "pse.tactics.missed_fvg_reversion:MissedFvgReversion",
    "pullback_micro_fvg": "pse.tactics.pullback_micro_fvg:PullbackMicroFvg",
    "trend_following": "pse.tactics.trend_following:TrendFollowing",
    "momentum_rotation": "pse.tactics.momentum_rotation:MomentumRotation",
    "mean_reversion": "pse.tactics.mean_reversion:MeanReversion",
    "breakout": "pse.tactics.breakout:Breakout",
    "volatility_breakout": "pse.tactics.volatility_breakout:VolatilityBreakout",
    "relative_strength": "pse.tactics.relative_strength:RelativeStrength",
    "sector_rotation": "pse.tactics.sector_rotation:SectorRotation",
    "dual_momentum": "pse.tactics.dual_momentum:DualMomentum",
    "moving_average_envelope": "pse.tactics.moving_average_envelope:MovingAverageEnvelope",
    "bollinger_bands": "pse.tactics.bollinger_bands:BollingerBands",
    "open_call": "pse.tactics.open_call:OpenCall",
    "supply_demand_zone": "pse.tactics.supply_demand_zone:SupplyDemandZone",
}

BROKERS: dict[str, str] = {
}

KINDS: Mapping[str, Mapping[str, str]] = {"provider": PROVIDERS, "headlines": HEADLINES, "feature": FEATURES, "tactic": TACTICS, "broker": BROKERS}
GROUPS: Mapping[str, str] = {"tactic": "pse.tactics"}              # entry points of installed packages


def resolve(kind: str, name: str) -> Any:
    """The class or function behind a name; kind is provider, headlines, feature, tactic or broker.

    Raises `UnknownName` with the known names and the nearest one.  Imports the plug-in's module, and with it whatever that needs.
    """
    if kind not in KINDS:
        raise UnknownName("kind of plug-in", kind, KINDS)
    lines = KINDS[kind]
    if name not in lines:
        raise UnknownName(kind, name, lines)
    module, _, attribute = lines[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def installed(kind: str) -> dict[str, EntryPoint]:
    """What installed packages offer of a kind, by name; nothing of it is imported."""
    from importlib.metadata import entry_points

    return {entry.name: entry for entry in entry_points(group=GROUPS[kind])} if kind in GROUPS else {}
