"""Bars become features by pure functions whose past never changes when later bars arrive.

One group a file: its parameters are the fields of a frozen model, `compute(bars)` gives its columns, and `build` runs all of them over one instrument.
Objects (swings, gaps, pools ...) carry forward-adjusted prices; columns named after a price carry prices as traded.
"""

from __future__ import annotations

import numpy as np

Columns = dict[str, np.ndarray]
