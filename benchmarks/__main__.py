"""Runs every benchmark: ``python -m benchmarks [iteration|shares|memory]... [--device cuda]``."""

import argparse
import json
from pathlib import Path

from benchmarks import iteration, memory, shares
from benchmarks.machine import machine

ALL = {"iteration": iteration.measure, "shares": shares.measure, "memory": memory.measure}
OUT = Path(__file__).parent / "results"


def main() -> None:
    """Run the benchmarks named, all of them by default, and write their figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(ALL)}")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name in arguments.names or ALL:
        figures = ALL[name](arguments.device)
        file = arguments.out / f"{name}-{arguments.device}.json"
        text = json.dumps({"machine": machine(arguments.device), "figures": figures}, indent=1)
        file.write_text(text + "\n", encoding="utf-8")
        print(f"{name}: {json.dumps(figures, indent=1)}\nwritten to {file}", flush=True)


if __name__ == "__main__":
    main()
