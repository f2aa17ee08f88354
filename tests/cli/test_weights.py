"""The command that lists and fetches weights."""

import os
from pathlib import Path

import torch

from framestyle.networks import FLOW_NETWORKS, NETWORKS, model_spec


def checkpoint(name):
    path = Path(os.environ["TORCH_HOME"]) / "hub" / "checkpoints" / model_spec(name).file_name
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"a": torch.zeros(1000)}, path)
    return path


def test_lists_every_network(place, command):
    path = checkpoint("vgg19")
    for text in ("weights", "weights list"):
        code, out, err = command(text)
        assert (code, err) == (0, "")
        lines = out.splitlines()
        for name in [*NETWORKS, *FLOW_NETWORKS]:
            at = next(i for i, line in enumerate(lines) if line.startswith(name))
            if name == "vgg19":
                assert f"cache: {path}" in lines[at + 1]
            elif name == "lite":
                assert f"embedded: {NETWORKS[name].embedded} (2 MB)" in lines[at + 1]
            else:
                assert "not here" in lines[at + 1]
        assert "framestyle weights fetch" in out


def test_lists_a_file_that_is_given(place, command):
    code, out, _ = command("weights --weights squeezenet1_0=w.safetensors --weights vgg16=no.pth")
    assert code == 0
    assert "file: w.safetensors (" in out
    assert "no such file: no.pth" in out


def test_fetches_what_is_in_the_cache(place, command):
    paths = {name: checkpoint(name) for name in ("vgg19", "inception_v3", "raft_large")}
    code, out, err = command("weights fetch vgg19")
    assert (code, out, err) == (0, f"vgg19: {paths['vgg19']}\n", "")
    code, out, _ = command("weights fetch")
    assert code == 0
    assert out.splitlines() == [
        f"inception_v3: {paths['inception_v3']}",
        f"vgg19: {paths['vgg19']}",
        f"raft_large: {paths['raft_large']}",
    ]


def test_what_cannot_be_fetched(place, command):
    code, out, err = command("weights fetch squeezenet1_0")
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert err.startswith("framestyle: the weights of squeezenet1_0 are not in ")
    assert NETWORKS["squeezenet1_0"].url in err
    assert "`framestyle weights fetch squeezenet1_0` on a machine with internet" in err
    assert "--weights squeezenet1_0=PATH" in err
    assert not list(Path(os.environ["TORCH_HOME"]).rglob("*.p*"))


def test_help(command):
    code, out, err = command("weights --help")
    assert (code, err) == (0, "")
    assert "framestyle weights fetch [NAME...]" in out
