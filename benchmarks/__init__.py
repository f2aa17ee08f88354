"""Benchmarks: ratios and shares measured in one run on the same inputs, written as JSON."""

from framestyle.waiting import wait_briefly

wait_briefly()  # as the command does; what is imported after it loads torch
