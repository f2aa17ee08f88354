"""Runs: from settings and files to an output that stands whole, and how a broken one goes on."""
