"""Trains lite: ``python -m training PICTURES --teacher squeezenet1_0 -o FOLDER``."""

import argparse
import sys
from dataclasses import fields
from pathlib import Path

import torch

from framestyle.errors import FramestyleError, OutputError, SettingsError
from framestyle.networks import parse_weights
from training.export import export
from training.pictures import read_pictures
from training.teachers import LESSONS, load_teacher
from training.train import Recipe, Training

EXPORT_BATCHES = 32


def make_folder(path: Path) -> None:
    """Make the folder of the training; raises ``OutputError`` where that cannot be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{path}: cannot be made: {error.strerror or error}") from None


def main() -> int:
    """Train, or go on with a training that was cut off, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("pictures", type=Path, help="folder of training pictures")
    parser.add_argument("--teacher", action="append", required=True, help=", ".join(LESSONS))
    parser.add_argument("--weights", action="append", default=[], metavar="NAME=FILE")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder of the training")
    parser.add_argument("--start", type=Path, help="folder of a training to start from")
    parser.add_argument("--threads", type=int, help="threads of the CPU (all)")
    parser.add_argument(
        "--export-only", action="store_true", help="write the network as it was last saved"
    )
    for field in fields(Recipe):
        parser.add_argument(
            f"--{field.name.replace('_', '-')}", type=type(field.default), default=field.default
        )
    arguments = parser.parse_args()
    if arguments.threads and arguments.threads > 0:
        torch.set_num_threads(arguments.threads)
    try:
        recipe = Recipe(**{field.name: getattr(arguments, field.name) for field in fields(Recipe)})
        files = dict(parse_weights(text) for text in arguments.weights)
        teachers = [load_teacher(name, files) for name in dict.fromkeys(arguments.teacher)]
        pictures = read_pictures(arguments.pictures, recipe.side_px // 2)
        make_folder(arguments.output)
        training = Training(pictures, teachers, recipe, arguments.output, arguments.start)
        if arguments.export_only and not training.step:
            raise SettingsError(
                f"{arguments.output}: there is no training in this folder to export; train first"
            )
        if not arguments.export_only:
            training.run()
        path = export(training.student, training.some_batches(EXPORT_BATCHES), arguments.output)
    except FramestyleError as error:
        print(f"training: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(
            "training: stopped; the same command goes on from where it was last saved",
            file=sys.stderr,
        )
        return 130
    print(f"{path}: after {training.step} of {recipe.steps} steps")
    print("to ship it, put it into framestyle/networks and its name into lite.py there")
    return 0


if __name__ == "__main__":
    sys.exit(main())
