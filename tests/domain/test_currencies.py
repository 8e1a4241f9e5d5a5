"""Which way leads from the money of an instrument to that of the account."""

import pytest
from pydantic import ValidationError

from pse.domain.currencies import Conversion, Leg, Peg, conversion
from pse.domain.instruments import Instrument


def priced(symbol, base, currency, kind="fx"):
    return Instrument(symbol=symbol, name=symbol, kind=kind, tick=0.0001, lot_step=1, point_value=1, currency=currency, base=base, calendar="24/7")


KNOWN = {one.symbol: one for one in (priced("EURUSD", "EUR", "USD"), priced("USDJPY", "USD", "JPY"), priced("BTCUSDT", "BTC", "USDT", "crypto"),
                                     priced("ETHBTC", "ETH", "BTC", "crypto"))}
PEGS = {"USDT": Peg(pegged_to="USD", rate=0.5)}


def test_one_currency_is_its_own_money():
    assert conversion("USD", "USD", KNOWN, PEGS) == Conversion("USD", "USD") and conversion("XYZ", "XYZ", {}, {}).is_one


@pytest.mark.parametrize(("of", "to", "factor", "legs", "pegs"), [
    ("EUR", "USD", 1.0, [("EURUSD", False)], ()),                                          # the price of a euro
    ("USD", "EUR", 1.0, [("EURUSD", True)], ()),                                           # and what a dollar buys
    ("USDT", "USD", 0.5, [], ("USDT",)),
    ("USD", "USDT", 2.0, [], ("USDT",)),
    ("USDT", "EUR", 0.5, [("EURUSD", True)], ("USDT",)),                                   # a peg, then a series
    ("EUR", "JPY", 1.0, [("EURUSD", False), ("USDJPY", False)], ()),                       # over the dollar
    ("BTC", "USD", 0.5, [("BTCUSDT", False)], ("USDT",)),
])
def test_the_way_with_the_fewest_steps_is_taken(of, to, factor, legs, pegs):
    assert conversion(of, to, KNOWN, PEGS) == Conversion(of, to, factor, tuple(Leg(*leg) for leg in legs), pegs)


def test_a_series_wins_over_a_peg_and_the_first_name_over_a_later_one():
    known = {**KNOWN, "USDTUSD": priced("USDTUSD", "USDT", "USD", "crypto"), "ZUSDT": priced("ZUSDT", "USDT", "USD", "crypto")}
    for order in (known, dict(reversed(known.items()))):
        assert conversion("USDT", "USD", order, PEGS).legs == (Leg("USDTUSD", False),)


def test_an_instrument_without_a_base_is_no_rate_and_where_nothing_leads_there_is_none():
    spot = priced("EURUSD", None, "USD")
    assert conversion("EUR", "USD", {"EURUSD": spot}, {}) is None and conversion("GBP", "USD", KNOWN, PEGS) is None


@pytest.mark.parametrize(("kind", "base"), [("stock", "EUR"), ("fx", "USD")])
def test_a_base_belongs_to_what_prices_another_currency(kind, base):
    with pytest.raises(ValidationError):
        priced("EURUSD", base, "USD", kind)
