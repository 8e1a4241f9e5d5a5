"""Single bars, each with what three fill policies make of it, worked by hand from their rules in configs/fills.yaml.

The trade: buy at 100 (of a stop entry: fires at 100), stop 98, target 104, tick 0.25, one tick of slippage an instrument, none for the optimist, twice for
the pessimist in a first minute or outside regular hours.  A fill is LEG KIND PRICE, with x QUANTITY where more than one is wanted; "" is no fill.
`before`: "" for a bar that is the order's first; "rests" after a bar that touched nothing; "held" after a bar in which all policies bought at 100.
"""

from typing import NamedTuple


class Case(NamedTuple):
    order: str
    before: str
    bar: tuple                    # open, high, low, close
    conservative: str
    pessimistic: str
    optimistic: str
    why: str
    more: dict = {}               # noqa: RUF012  volume, flags (4 first minute, 8 outside regular hours), wanted, limit_price


CASES = [
    # --- a resting limit ---------------------------------------------------------------------------------------------------------------------
    Case("LIMIT", "", (100.25, 100.5, 100.25, 100.25), "", "", "", "one tick above the limit"),
    Case("LIMIT", "", (100.25, 100.5, 100.0, 100.25), "", "", "E LIMIT 100", "a touch fills only for the optimist"),
    Case("LIMIT", "", (100.25, 100.5, 99.75, 100.0), "E LIMIT 100", "E LIMIT 100", "E LIMIT 100", "one tick through, at the limit"),
    Case("LIMIT", "", (100.25, 100.5, 98.5, 99.0), "E LIMIT 100", "E LIMIT 100", "E LIMIT 100", "far through is no better: the order was passed at 100"),
    Case("LIMIT", "", (100.0, 100.5, 100.0, 100.25), "", "", "E OPEN 100", "an open at the limit is a touch"),
    Case("LIMIT", "", (100.0, 100.5, 99.75, 100.25), "E LIMIT 100", "E LIMIT 100", "E OPEN 100", "a touch at the open, then one tick through"),
    Case("LIMIT", "", (99.75, 100.25, 99.5, 100.0), "E OPEN 100", "E OPEN 100", "E OPEN 99.75", "an open one tick through: improved only for the optimist"),
    Case("LIMIT", "", (98.5, 99.0, 98.25, 98.75), "E OPEN 100", "E OPEN 100", "E OPEN 98.5", "an open far through"),
    Case("LIMIT", "rests", (98.25, 99.0, 98.25, 99.0), "E OPEN 100", "E OPEN 100", "E OPEN 98.25", "a later open one tick before the stop"),
    Case("LIMIT", "rests", (98.0, 98.5, 97.5, 98.25), "E GAP 98; S GAP 97.75", "E GAP 100; S GAP 97.75", "E GAP 98; S GAP 98",
         "an open at the stop: in there (pessimist: at the limit) and out a tick worse"),
    Case("LIMIT", "rests", (97.0, 99.0, 96.5, 98.25), "E GAP 97; S GAP 96.75", "E GAP 100; S GAP 96.75", "E GAP 97; S GAP 97", "an open beyond the stop"),
    Case("LIMIT", "rests", (97.0, 105.0, 96.5, 104.5), "E GAP 97; S GAP 96.75", "E GAP 100; S GAP 96.75", "E GAP 97; S GAP 97",
         "an open beyond the stop is over at once, whatever the bar did later"),
    # --- the bar of a resting limit's entry --------------------------------------------------------------------------------------------------
    Case("LIMIT", "", (100.25, 100.5, 98.25, 99.0), "E LIMIT 100", "E LIMIT 100", "E LIMIT 100", "one tick before the stop"),
    Case("LIMIT", "", (100.25, 100.5, 98.0, 99.0), "E LIMIT 100; S STOP 97.75", "E LIMIT 100; S STOP 97.75", "E LIMIT 100; S STOP 98",
         "the stop lies below the limit, so it came after: it counts for all"),
    Case("LIMIT", "", (100.25, 104.25, 99.75, 104.0), "E LIMIT 100", "E LIMIT 100", "E LIMIT 100; T TARGET 104", "the high may have come before the entry"),
    Case("LIMIT", "", (100.25, 104.0, 99.75, 103.0), "E LIMIT 100", "E LIMIT 100", "E LIMIT 100; T TARGET 104", "and a touch is enough for the optimist"),
    Case("LIMIT", "", (100.25, 103.75, 99.75, 103.0), "E LIMIT 100", "E LIMIT 100", "E LIMIT 100", "one tick before the target"),
    Case("LIMIT", "", (100.25, 104.25, 98.0, 103.0), "E LIMIT 100; S STOP 97.75", "E LIMIT 100; S STOP 97.75", "E LIMIT 100; T TARGET 104",
         "both legs in the bar of the entry"),
    Case("LIMIT", "", (99.75, 104.25, 99.5, 104.0), "E OPEN 100; T TARGET 104", "E OPEN 100", "E OPEN 99.75; T TARGET 104",
         "after an entry at the open the whole bar is later; the pessimist wants it proven"),
    Case("LIMIT", "", (99.75, 104.0, 99.5, 103.5), "E OPEN 100", "E OPEN 100", "E OPEN 99.75; T TARGET 104", "the same with a touch"),
    Case("LIMIT", "", (99.75, 104.25, 98.0, 104.0), "E OPEN 100; S STOP 97.75", "E OPEN 100; S STOP 97.75", "E OPEN 99.75; T TARGET 104",
         "both after the open"),
    Case("LIMIT", "", (99.75, 100.0, 98.0, 98.5), "E OPEN 100; S STOP 97.75", "E OPEN 100; S STOP 97.75", "E OPEN 99.75; S STOP 98", "the stop after the open"),
    # --- market orders -----------------------------------------------------------------------------------------------------------------------
    Case("MARKET", "", (100.0, 100.5, 99.5, 100.0), "E MARKET 100.25", "E MARKET 100.25", "E MARKET 100", "the open and the slippage"),
    Case("MARKET", "", (100.0, 100.5, 99.5, 100.0), "E MARKET 100.25", "E MARKET 100.5", "E MARKET 100", "twice in a first minute", {"flags": 4}),
    Case("MARKET", "", (100.0, 100.5, 99.5, 100.0), "E MARKET 100.25", "E MARKET 100.5", "E MARKET 100", "twice outside regular hours", {"flags": 8}),
    Case("MARKET", "", (100.0, 100.5, 99.5, 100.0), "E MARKET 100.25", "E MARKET 100.5", "E MARKET 100", "not four times in both", {"flags": 12}),
    Case("MARKET", "", (100.0, 104.25, 99.5, 104.0), "E MARKET 100.25; T TARGET 104", "E MARKET 100.25", "E MARKET 100; T TARGET 104",
         "the target after the open"),
    Case("MARKET", "", (100.0, 104.0, 99.5, 104.0), "E MARKET 100.25", "E MARKET 100.25", "E MARKET 100; T TARGET 104", "a touch of the target"),
    Case("MARKET", "", (100.0, 100.5, 98.0, 99.0), "E MARKET 100.25; S STOP 97.75", "E MARKET 100.25; S STOP 97.75", "E MARKET 100; S STOP 98", "the stop"),
    Case("MARKET", "", (100.0, 104.25, 98.0, 99.0), "E MARKET 100.25; S STOP 97.75", "E MARKET 100.25; S STOP 97.75", "E MARKET 100; T TARGET 104",
         "both legs"),
    # --- stop entries ------------------------------------------------------------------------------------------------------------------------
    Case("STOP", "", (99.5, 99.75, 99.0, 99.5), "", "", "", "one tick before it fires"),
    Case("STOP", "", (99.5, 100.0, 99.0, 99.5), "E STOP 100.25", "E STOP 100.25", "E STOP 100", "a touch fires; the slippage is paid from there"),
    Case("STOP", "", (100.0, 100.5, 99.5, 100.0), "E OPEN 100.25", "E OPEN 100.25", "E OPEN 100", "fired by the open"),
    Case("STOP", "", (100.5, 101.0, 100.0, 100.5), "E OPEN 100.75", "E OPEN 100.75", "E OPEN 100.5", "an open beyond it is paid"),
    Case("STOP", "", (99.5, 100.25, 99.0, 99.5), "E STOP 100.25", "E STOP 100.5", "E STOP 100", "twice outside regular hours", {"flags": 8}),
    Case("STOP", "", (99.5, 100.25, 98.0, 99.5), "E STOP 100.25; S STOP 97.75", "E STOP 100.25; S STOP 97.75", "E STOP 100",
         "the low may have come before it fired: only the optimist says so"),
    Case("STOP", "", (99.5, 100.25, 98.0, 98.0), "E STOP 100.25; S STOP 97.75", "E STOP 100.25; S STOP 97.75", "E STOP 100; S STOP 98",
         "the close came after it fired"),
    Case("STOP", "", (99.5, 104.25, 99.0, 104.0), "E STOP 100.25; T TARGET 104", "E STOP 100.25", "E STOP 100; T TARGET 104",
         "the target lies beyond the trigger, so it came after"),
    Case("STOP", "", (99.5, 104.25, 98.0, 103.0), "E STOP 100.25; S STOP 97.75", "E STOP 100.25; S STOP 97.75", "E STOP 100; T TARGET 104", "both legs"),
    Case("STOP", "", (100.0, 100.25, 98.0, 99.5), "E OPEN 100.25; S STOP 97.75", "E OPEN 100.25; S STOP 97.75", "E OPEN 100; S STOP 98",
         "fired by the open, so the low came after for all"),
    # --- stop-limit entries ------------------------------------------------------------------------------------------------------------------
    Case("STOP_LIMIT", "", (99.5, 99.75, 99.0, 99.5), "", "", "", "one tick before it fires", {"limit_price": 100.25}),
    Case("STOP_LIMIT", "", (99.5, 100.5, 99.0, 100.5), "E STOP 100.25", "E STOP 100.25", "E STOP 100", "its limit takes the slippage", {"limit_price": 100.25}),
    Case("STOP_LIMIT", "", (99.5, 100.5, 99.0, 100.5), "E STOP 100.25", "E STOP 100.25", "E STOP 100",
         "and of twice of it what the limit takes", {"limit_price": 100.25, "flags": 8}),
    Case("STOP_LIMIT", "", (99.5, 100.5, 99.0, 100.25), "E STOP 100", "E STOP 100", "E STOP 100",
         "a limit at the trigger pays no slippage", {"limit_price": 100.0}),
    Case("STOP_LIMIT", "", (99.5, 100.5, 99.0, 99.75), "E STOP 100", "E STOP 100", "E STOP 100", "wherever the bar closes", {"limit_price": 100.0}),
    Case("STOP_LIMIT", "", (101.0, 101.5, 100.5, 101.0), "", "", "", "an open beyond trigger and limit rests", {"limit_price": 100.25}),
    Case("STOP_LIMIT", "", (101.0, 101.5, 100.0, 100.5), "E LIMIT 100.25", "E LIMIT 100.25", "E LIMIT 100.25",
         "and fills one tick through", {"limit_price": 100.25}),
    Case("STOP_LIMIT", "", (101.0, 101.5, 100.25, 100.5), "", "", "E LIMIT 100.25", "not by a touch", {"limit_price": 100.25}),
    Case("STOP_LIMIT", "", (100.0, 100.5, 99.5, 100.5), "E OPEN 100.25", "E OPEN 100.25", "E OPEN 100", "fired by the open", {"limit_price": 100.25}),
    # --- exits -------------------------------------------------------------------------------------------------------------------------------
    Case("LIMIT", "held", (100.0, 100.5, 98.25, 99.0), "", "", "", "one tick before the stop"),
    Case("LIMIT", "held", (100.0, 100.5, 98.0, 99.0), "S STOP 97.75", "S STOP 97.75", "S STOP 98", "a touch of the stop fills it"),
    Case("LIMIT", "held", (98.0, 99.0, 98.0, 98.5), "S STOP 97.75", "S STOP 97.75", "S STOP 98", "an open at the stop"),
    Case("LIMIT", "held", (97.5, 98.0, 97.0, 97.5), "S GAP 97.25", "S GAP 97.25", "S GAP 97.5", "an open beyond the stop is worse"),
    Case("LIMIT", "held", (100.0, 100.5, 98.0, 99.0), "S STOP 97.75", "S STOP 97.5", "S STOP 98", "twice outside regular hours", {"flags": 8}),
    Case("LIMIT", "held", (97.5, 98.0, 97.0, 97.5), "S GAP 97.25", "S GAP 97", "S GAP 97.5", "twice in a first minute", {"flags": 4}),
    Case("LIMIT", "held", (100.0, 103.75, 99.5, 103.0), "", "", "", "one tick before the target"),
    Case("LIMIT", "held", (100.0, 104.0, 99.5, 103.0), "", "", "T TARGET 104", "a touch of the target fills only for the optimist"),
    Case("LIMIT", "held", (100.0, 104.25, 99.5, 103.0), "T TARGET 104", "T TARGET 104", "T TARGET 104", "one tick through"),
    Case("LIMIT", "held", (104.0, 104.0, 103.0, 103.5), "", "", "T TARGET 104", "an open at the target is a touch"),
    Case("LIMIT", "held", (104.25, 104.5, 103.0, 103.5), "T TARGET 104", "T TARGET 104", "T TARGET 104.25", "an open one tick through"),
    Case("LIMIT", "held", (105.0, 106.0, 104.5, 105.0), "T TARGET 104", "T TARGET 104", "T TARGET 105", "an open far through is better only for the optimist"),
    Case("LIMIT", "held", (100.0, 104.25, 98.0, 103.0), "S STOP 97.75", "S STOP 97.75", "T TARGET 104", "both legs: which came first is not told"),
    Case("LIMIT", "held", (100.0, 104.0, 98.0, 103.0), "S STOP 97.75", "S STOP 97.75", "T TARGET 104", "the stop and a touch of the target"),
    Case("LIMIT", "held", (104.25, 105.0, 97.0, 98.0), "T TARGET 104", "T TARGET 104", "T TARGET 104.25", "an open through the target decides"),
    Case("LIMIT", "held", (97.5, 105.0, 97.0, 104.0), "S GAP 97.25", "S GAP 97.25", "S GAP 97.5", "an open beyond the stop decides"),
    Case("LIMIT", "held", (98.0, 104.25, 98.0, 104.0), "S STOP 97.75", "S STOP 97.75", "S STOP 98", "an open at the stop decides"),
    # --- how much a bar gives ----------------------------------------------------------------------------------------------------------------
    Case("LIMIT", "", (100.25, 100.5, 99.75, 100.0), "E LIMIT 100 x3", "E LIMIT 100 x3", "E LIMIT 100 x3", "no volume, no cap", {"wanted": 3}),
    Case("LIMIT", "", (100.25, 100.5, 99.75, 100.0), "E LIMIT 100 x2", "E LIMIT 100 x1", "E LIMIT 100 x2", "10 % of 20 is 2, 2.5 % is less than one",
         {"wanted": 3, "volume": 20.0}),
    Case("LIMIT", "", (100.25, 100.5, 99.75, 100.0), "E LIMIT 100 x2", "E LIMIT 100 x1", "E LIMIT 100 x2", "29 is not 30", {"wanted": 3, "volume": 29.0}),
    Case("LIMIT", "", (100.25, 100.5, 99.75, 100.0), "E LIMIT 100 x3", "E LIMIT 100 x2", "E LIMIT 100 x3", "2.5 % of 80 is 2", {"wanted": 3, "volume": 80.0}),
    Case("LIMIT", "", (100.25, 100.5, 99.75, 100.0), "E LIMIT 100 x1", "E LIMIT 100 x1", "E LIMIT 100 x1", "one lot where nothing was traded",
         {"wanted": 3, "volume": 0.0}),
]
