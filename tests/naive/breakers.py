"""Circuit breakers as histories: the state is worked out from all that happened."""

import math


def data(scores, least, recovery):
    """State after a list of data-quality scores."""
    bad = [i for i, score in enumerate(scores) if score < least - 1e-9]
    if not bad:
        return "CLOSED"
    good = len(scores) - 1 - bad[-1]
    return "OPEN" if good == 0 else "HALF_OPEN" if good < recovery else "CLOSED"


def model(events, threshold, timeout, cap, needed):
    """States of the language model's breaker after each (time, OK | FAIL | TICK)."""
    states, state, fails, wins, opened, wait = [], "CLOSED", 0, 0, -math.inf, timeout
    for now, event in events:
        if state == "OPEN" and now >= opened + wait:
            state, wins = "HALF_OPEN", 0
        if event == "OK":
            fails, wins = 0, wins + 1
            if state == "HALF_OPEN" and wins >= needed:
                state, wait = "CLOSED", timeout
        if event == "FAIL":
            fails += 1
            if state == "HALF_OPEN":
                state, opened, wait = "OPEN", now, min(2 * wait, cap)
            elif state == "CLOSED" and fails >= threshold:
                state, opened, wait = "OPEN", now, timeout
        states.append(state)
    return states


def equity(path, drawdown):
    """Whether the breaker has ever tripped on a path of equities, the first being the capital; nobody acknowledges."""
    return any(path[i] <= (1 - drawdown) * max(path[:i + 1]) + 1e-9 for i in range(len(path)))
