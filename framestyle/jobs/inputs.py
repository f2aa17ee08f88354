"""What a run reads: opened and checked without torch, which takes seconds to load.

Most of what is wrong with a command is wrong here, and is told at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from framestyle.config import Config
from framestyle.errors import OutputError
from framestyle.files import check_name
from framestyle.jobs.named import check_named
from framestyle.jobs.pictures import Style, read_pictures
from framestyle.jobs.places import choose_folder
from framestyle.media import Source, check_output, open_source


@dataclass(frozen=True)
class Inputs:
    """What a run reads.

    Attributes:
        clip: The clip, a folder of frames or a picture.
        styles: Style pictures with weights.
        pictures: All pictures beside the clip, as ``read_pictures`` gives them.
        notices: What the user should know of the clip.
    """

    clip: Source
    styles: Sequence[Style]
    pictures: Mapping[Path, np.ndarray]
    notices: Sequence[str]


def open_inputs(
    source: str | Path, styles: Sequence[Style], output: str | Path, config: Config
) -> Inputs:
    """Open what a run reads, and check what the name of its output tells.

    Arguments as of ``framestyle.jobs.run.run``.

    Raises:
        InputError: Something cannot be read.
        ModelError: A weights file is missing.
        OutputError: The output would replace what is read, or cannot stand where it is to.
        SettingsError: The settings contradict the clip or themselves.
    """
    check_name(output, OutputError)
    check_named(config)
    notices: list[str] = []
    clip = open_source(source, config.input, notice=notices.append)
    pictures = read_pictures(config, styles, clip.info.colour)
    path = Path(output)
    for picture in pictures:
        if path.exists() and picture.exists() and path.samefile(picture):
            raise OutputError(f"{path} is read by the run; give the output another name")
    folder = choose_folder(path, config.job.job_dir)
    is_new = config.job.restart or not folder.exists()
    check_output(output, clip.info, config.output, is_new=is_new)
    return Inputs(clip, styles, pictures, notices)
