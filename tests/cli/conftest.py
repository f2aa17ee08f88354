"""A place with everything that a command names, and what a command left and said."""

import os
import shutil
import signal
import urllib.request
from pathlib import Path

import pytest

from framestyle.cli import main


@pytest.fixture(autouse=True)
def _same_signals():
    """Put back what the command does with the polite request to end."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def place(tmp_path, monkeypatch, frames_folder, clip_file, style_file, random_weights):
    """The working folder: frames/, clip.mp4, picture.png, style.png, w.safetensors."""
    folder = tmp_path / "place"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    # a web that refuses at once, so that no test depends on the real one
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
        monkeypatch.setenv(name.upper(), "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(
        urllib.request, "_opener", None
    )  # it remembers the proxies it was made with
    Path("frames").symlink_to(frames_folder)
    for source, name in (
        (clip_file, "clip.mp4"),
        (frames_folder / "shot_0003.png", "picture.png"),
        (style_file, "style.png"),
        (random_weights, "w.safetensors"),
    ):
        shutil.copy(source, folder / name)
    return folder


QUICK = """
--dream-network squeezenet1_0 --style-network squeezenet1_0
--weights squeezenet1_0=w.safetensors --threads 1 --precision fp32 --device cpu
--dream-steps 2 --dream-octaves 2 --first-iterations 4 --iterations 3 --scales 1
"""


@pytest.fixture(scope="session")
def quick_flags():
    """The flags of a run that takes well under a second."""
    return QUICK.split()


@pytest.fixture
def command(capsys):
    """Returns ``command(text or list)``: runs it here; gives exit code, stdout and stderr."""

    def go(arguments):
        argv = arguments.split() if isinstance(arguments, str) else list(map(str, arguments))
        capsys.readouterr()
        try:
            code = main(argv)
        except SystemExit as leaving:
            code = leaving.code or 0
        said = capsys.readouterr()
        return code, said.out, said.err

    return go


@pytest.fixture
def files():
    """Returns ``files()``: every file and folder below the working folder, with its size."""

    def listed():
        found = {}
        for root, folders, names in os.walk("."):
            for name in (*folders, *names):
                path = Path(root) / name
                found[str(path)] = path.stat().st_size if path.is_file() else -1
        return found

    return listed
