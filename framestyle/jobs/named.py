"""Files and folders that settings name: those that are missing are told before torch is loaded."""

import difflib
from pathlib import Path

from framestyle.config import FLOWS, Config
from framestyle.errors import FramestyleError, InputError, ModelError, SettingsError
from framestyle.files import check_name, home_expanded, split_weights


def check_named(config: Config) -> None:
    """Check that what the settings name is there; what is in it is checked by who reads it.

    Raises:
        InputError: There is no file that names shots.
        ModelError: As of ``check_weights``.
        SettingsError: There is neither a source of flow nor a folder of that name.
    """
    check_weights(config)
    if config.motion.shots is not None:
        expected = "a file that names shots, as framestyle shots prints it"
        _check_file("--shots", config.motion.shots, expected, InputError)
    if config.motion.flow not in FLOWS:
        flow_folder(config.motion.flow)


def check_weights(config: Config) -> None:
    """Check that the weights files are there that the settings name.

    Also those of networks that are not used: a name that is mistyped should not go unnoticed.

    Raises:
        ModelError: One is missing, or what names it has another form.
    """
    # of several for one network, the last is taken
    for name, path in dict(split_weights(text) for text in config.compute.weights).items():
        expected = "NAME=PATH with the weights of a network, as vgg19=vgg19.pth"
        _check_file(f"--weights {name}", path, expected, ModelError)


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
    if path.is_dir():
        raise error(f"{flag}: {path} is a folder; expected {expected}")
    if not path.exists():
        raise error(f"{flag}: {path}: there is no such file; expected {expected}")
