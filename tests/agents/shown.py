"""Candidates to answer about, and whole answers to them, as JSON text."""

from __future__ import annotations

import json
from typing import Any

from pse.domain.decisions import Candidate

LONG = Candidate("a1-long", "ES", "mss_fvg_retest", "LONG", "A", 5000.0, 4992.0, 5016.0, 0.8, {})
SHORT = Candidate("b2-short", "ES", "sweep_reversal", "SHORT", "B", 5002.0, 5008.0, 4990.0, 0.6, {})
FREE = Candidate("c3-free", "ES", "momentum_thrust", "LONG", "B", 5001.0, 4995.0, None, 0.5, {})
OPEN = Candidate("d4-open", "BTCUSDT", "open_call", "EITHER", "A", 100.0, 97.0, 106.0, 0.5, {})
TWO = (LONG, SHORT)

PLAIN: dict[str, Any] = {"setup_id": "a1-long", "reason": "trend and retest agree", "risk_flags": [], "verdict": "approve", "priority": 1, "size_factor": None,
                         "entry": None, "stop": None, "target": None, "confidence": None}


def text(**given: Any) -> str:
    """A plain approval of the long candidate, but for what is given."""
    return json.dumps({**PLAIN, **given})


def signal(**given: Any) -> str:
    return text(**{"call": None, "wants": [], **given})


def executive(**given: Any) -> str:
    return text(**{"call": None, "brief": ["Long from the retest.", "Trend and volume agree.", "A close below 4992 would have changed it."], **given})


def spot(**given: Any) -> str:
    return json.dumps({"reason": "momentum turned", "risk_flags": [], "call": "BUY", "confidence": 0.6, "size_factor": None, "stop": None, "target": None,
                       "brief": ["Buy."], **given})


WHOLE: dict[str, str] = {
    "signal": signal(), "risk": text(), "executive": executive(),
    "set": json.dumps({"decisions": [PLAIN, {**PLAIN, "setup_id": "b2-short", "verdict": "reject"}]}),
    "holistic": json.dumps({"reason": "both lean on one move", "proposals": [PLAIN], "missed": ["A gap fill above."]}),
    "risk_decision": json.dumps({"setup_id": "a1-long", "reason": "nothing against it", "risk_flags": [], "verdict": "pass", "size_factor": None}),
    "choice": json.dumps({"setup_id": "a1-long", "reason": "fits the trend", "risk_flags": [], "size_factor": None, "confidence": 0.7}),
    "quant_review": json.dumps({"setup_id": "a1-long", "reason": "few trades", "risk_flags": ["weak_evidence"], "verdict": "revise", "size_factor": 0.5,
                                "confidence": None}),
    "spot": spot(), "audit": json.dumps({"enough_decisions": False, "findings": ["Not enough decisions to tell."], "look_next": []})}
