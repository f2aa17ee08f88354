"""Runs framestyle as ``python -m framestyle``."""

import sys

from framestyle.cli import main

if __name__ == "__main__":
    sys.exit(main())
