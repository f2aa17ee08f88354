"""Fetching: whole or not at all, checked, and an answer in seconds where there is no way."""

import hashlib
import socket
import time
from dataclasses import replace

import pytest
import torch

from framestyle.errors import ModelError
from framestyle.networks import NETWORKS, fetch, load
from framestyle.networks.download import download, reach
from framestyle.progress import Fetching, Notice


@pytest.fixture
def served(web, make_model, monkeypatch):
    """Put squeezenet's weights on a web server on this machine; returns the file served."""
    folder, address = web
    torch.save(make_model("squeezenet1_0").state_dict(), folder / "new.pth")
    digest = hashlib.sha256((folder / "new.pth").read_bytes()).hexdigest()
    path = (folder / "new.pth").rename(folder / f"squeezenet1_0-{digest[:8]}.pth")
    point_to(monkeypatch, f"{address}/{path.name}")
    return path


def point_to(monkeypatch, url):
    monkeypatch.setitem(NETWORKS, "squeezenet1_0", replace(NETWORKS["squeezenet1_0"], weights=url))


def test_is_fetched_on_first_use_into_the_cache(served, cache, image):
    heard = []
    network = load("squeezenet1_0", progress=heard.append)
    assert network.extractor(["fire2"])(image)["fire2"].isfinite().all()
    assert [path.name for path in cache.iterdir()] == [served.name]
    notice, *fetching = heard
    assert all(isinstance(event, Fetching) for event in fetching)
    assert isinstance(notice, Notice)
    assert "fetching the weights of squeezenet1_0" in notice.message
    assert " MB" in notice.message
    served.unlink()
    assert fetch("squeezenet1_0", heard.append) == cache / served.name
    assert len(heard) == 1 + len(fetching)


def test_the_bytes_are_told_as_they_arrive(served, cache, capfd):
    told = []
    path = fetch("squeezenet1_0", told.append)
    notice, *parts = told
    assert isinstance(notice, Notice)
    received = [part.received for part in parts]
    assert received == sorted(received)
    assert {part.total for part in parts} == {received[-1]} == {path.stat().st_size}
    assert parts[0].what == path.name
    assert capfd.readouterr() == ("", "")  # drawing is for whoever listens


def test_a_file_with_another_hash_is_not_kept(served, cache):
    content = bytearray(served.read_bytes())
    content[-1] ^= 1
    served.write_bytes(content)
    with pytest.raises(ModelError, match="damaged: its SHA-256 starts with"):
        fetch("squeezenet1_0")
    assert list(cache.iterdir()) == []


def test_a_file_that_the_server_does_not_have(served, cache):
    served.unlink()
    with pytest.raises(ModelError, match=r"cannot be fetched .* \(the server says 404"):
        fetch("squeezenet1_0")


def test_no_way_to_the_server(monkeypatch, cache):
    url = "http://127.0.0.1:9/squeezenet1_0-b66bff10.pth"
    point_to(monkeypatch, url)
    started = time.monotonic()
    with pytest.raises(ModelError) as caught:
        load("squeezenet1_0")
    assert time.monotonic() - started < 6
    for said in (
        url,
        str(cache / "squeezenet1_0-b66bff10.pth"),
        "framestyle weights fetch squeezenet1_0",
        "--weights squeezenet1_0=PATH",
    ):
        assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.fixture
def silent():
    """Listen on this machine and never answer; returns the address."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/w.pth"


def test_a_server_that_does_not_answer(silent):
    started = time.monotonic()
    answer = reach(silent, seconds=0.3)
    assert time.monotonic() - started < 3
    assert not answer.ok
    assert answer.why


def test_a_transfer_that_stalls(silent, tmp_path, monkeypatch):
    monkeypatch.setattr("framestyle.networks.download.STALL_SECONDS", 0.3)
    with pytest.raises(ModelError, match="timed out; try again"):
        download(silent, tmp_path / "w.pth")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", ["http://name.invalid/w.pth", "no address"])
def test_addresses_that_lead_nowhere(url):
    assert not reach(url).ok


def test_a_cache_that_cannot_be_written(served, tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "file"))
    with pytest.raises(ModelError, match="cannot fetch"):
        fetch("squeezenet1_0")
