"""How far back the features of a desk look: the time after a test in which what is computed still holds values of the test."""

from __future__ import annotations

import math

from pse.engine.desk import DeskPlan
from pse.features.feature import Feature


def memory_sessions(plan: DeskPlan, bars_a_session: int) -> int:
    """Sessions that the longest warm-up of the desk's features takes on its decision bars, rounded up; at most the desk's own warm-up.

    bars_a_session: decision bars of a full session, 1 for bars of a day.  An exponential average remembers beyond its warm-up, with a weight that has
    become small by then; the sessions before a run's start, which every figure of the desk is made from, bound all of them.
    """
    spec = plan.spec.together()
    groups = [group for name in type(spec).model_fields if isinstance(group := getattr(spec, name), Feature)]
    bars = max((group.warmup_on(bars_a_session) for group in groups), default=0)
    return min(math.ceil(bars / max(1, bars_a_session)), plan.warmup_sessions)
