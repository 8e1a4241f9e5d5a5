"""What somebody who is new to walk-forward testing needs to read its report: the terms, each in a sentence or two."""

from __future__ import annotations

TERMS = {
    "Walk-forward": "Parameters are chosen on one stretch of the past and traded on the next, which the choice has not seen; then both move on. The test "
    "windows one after the other are the nearest that history has to trading it live.",
    "In sample, out of sample": "Inside the window on which the parameters were chosen, and outside it. Only the second says something about the future.",
    "Fold": "One train window with the test window that belongs to it. Each starts and ends without a position.",
    "Purge and embargo": "Trades of the train window that reach into a test window are left out, and so many sessions after it as the features remember.",
    "Holdout": "The last part of the data, kept under seal until somebody opens it once; the opening is logged.",
    "Trials (N)": "How many configurations were tried on these data. The best of many is good by luck alone, the more the more were tried.",
    "Sharpe ratio": "Mean return of a session over its standard deviation, times the root of the sessions a year; sessions without a trade count with 0.",
    "Deflated Sharpe ratio": "Chance that the true Sharpe ratio is above what the best of N tries without an edge would show (Bailey and Lopez de Prado 2014). "
    "Two conventions for its variance are in use and give different answers; both are told, by their year.",
    "Probability of backtest overfitting (PBO)": "The sessions are cut into blocks and every half is played against the other: how often the best "
    "configuration of one half is below the middle of all in the other. Logits below 0 are such splits. Equally good neighbours "
    "give 0.5, so it never decides alone.",
    "Reality check (SPA)": "Whether the best configuration beats cash when one allows for its having been picked as the best (White 2000, Hansen 2005).",
    "Haircut": "What is left of a Sharpe ratio when its p-value is corrected for the number of tests (Harvey and Liu 2015).",
    "Minimum track record": "Sessions needed to say with 95 % that a Sharpe ratio like this one is above 0.",
    "Random entries": "The same exits after entries at random moments: an edge of the entries has to beat most of such draws.",
    "Shuffle and resample": "Shuffle deals the same trades out in another order: the total stays, the path changes. Resample draws them with replacement: the "
    "total changes too.",
    "Block bootstrap": "Intervals from drawing runs of neighbouring sessions anew. They still cover somewhat less than they say.",
    "Pessimistic fills": "The stricter rule wherever the bars leave two: limits fill only when traded through, the stop comes before the target.",
    "R": "The money at risk from the entry to the first stop; 2 R is twice that.",
}
