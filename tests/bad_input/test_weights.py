"""Weights that are damaged, of another kind, or that would run code: none of it is ever run."""

import builtins
import io
import json
import os
import pickle
import subprocess
import zipfile
from collections import OrderedDict

import pytest
import torch
from hypothesis import strategies as st
from safetensors.torch import save

from framestyle.networks import load, network_spec
from framestyle.networks.state_dict import read_state_dict
from framestyle.networks.weights import parse_weights


def saved(content, **how):
    file = io.BytesIO()
    torch.save(content, file, **how)
    return file.getvalue()


@pytest.fixture(scope="session")
def small():
    """Whole files of two small tensors as bytes, by name."""
    tensors = {"a.weight": torch.randn(4, 3, 3, 3), "a.bias": torch.zeros(4).half()}
    return {
        "zip.pth": saved(tensors),
        "old.pth": saved(tensors, _use_new_zipfile_serialization=False),
        "wrapped.pt": saved({"state_dict": OrderedDict(tensors), "epoch": 3}),
        "plain.safetensors": save(tensors),
    }


@pytest.fixture(scope="session")
def lite():
    """The embedded network's weights as bytes."""
    return network_spec("lite").embedded.read_bytes()


def test_damaged_files(small, damage, damaged, attempt, over, tmp_path):
    def body(example):
        name, suffix, changes = example
        path = tmp_path / (name.split(".")[0] + suffix)
        path.write_bytes(damaged(small[name], changes))
        attempt("weights", lambda: read_state_dict(path))

    suffixes = st.sampled_from((".pth", ".pt", ".safetensors"))
    kinds = st.tuples(st.sampled_from(sorted(small)), suffixes, damage)
    over(kinds, body, quick=12, slow=500)


def test_damaged_weights_of_a_network(lite, damage, damaged, attempt, over, tmp_path):
    def body(changes):
        path = tmp_path / "lite.safetensors"
        path.write_bytes(damaged(lite, changes))
        network, _ = attempt("weights of a network", lambda: load("lite", files={"lite": path}))
        if network is not None:
            assert all(bool(p.isfinite().all()) for p in network.parameters())

    over(damage, body, quick=3, slow=60)


# --- pickles that would run code ------------------------------------------------------------------


class Call:
    """Pickles as a call: whoever reads it the ordinary way makes it."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


class State(Call):
    """The same, hidden in what is set on an object that is harmless."""

    def __reduce__(self):
        return OrderedDict, (), None, None, iter([("x", Call(self.function, *self.arguments))])


def calls(mark):
    """What a malicious file may call; each leaves a file ``mark`` behind."""
    text = f"open({str(mark)!r}, 'w').close()"
    return {
        "os.system": (os.system, f"touch {mark}"),
        "eval": (eval, text),
        "exec": (exec, text),
        "open": (builtins.open, str(mark), "w"),
        "Popen": (subprocess.Popen, ["touch", str(mark)]),
        "mkdir": (os.mkdir, str(mark)),
        "getattr": (getattr, "text", "upper"),
        "torch.save": (torch.save, {}, str(mark)),
        "torch.hub.load": (torch.hub.load, "owner/repository", "model"),
        "load": (torch.load, str(mark)),
    }


def wrapped(where, call):
    tensor = torch.zeros(2)
    return {
        "itself": call,
        "value": {"a.weight": tensor, "b": call},
        "key": [tensor, {(1, 2): call}],
        "deep": {"state_dict": {"a.weight": tensor, "meta": [[[{"x": (call,)}]]]}},
        "pair": OrderedDict([("a.weight", tensor), ("z", call)]),
    }[where]


def stored(form, content, protocol):
    if form == "pickle":
        return pickle.dumps(content, protocol)
    return saved(content, pickle_protocol=protocol, _use_new_zipfile_serialization=form == "zip")


def test_code_is_never_run(attempt, over, tmp_path):
    mark = tmp_path / "mark"

    def body(example):
        name, kind, where, form, protocol, suffix = example
        content = wrapped(where, kind(*calls(mark)[name]))
        path = tmp_path / f"evil{suffix}"
        path.write_bytes(stored(form, content, protocol))
        weights, refused = attempt("malicious weights", lambda: read_state_dict(path))
        assert weights is None
        assert refused
        assert not mark.exists()

    kinds = st.tuples(
        st.sampled_from(sorted(calls(mark))),
        st.sampled_from((Call, State)),
        st.sampled_from(("itself", "value", "key", "deep", "pair")),
        st.sampled_from(("pickle", "old", "zip")),
        st.integers(2, 5),
        st.sampled_from((".pth", ".pt", ".safetensors")),
    )
    over(kinds, body, quick=8, slow=250)


def test_the_mark_would_be_left(tmp_path):
    """The calls do what they are said to do, where a file is read without care."""
    for name in ("os.system", "eval", "exec", "mkdir"):
        mark = tmp_path / name
        pickle.loads(pickle.dumps(Call(*calls(mark)[name])))
        assert mark.exists(), name


# --- files that unpack to more than they are ------------------------------------------------------


def test_files_that_unpack_to_much(small, attempt, tmp_path):
    """Zeros of gigabytes packed into kilobytes, and tensors that claim to be of terabytes."""
    path = tmp_path / "bomb.pth"
    with zipfile.ZipFile(io.BytesIO(small["zip.pth"])) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    data = next(name for name in parts if name.endswith("data/0"))
    pickled = next(name for name in parts if name.endswith("data.pkl"))
    for grown in (data, pickled):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as new:
            for name, content in parts.items():
                with new.open(name, "w", force_zip64=True) as file:
                    file.write(content)
                    for _ in range(600 if name == grown else 0):
                        file.write(bytes(1 << 20))
        weights, refused = attempt("huge weights", lambda: read_state_dict(path))
        assert weights is None
        assert "packed" in refused
    header = {"a": {"dtype": "F32", "shape": [10**6, 10**6], "data_offsets": [0, 4 * 10**12]}}
    text = json.dumps(header).encode()
    for length in (len(text), 2**63, 10**8):
        path = tmp_path / "bomb.safetensors"
        path.write_bytes(length.to_bytes(8, "little") + text)
        assert attempt("huge weights", lambda path=path: read_state_dict(path))[1]
    nested = ("[" * 100_000).encode()
    path.write_bytes(len(nested).to_bytes(8, "little") + nested)
    assert attempt("huge weights", lambda: read_state_dict(path))[1]


def test_pickles_that_nest_or_claim(attempt, tmp_path):
    """Lists in lists, texts of gigabytes that are not there, a memo that refers to itself."""
    path = tmp_path / "odd.pth"
    for data in (
        b"\x80\x02" + b"(" * 200_000 + b".",
        b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".",
        b"\x80\x02X\xff\xff\xff\x7fabc.",
        b"\x80\x04\x8d" + (2**62).to_bytes(8, "little") + b"a.",
        b"\x80\x02]q\0h\0a.",
        b"\x80\x05\x96" + (2**40).to_bytes(8, "little") + b".",
    ):
        path.write_bytes(data)
        assert attempt("huge weights", lambda: read_state_dict(path))[1]


@pytest.mark.parametrize("text", ["", "=", "lite", "lite=", "=x", "nothing=x", "lite=a\0b", "\0=x",
                                  f"lite={'a' * 300}", f"lite={'b/' * 3000}", "lite=~nobody/x.pth",
                                  "LITE=x", "lite==", "lite=\udcff.pth"])  # fmt: skip
def test_odd_names_of_files(text, attempt):
    def named():
        name, path = parse_weights(text)
        return load(name, files={name: path})

    assert attempt("weights", named)[1]
