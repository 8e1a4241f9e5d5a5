"""Does anything that `pse` says of the past change when the future does?

A value that stands on a bar may rest on that bar and earlier ones only.  Code that breaks this shows itself in one of two ways: computed from history that
ends at a bar it says something else about the past than computed from a longer history, or it does so when the bars after that bar are other ones.  Both can
be tried from outside, on any function of history, without reading its source:

    prefix     f(history up to c) against f(history), every row known at c, bit for bit
    reversed   f(history whose bars after c stand in reverse order and on another scale), rows up to c
    poisoned   f(history whose bars after c are NaN), rows up to c
    repeat     f(history) twice

`said` holds what a subject says of a history, `compare` sets two of them side by side, `cuts` chooses the moments c, `trial` groups them into windows and
tries them, `warmup` asks how long a history must be before a value settles, `lint` looks at the moments of bars and joins, `report` gathers findings.

Trying 600 cuts on the whole history would take minutes.  What holds for every history holds for a window of it too, so most cuts are tried inside windows of
some 2,500 decision bars that begin at a session's open: f(window up to c) against f(window).  A normalisation over everything it is given shows itself in a
window as it does in a year.  What a window cannot show is code that sleeps until it has seen much more history: the cuts on the whole history are for that,
and a column that never spoke in a window, but does in the whole history, is tried there at its own cuts.

Not in here: how features, tactics and briefings are computed (the caller hands over one function), and the store.
"""
