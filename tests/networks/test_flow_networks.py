"""RAFT's weights: they are found, read and refused in the same way as those of all networks."""

import os
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from framestyle.errors import ModelError
from framestyle.networks import (
    FLOW_NETWORKS,
    can_be_had,
    fetch,
    load,
    load_flow_network,
    locate,
    model_spec,
    parse_weights,
)
from framestyle.progress import Fetching, Notice

NOWHERE = "http://127.0.0.1:9/weights-00000000.pth"


@pytest.fixture(scope="module")
def small(make_model):
    return make_model("raft_small").state_dict()


@pytest.mark.parametrize("name", FLOW_NETWORKS)
def test_loads_from_torchs_cache(name, cache, make_model):
    model = make_model(name)
    torch.save(model.state_dict(), cache / model_spec(name).file_name)
    assert locate(name).kind == "cache"
    heard = []
    network = load_flow_network(name, progress=heard.append)
    assert heard == []
    assert not network.training
    assert not any(p.requires_grad or p.is_meta for p in network.parameters())
    assert not any(buffer.is_meta for buffer in network.buffers())
    pair = torch.rand(2, 3, 128, 136, generator=torch.Generator().manual_seed(3)).split(1)
    with torch.no_grad():
        assert torch.equal(network(*pair, 2)[-1], model(*pair, 2)[-1])


@pytest.mark.parametrize("form", [".pth", ".safetensors", "parallel"])
def test_loads_a_file(form, small, tmp_path):
    path = tmp_path / (f"mine{form}" if form != "parallel" else "mine.pth")
    if form == ".safetensors":
        save_file(small, path)
    else:
        prefix = "module." if form == "parallel" else ""
        torch.save({f"{prefix}{key}": tensor for key, tensor in small.items()}, path)
    network = load_flow_network("raft_small", files={"raft_small": path})
    assert all(torch.equal(t, small[key]) for key, t in network.state_dict().items())


def test_fetches_with_progress(cache, web, monkeypatch, small):
    folder, address = web
    torch.save(small, folder / "raft_small.pth")
    spec = replace(FLOW_NETWORKS["raft_small"], weights=f"{address}/raft_small.pth")
    monkeypatch.setitem(FLOW_NETWORKS, "raft_small", spec)
    assert can_be_had("raft_small")
    heard = []
    load_flow_network("raft_small", progress=heard.append)
    assert isinstance(heard[0], Notice)
    assert "fetching the weights of raft_small" in heard[0].message
    assert isinstance(heard[-1], Fetching)
    assert heard[-1].received == (cache / "raft_small.pth").stat().st_size
    heard.clear()
    assert fetch("raft_small", heard.append) == cache / "raft_small.pth"
    assert heard == []


@pytest.mark.usefixtures("cache")
def test_weights_that_cannot_be_had(monkeypatch):
    spec = replace(FLOW_NETWORKS["raft_large"], weights=NOWHERE)
    monkeypatch.setitem(FLOW_NETWORKS, "raft_large", spec)
    assert not can_be_had("raft_large")
    with pytest.raises(ModelError, match="the weights of raft_large are not in") as caught:
        load_flow_network("raft_large")
    assert "`framestyle weights fetch raft_large` on a machine with internet" in str(caught.value)
    assert "--weights raft_large=PATH" in str(caught.value)


def test_weights_of_another_network_are_told(small, make_model, tmp_path):
    path = tmp_path / "w.pth"
    torch.save(small, path)
    with pytest.raises(ModelError, match=r"not the weights of raft_large: .*they fit raft_small$"):
        load_flow_network("raft_large", files={"raft_large": path})
    with pytest.raises(ModelError, match=r"not the weights of vgg19: .*they fit raft_small$"):
        load("vgg19", files={"vgg19": path})
    torch.save(make_model("squeezenet1_0").state_dict(), path)
    with pytest.raises(ModelError, match=r"weights of raft_small: .*they fit squeezenet1_0$"):
        load_flow_network("raft_small", files={"raft_small": path})


class Evil:
    def __reduce__(self):
        return os.system, ("true",)


def test_bad_files(small, cache, tmp_path):
    path = tmp_path / "w.pth"
    torch.save({"feature_encoder.convnormrelu.0.weight": Evil()}, path)
    with pytest.raises(ModelError, match="would execute code"):
        load_flow_network("raft_small", files={"raft_small": path})
    torch.save(small, path)
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(ModelError, match="damaged"):
        load_flow_network("raft_small", files={"raft_small": path})
    with pytest.raises(ModelError, match=r"gone\.pth: there is no such file"):
        load_flow_network("raft_small", files={"raft_small": tmp_path / "gone.pth"})
    (cache / model_spec("raft_small").file_name).write_bytes(b"half a download")
    with pytest.raises(ModelError, match="delete that file to have it fetched again"):
        load_flow_network("raft_small")


def test_names():
    assert parse_weights("raft_large=r.pth")[0] == "raft_large"
    with pytest.raises(ModelError, match=r"did you mean raft_"):
        parse_weights("raft=r.pth")
    with pytest.raises(ModelError, match="'vgg19', expected raft_large or raft_small"):
        load_flow_network("vgg19")
    with pytest.raises(ModelError, match="finds optical flow"):
        load("raft_small")
