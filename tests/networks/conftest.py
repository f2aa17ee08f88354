"""Real torchvision networks with random weights, and an empty torch cache for each test."""

import ctypes
import http.server
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import torch

from framestyle.networks import winograd


@pytest.fixture
def image() -> torch.Tensor:
    return torch.rand(1, 3, 96, 80, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return torch's folder of checkpoints, empty and this test's own."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def onednn_says(
    capfd: pytest.CaptureFixture[str],
) -> Callable[[Callable[[], object]], list[str]]:
    """What oneDNN says that it does while a function runs: one line for each of its operations."""

    def listen(function: Callable[[], object]) -> list[str]:
        capfd.readouterr()
        with torch.backends.mkldnn.verbose(torch.backends.mkldnn.VERBOSE_ON):
            function()
        ctypes.CDLL(None).fflush(None)
        lines = [line for line in capfd.readouterr().out.splitlines() if ",exec," in line]
        return [line.split(",exec,")[1].split(",")[1] for line in lines]

    return listen


@pytest.fixture
def by_onednn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have oneDNN make all convolutions, which rounds as torch does and says what it makes."""
    monkeypatch.setattr(winograd, "suits", lambda x: False)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """Serve a folder on this machine; returns the folder and its address."""
    folder = tmp_path / "web"
    folder.mkdir()
    handler = partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
