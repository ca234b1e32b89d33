"""Measuring, beside others and in one run: what is compared, under which conditions, and how sure a number is.

statistics   median, quartiles, the ratio of two medians and its interval
contestant   what is measured: another runtime's commands, ours, a call in this process
rounds       all of them in turn, in an order drawn anew each round
playground   where it happens, and that nothing of it is left
conditions   what a number is worth nothing without: kernel, cores, load, versions, cgroups
start        the scenario: the start of a container, from one bundle
report       the table and the JSON

Invariants: every contestant is measured in every round; a ratio is one of medians of the same rounds; what was not
the same for all is said beside the numbers.
"""
