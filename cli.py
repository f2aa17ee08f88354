"""Runs framestyle from a checkout: ``python cli.py INPUT STYLE... -o OUT``."""

import sys

from framestyle.cli import main

if __name__ == "__main__":
    sys.exit(main())
