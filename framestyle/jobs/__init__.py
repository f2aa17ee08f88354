"""Runs: from settings and files to an output that stands whole, and how a broken one goes on."""

from framestyle.jobs.run import run
from framestyle.jobs.stages import parse_style

__all__ = ["parse_style", "run"]
