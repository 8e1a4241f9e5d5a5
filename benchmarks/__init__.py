"""How fast `pse` is: each figure as a ratio to a yardstick that is measured in the same minute on the same machine.

`python -m benchmarks [names] [--json]`.  CPU time, medians, rounds interleaved where two things are compared; nothing here is a test.
"""
