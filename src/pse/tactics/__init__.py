"""Tactics: features become setups, by pure functions whose past never changes when later bars arrive."""
