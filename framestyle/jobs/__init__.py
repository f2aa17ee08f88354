"""Runs: from settings and files to an output that stands whole, and how a broken one goes on."""

from framestyle.jobs.pictures import parse_style
from framestyle.jobs.run import run

__all__ = ["parse_style", "run"]
