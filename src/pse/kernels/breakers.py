"""Circuit breakers: states CLOSED, OPEN, HALF_OPEN.  Time is engine time, so a replay trips at the same instant."""


from pse.kernels.codes import B_CLOSED, B_FAIL, B_HALF_OPEN, B_OK, B_OPEN
from pse.kernels.compiled import shared
from pse.kernels.targets import EPS


@shared
def call_breaker(state, failures, successes, until, timeout, event, now, threshold, first_timeout, cap, needed):
    """The breaker of the language model, after an event (B_OK, B_FAIL, B_TICK) at `now`; times in one unit.

    `threshold` failures in a row open it for `first_timeout`; after that one probe at a time: a failure opens it again for twice as long (at
    most `cap`), `needed` successes in a row close it.  Returns (state, failures, successes, until, timeout).
    """
    if state == B_OPEN and now >= until:
        state, successes = B_HALF_OPEN, 0
    if event == B_OK:
        failures = 0
        if state == B_HALF_OPEN:
            successes += 1
            if successes >= needed:
                state, timeout = B_CLOSED, first_timeout
    elif event == B_FAIL:
        failures += 1
        if state == B_HALF_OPEN:
            timeout = min(2 * timeout, cap)
            state, until = B_OPEN, now + timeout
        elif state == B_CLOSED and failures >= threshold:
            timeout = first_timeout
            state, until = B_OPEN, now + timeout
    return state, failures, successes, until, timeout


@shared
def data_breaker(state, good, score, least, recovery):
    """Opens under `least`; the first good bar makes it half open, `recovery` good bars in a row close it.  Returns (state, good)."""
    if not score >= least - EPS:                    # a score that nobody can tell is a bad one
        return B_OPEN, 0
    if state == B_CLOSED:
        return B_CLOSED, 0
    good += 1
    return (B_CLOSED if good >= recovery else B_HALF_OPEN), good


@shared
def equity_breaker(state, equity, high_water, ack_equity, drawdown, recovered, retrip):
    """Opens at a drawdown from the high-water mark.  Half open after an acknowledgement: closes when the drawdown is small, opens at a further loss."""
    if state == B_CLOSED:
        return B_CLOSED if equity > (1.0 - drawdown) * high_water + EPS else B_OPEN
    if state == B_HALF_OPEN:
        if not equity > (1.0 - retrip) * ack_equity + EPS:
            return B_OPEN
        if equity > (1.0 - recovered) * high_water:
            return B_CLOSED
    return state
