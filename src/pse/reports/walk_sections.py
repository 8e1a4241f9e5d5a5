"""The words and tables of a walk-forward's page, in the order in which a sceptic would ask for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pse.reports import walk_heat
from pse.reports.view import number
from pse.reports.walk import (
    MEANS,
    SCHEMES,
    TONES,
    Walk,
    bounds_told,
    choice_words,
    clauses,
    command,
    counts,
    decision,
    from_to,
    listed,
    notes,
    own_words,
    setting,
    told,
    tries,
)
from pse.reports.walk_summary import rank
from pse.reports.walk_terms import TERMS
from pse.reports.words import MISSING, counted, plain, share, whole

FIGURES = ("sharpe", "sortino", "calmar", "total_return", "net_usd", "max_drawdown", "expectancy_r", "profit_factor", "win_rate", "trades")
NAMES = {"sharpe": "Sharpe", "sortino": "Sortino", "calmar": "Calmar", "total_return": "return", "net_usd": "net", "max_drawdown": "largest drawdown",
         "expectancy_r": "mean R", "profit_factor": "profit factor", "win_rate": "won", "trades": "trades", "mean": "mean of a session"}
SERIES = (("stitched", "as chosen"), ("pessimistic", "pessimistic fills"), ("optimistic", "optimistic fills"), ("own", "the desk's own settings"))
COURT = {
    "sharpe": "Sharpe ratio, a year", "sharpe_lo": "the same, autocorrelation allowed for (Lo)", "total_return": "return", "max_drawdown": "largest drawdown",
    "psr_2014": "probabilistic Sharpe ratio", "psr_2025": "probabilistic Sharpe ratio", "sharpe_searched": "Sharpe ratio where it was chosen",
    "expected_max_sharpe": "best of so many by luck", "dsr_2014": "deflated Sharpe ratio", "dsr_2025": "deflated Sharpe ratio", "trials": "trials (N)",
    "trials_effective": "trials, if independent", "min_track_record_sessions": "sessions needed",
    "min_track_record_sessions_2025": "sessions needed", "min_backtest_years": "years needed",
    "years": "years there are",
}
HAIRCUTS = {"single": "one test only", "bonferroni": "Bonferroni", "holm": "Holm", "bhy": "Benjamini, Hochberg, Yekutieli", "mean": "mean of the three"}
METHODS = {"grid": "the whole grid", "random": "random draws", "tpe": "Optuna TPE, one study a fold"}
PARTS = (("verdict", "Verdict"), ("now", "What to trade on"), ("equity-part", "Equity"), ("folds", "Folds"), ("decay", "In and out of sample"),
         ("parameters", "Parameters"), ("trials", "Trials"), ("pbo", "PBO"), ("random", "Random entries"), ("paths", "Trade paths"), ("intervals", "Intervals"),
         ("court", "Figures"), ("when", "Years and regimes"), ("stability", "Stability"), ("made", "How it was made"), ("terms", "Terms"))


def page_parts(walk: Walk) -> dict[str, Any]:
    """Everything that the template shows besides pictures and packed data."""
    return _head(walk) | {
        "now": now(walk), "series": series(walk), "series_names": [NAMES[name] for name in FIGURES], "folds": folds(walk),
        "heat_tables": walk_heat.heat_tables(walk), "values": walk_heat.value_lists(walk), "pbo": pbo(walk), "spa": spa(walk), "random": random_words(walk),
        "decay_words": str((walk.court.get("decay") or {}).get("text") or ""), "paths": paths(walk), "intervals": intervals(walk), "figures": figures(walk),
        "haircuts": haircuts(walk), "years": parts_of(walk, "years"), "regimes": parts_of(walk, "regimes"), "plateau": plateau(walk),
        "stability": stability(walk), "opened": opened(walk), "cpcv": cpcv(walk), "pbo_why": str((walk.court.get("pbo") or {}).get("why") or ""),
        "made": made(walk), "stale": stale(walk), "terms": list(TERMS.items()), "parts": PARTS,
        "objective": walk.objective_name,
    }


def _head(walk: Walk) -> dict[str, Any]:
    """Title and verdict."""
    return {"title": walk.title, "synthetic": bool(walk.wfo.get("synthetic")), "verdict": walk.verdict, "tone": TONES.get(walk.verdict, "warn"),
            "meaning": MEANS.get(walk.verdict, ""), "decision": decision(walk), "counts": counts(walk), "clauses": clauses(walk), "tries": tries(walk),
            "notes": list(notes(walk)), "own_words": own_words(walk)}


def now(walk: Walk) -> dict[str, Any]:
    """What the procedure chooses on the whole searched window, beside what the desk has."""
    keys = [key for key in walk.keys if key in walk.chosen]
    rows = [{"key": key, "chosen": setting(walk.chosen[key]), "own": setting(walk.own[key]) if key in walk.own else MISSING,
             "differs": key in walk.own and walk.own[key] != walk.chosen[key], "folds": _values_in(walk, key)} for key in keys]
    return {"rows": rows, "why": str((walk.wfo.get("chosen") or {}).get("why") or ""), "command": command(walk), "against": choice_words(walk),
            "nobody": walk.chose_nobody}


def _values_in(walk: Walk, key: str) -> str:
    """The value that each fold chose, in order of the folds."""
    return ", ".join(MISSING if fold.get("chosen") is None or key not in fold["chosen"] else setting(fold["chosen"][key]) for fold in walk.folds)


def series(walk: Walk) -> list[dict[str, Any]]:
    """The figures of the stitched series, and of those beside it."""
    rows = []
    for key, name in SERIES:
        found = walk.stitched if key == "stitched" else walk.stitched.get(key)
        if found and found.get("figures"):
            rows.append({"name": name, "cells": _cells(found["figures"])})
    return rows


def _tone(figure: str, value: Any) -> str:
    known = number(value)
    if known is None or figure not in ("net_usd", "total_return", "expectancy_r", "sharpe") or not known:
        return ""
    return "gain" if known > 0.0 else "loss"


def opened(walk: Walk) -> dict[str, Any] | None:
    """What the sealed end of the window showed, beside the whole searched window; None while it is sealed."""
    found = walk.opened
    if not found:
        return None
    rows = [{"name": name, "cells": _cells(found.get(key))} for key, name in (("figures", "chosen, in the sealed window"),
                                                                               ("searched", "chosen, in the searched window"),
                                                                               ("own", "the desk's own settings, in the sealed window")) if found.get(key)]
    before = int(found.get("trials_before") or 0)
    return {"when": str(found.get("opened") or ""), "window": from_to(found.get("window") or {}), "rows": rows, "seen": whole(before) if before else ""}


def cpcv(walk: Walk) -> list[dict[str, Any]]:
    """The figures of each path of a combinatorial walk-forward; the first is the stitched one."""
    return [{"name": f"path {place}", "cells": _cells(found)} for place, found in enumerate(walk.wfo.get("paths") or [], start=1)]


def _cells(figures_: Any) -> list[dict[str, str]]:
    return [{"text": told(name, (figures_ or {}).get(name)), "tone": _tone(name, (figures_ or {}).get(name))} for name in FIGURES]


def folds(walk: Walk) -> list[dict[str, Any]]:
    """One row a fold."""
    rows = []
    for fold in walk.folds:
        inside, outside = walk.scores(fold)
        found, own = fold.get("out_of_sample") or {}, (fold.get("own") or {}).get("out_of_sample") or {}
        rows.append({
            "number": fold["number"], "train": _spans(fold.get("train")), "test": _spans(fold.get("test")), "candidates": told("count", fold.get("candidates")),
            "chosen": listed(walk, fold.get("chosen")), "inside": walk.score(inside), "outside": walk.score(outside), "outside_tone": _tone("sharpe", outside),
            "rank": rank(fold), "trades": told("trades", found.get("trades")), "net": told("net", found.get("net_usd")),
            "net_tone": _tone("net_usd", found.get("net_usd")), "drawdown": told("max_drawdown", found.get("max_drawdown")),
            "own": told("net", own.get("net_usd")), "note": str(fold.get("note") or ""),
        })
    return rows


def _spans(spans: Any) -> list[tuple[str, str]]:
    """Windows and their sessions in words."""
    return [(from_to(span), counted(int(span.get("sessions") or 0), "session")) for span in spans or []]


def pbo(walk: Walk) -> dict[str, Any] | None:
    found = walk.court.get("pbo")
    if not found or number(found.get("value")) is None:
        return None
    loss, chosen = number(found.get("oos_loss")), number(found.get("oos_loss_chosen"))
    said = f"PBO {plain(found['value'])} over {whole(found.get('splits'))} ways to cut the sessions into two halves."
    if loss is not None:
        said += f" The best of one half loses money in the other, or does not trade there, in {share(loss, 0)} of them"
        said += f"; the chosen configuration itself does in {share(chosen, 0)}." if chosen is not None else "."
    if (slope := number(found.get("slope"))) is not None:
        said += f" Slope of its figure in the other half on that in its own: {plain(slope)} (what one half has more the other has less, so it leans below 0)."
    return {"words": said, "note": str(found.get("note") or "")}


def spa(walk: Walk) -> dict[str, Any] | None:
    found = walk.court.get("spa")
    if not found:
        return None
    rows = [(name, plain(found.get(name), 3)) for name in ("lower", "consistent", "upper") if found.get(name) is not None]
    return {"rows": rows, "text": str(found.get("text") or found.get("why") or "")}


def random_words(walk: Walk) -> str | None:
    """What the random entries say; None where none were drawn."""
    found = walk.court.get("random_entries")
    if not found:
        return None
    if found.get("text"):
        return str(found["text"])
    draws = counted(int(found.get("draws") or 0), "draw")
    said = f"{draws} of random entries with the same exits in the same test windows: the entries as chosen beat {share(found.get('beaten'), 0)} of them"
    return said + (f" (p = {plain(found.get('p'), 3)})." if number(found.get("p")) is not None else ".")


def paths(walk: Walk) -> dict[str, Any] | None:
    """Drawdowns and totals of the trades dealt out anew: a table of quantiles by way, and what is needed to draw it."""
    found = walk.court.get("monte_carlo") or {}
    known = {name: found[name] for name in ("shuffle", "resample") if (found.get(name) or {}).get("drawdown")}
    if not known:
        return None
    columns = sorted({key for part in known.values() for key in part["drawdown"]})
    rows = [{"name": f"{name}: {what}", "cells": [plain(part[key].get(column), 1) for column in columns]}
            for name, part in known.items() for what, key in (("deepest fall", "drawdown"), ("total", "total"))]
    first = next(iter(known.values()))
    fell, made_ = (plain(first.get(key), 1) for key in ("observed_drawdown", "observed_total"))
    said = [f"{whole(first.get('draws'))} draws each of {whole(first.get('trades'))} trades; as they came they fell {fell} R at most and made {made_} R."]
    if "resample" in known:
        said.append(f"Resampled by {known['resample'].get('unit')}: {share(known['resample'].get('loss'), 0)} of the draws lose.")
    falls = {name: {key: float(value) for key, value in part["drawdown"].items()} for name, part in known.items()}
    return {"columns": columns, "rows": rows, "said": said, "text": str(found.get("text") or ""), "ways": falls,
            "realised": number(first.get("observed_drawdown"))}


def intervals(walk: Walk) -> dict[str, Any]:
    """95 % intervals by figure (rows) and rule of fills (columns), with the value of the run's own rule."""
    found = walk.court.get("bootstrap") or {}
    names = sorted({name.removesuffix("_pessimistic").removesuffix("_optimistic") for name in found}, key=_rank_of)
    ends = [end for end in ("", "_pessimistic", "_optimistic") if any(name.endswith(end) for name in found)]
    rows = [{"name": NAMES.get(name, name.replace("_", " ")), "cells": [_valued(walk, name, end, found.get(f"{name}{end}")) for end in ends]} for name in names]
    heads = {"": "as chosen", "_pessimistic": "pessimistic fills", "_optimistic": "optimistic fills"}
    return {"rows": rows, "heads": [heads[end] for end in ends]}


def _valued(walk: Walk, name: str, end: str, bounds: Any) -> tuple[str, str]:
    """Value and interval of a figure under a rule of fills."""
    found = walk.stitched if not end else walk.stitched.get(end[1:]) or {}
    value = (found.get("figures") or {}).get(name)
    return "" if value is None else told(name, value), bounds_told(name, bounds)


def _rank_of(name: str) -> tuple[int, str]:
    return (FIGURES.index(name) if name in FIGURES else len(FIGURES), name)


def figures(walk: Walk) -> list[dict[str, str]]:
    """The figures of the court, each with its series and convention, those that decide first."""
    found = {name: one for name, one in (walk.court.get("figures") or {}).items() if isinstance(one, dict)}
    order = sorted(found, key=lambda name: (list(COURT).index(name) if name in COURT else len(COURT), name))
    return [{"name": COURT.get(name, name.replace("_", " ")), "value": told(name, found[name].get("value")), "series": str(found[name].get("series") or ""),
             "convention": str(found[name].get("convention") or ""), "interval": bounds_told(name, found[name].get("interval")),
             "text": str(found[name].get("text") or "")} for name in order]


def haircuts(walk: Walk) -> list[tuple[str, str, str, str]]:
    """Method, p, Sharpe ratio left, and part cut off."""
    known = {name: found for name, found in (walk.court.get("haircut") or {}).items() if isinstance(found, dict)}
    order = sorted(known, key=lambda name: (list(HAIRCUTS).index(name) if name in HAIRCUTS else len(HAIRCUTS), name))
    return [(HAIRCUTS.get(name, name), plain(known[name].get("p"), 3), plain(known[name].get("sharpe")), share(known[name].get("cut"), 0)) for name in order]


def parts_of(walk: Walk, kind: str) -> list[dict[str, Any]]:
    """Years or regimes of the stitched series, one row each."""
    return [{"way": str(row.get("way") or ""), "name": str(row.get("name") or row.get("year") or ""), "sessions": told("sessions", row.get("sessions")),
             "trades": told("trades", row.get("trades")), "net": told("net", row.get("net_usd")), "tone": _tone("net_usd", row.get("net_usd")),
             "total": told("total_return", row.get("return")), "sharpe": told("sharpe", row.get("sharpe"))} for row in walk.court.get(kind) or []]


def plateau(walk: Walk) -> dict[str, str]:
    found = walk.court.get("plateau") or {}
    return {"word": str(found.get("word") or ""), "text": str(found.get("text") or "")}


def stability(walk: Walk) -> dict[str, Any]:
    """How alike the folds chose, in a sentence and by parameter."""
    found = walk.court.get("stability") or {}
    rows = [{"name": walk.label(str(one.get("key"))), "levels": told("count", one.get("levels")), "chosen": _chosen_in(one),
             "distance": plain(one.get("distance")), "chance": plain(one.get("by_chance"))} for one in found.get("parameters") or []]
    return {"text": str(found.get("text") or ""), "rows": rows}


def _chosen_in(one: Mapping[str, Any]) -> str:
    return "; ".join(f"{setting(part['value'])} in {'fold' if len(part['folds']) == 1 else 'folds'} {', '.join(map(str, part['folds']))}"
                     for part in one.get("chosen") or [])


def made(walk: Walk) -> list[tuple[str, str]]:
    """How the run was made, name and value."""
    w = walk.wfo
    holdout = w.get("holdout")
    sealed = "none was kept" if not holdout else f"{from_to(holdout)}, {counted(int(holdout.get('sessions') or 0), 'session')}, " + \
        (f"opened {walk.opened['opened']}" if walk.opened.get("opened") else f"sealed; pse wfo --open-holdout {walk.run_id} opens it, once")
    searched = w.get("searched") or {}
    rows = [
        ("Run", walk.run_id), ("Window", from_to(w.get("window") or {})),
        ("Searched", f"{from_to(searched)}, {counted(int(searched.get('sessions') or 0), 'session')}"),
        ("Holdout", sealed), ("Folds", f"{len(walk.folds)}, {SCHEMES.get(str(w.get('scheme')), str(w.get('scheme')))}"),
        ("Train window", f"{plain(w.get('train'), 1)} times the test window" if w.get("scheme") != "cpcv" else "the groups that are not tested"),
        ("Objective", f"{walk.objective_name}, from {told('trades', w.get('min_trades'))} trades in the train window on"),
        ("Proposed by", METHODS.get(str(w.get("method")), str(w.get("method")))),
        ("Trials", tries(walk)), ("Seed", setting(w.get("seed"))), ("Snapshot of the data", str(w.get("snapshot") or MISSING)),
        ("Fill rule", str(w.get("fills") or MISSING)), ("Embargo", counted(int(w.get("embargo_sessions") or 0), "session")),
        ("Look-ahead audit", ", ".join(str(w[key]) for key in ("lookahead", "lookahead_text") if w.get(key)) or MISSING),
        ("Capital", f"{told('capital_usd', w.get('capital_usd'))} {walk.currency}"), ("Sessions a year", told("", w.get("sessions_per_year"))),
    ]
    manifest = walk.manifest
    code = " ".join(f"{name} {value}" for name, value in sorted((manifest.get("code") or {}).items()))
    return rows + [(name, str(value)) for name, value in (("Made", manifest.get("created")), ("Code", code), ("Ran on", _ran_on(manifest)),
                                                         ("Fingerprint", manifest.get("fingerprint"))) if value]


def _ran_on(manifest: Mapping[str, Any]) -> str:
    return ", ".join(str(manifest[key]) for key in ("python", "platform") if manifest.get(key))


def stale(walk: Walk) -> list[str]:
    """What would make this page say something that no longer holds."""
    said = [
        "More configurations tried on the same symbols and window, by anybody who shares the ledger: N grows, and every figure that counts tries gets "
        "worse. `pse overfit` judges again with the count of that day.",
        "Other data (another snapshot), other costs or fill rules, or another version of pse's code: run it again.",
        "A change of the desk's rules, or of what is searched, after reading this page: that is a further try on the same data, and its out-of-sample "
        "windows have been seen.",
    ]
    if walk.wfo.get("synthetic"):
        said.insert(0, "The data are synthetic: this page shows how the procedure behaves, and nothing about a market.")
    return said
