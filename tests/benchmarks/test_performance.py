"""The benchmarks of speed and memory: their tables, and that what they compare is alike."""

import json
from pathlib import Path

import pytest
import torch

from benchmarks import iteration
from benchmarks.__main__ import ALL, OUT, PAGE
from benchmarks.inputs import looped_clip
from benchmarks.iteration import Case
from benchmarks.tables import TABLES, put
from framestyle.media import open_source
from framestyle.networks import network_spec

RESULTS = sorted(OUT.glob("*-c*.json"))


def test_every_benchmark_has_a_table_and_a_place_in_the_page():
    assert ALL.keys() == TABLES.keys()
    text = PAGE.read_text(encoding="utf-8")
    for name in ALL:
        assert f"a\nb {name}" in put(text, name, f"a\nb {name}")
    with pytest.raises(ValueError, match="no place for other"):
        put(text, "other", "")


@pytest.mark.parametrize("name", TABLES)
def test_the_page_shows_the_figures_that_are_kept(name):
    kept = json.loads((OUT / f"{name}-cpu.json").read_text(encoding="utf-8"))
    assert {"processor", "threads", "torch"} <= kept["machine"].keys()
    assert TABLES[name](kept["figures"]) in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("case", [Case("style", "lite", 32), Case("dream", "lite", 32)])
def test_ours_and_bare_see_the_same_network(case):
    spec = network_spec(case.network)
    network = spec.network(spec.build().eval())
    ran = []
    for stage in dict(network.named_stages).values():
        stage.register_forward_hook(lambda module, *_: ran.append(module))
    layers = [name for name, _ in iteration._layers(case)]
    image = torch.rand(1, 3, 32, 32)
    ours, bare = iteration._ours(case, network, image), iteration._bare(network, layers, image)
    counts = []
    for run in (ours, bare):
        ran.clear()
        run()
        counts.append(sum(isinstance(module, torch.nn.Conv2d) for module in ran))
    assert counts[0] == counts[1] > 3


def test_the_sample_clip_is_looped_and_scaled(tmp_path: Path):
    info = open_source(looped_clip(tmp_path, 30, 160)).info
    assert (info.frame_count, info.width_px, info.height_px) == (30, 160, 90)
