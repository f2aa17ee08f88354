"""Files and folders that settings name: those that are missing are told before torch is loaded."""

import difflib
from pathlib import Path

from framestyle.config import FLOWS, Config
from framestyle.errors import FramestyleError, InputError, ModelError, SettingsError
from framestyle.files import check_name, home_expanded


def check_named(config: Config) -> None:
    """Check that what the settings name is there; what is in it is checked by who reads it.

    Raises:
        InputError: There is no file that names shots.
        ModelError: A weights file is missing, also of a network that is not used: a name that is
            mistyped should not go unnoticed.
        SettingsError: There is neither a source of flow nor a folder of that name.
    """
    for text in config.compute.weights:
        path = text.partition("=")[2].strip()
        if path:
            _check_file(f"--weights {text}", home_expanded(path), "a weights file", ModelError)
    if config.motion.shots is not None:
        expected = "a file that names shots, as framestyle shots prints it"
        _check_file("--shots", config.motion.shots, expected, InputError)
    if config.motion.flow not in FLOWS:
        flow_folder(config.motion.flow)


def flow_folder(name: str) -> Path:
    """Return the folder of flow files that ``--flow`` names.

    Raises:
        SettingsError: There is none, nor a source of flow of that name.
    """
    folder = home_expanded(name)
    check_name(folder, SettingsError)
    if folder.is_dir():
        return folder
    near = difflib.get_close_matches(name.lower(), FLOWS, n=1)
    meant = f" (did you mean {near[0]}?)" if near else ""
    raise SettingsError(
        f"--flow: got {name!r}{meant}, expected {', '.join(FLOWS)} or a folder of flow files, and "
        "there is no such folder"
    )


def _check_file(flag: str, path: Path, expected: str, error: type[FramestyleError]) -> None:
    check_name(path, error)
    if not path.exists():
        raise error(f"{flag}: {path}: there is no such file; expected {expected}")
