"""Benchmarks: ratios and shares measured in one run on the same inputs, written as JSON."""
