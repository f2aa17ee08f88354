"""The benchmarks of speed and memory: their tables, and that what they compare is alike."""

import json
from pathlib import Path

import pytest
import torch

from benchmarks import convergence, iteration
from benchmarks.__main__ import ALL, FOR_GPUS, OUT, PAGE
from benchmarks.inputs import looped_clip, looped_frames
from benchmarks.iteration import Case
from benchmarks.machine import WITHOUT_BFLOAT16
from benchmarks.tables import TABLES, marks, place_of, put
from framestyle import Config
from framestyle.media import open_source
from framestyle.networks import network_spec


def has_place(file):
    """Machines of other kinds than a CPU with bfloat16 have fewer places in the page."""
    name, kind = file.stem.split("-")
    return kind == "cpu" or marks(place_of(name, kind))[0] in PAGE.read_text(encoding="utf-8")


MADE = [file for file in sorted(OUT.glob("*-c*.json")) if file.stem.split("-")[0] in TABLES]
RESULTS = [file for file in MADE if has_place(file)]


def test_every_benchmark_has_a_table_and_a_place_in_the_page():
    assert ALL.keys() == TABLES.keys()
    text = PAGE.read_text(encoding="utf-8")
    for name in ALL.keys() - FOR_GPUS:
        assert f"a\nb {name}" in put(text, name, f"a\nb {name}")
    with pytest.raises(ValueError, match="no place for other"):
        put(text, "other", "")


def test_what_a_cpu_can_tell_is_kept():
    there = {path.stem for path in RESULTS}
    assert {f"{name}-cpu" for name in ALL.keys() - FOR_GPUS} <= there


@pytest.mark.parametrize("file", RESULTS, ids=lambda file: file.stem)
def test_the_page_shows_the_figures_that_are_kept(file):
    kept, (name, kind) = json.loads(file.read_text(encoding="utf-8")), file.stem.split("-")
    assert {"processor", "threads", "torch"} <= kept["machine"].keys()
    made = TABLES[name](kept["figures"])
    page = PAGE.read_text(encoding="utf-8")
    assert put(page, place_of(name, kind), made) == page


@pytest.mark.parametrize(
    ("name", "kind"),
    [("iteration", "cuda"), ("realtime", "cuda")]
    + [(name, WITHOUT_BFLOAT16) for name in ("iteration", "job")],
)
def test_tables_of_other_machines_stand_beside_those_of_a_cpu(name, kind):
    page = PAGE.read_text(encoding="utf-8")
    changed = put(page, place_of(name, kind), f"a table of {name}")
    assert changed.count(f"a table of {name}") == 1
    if name not in FOR_GPUS:
        assert put(changed, place_of(name, "cpu"), "b").count(f"a table of {name}") == 1


def test_a_table_of_frames_a_second():
    case = {
        "case": "style",
        "flow": "dis medium",
        "frames_a_second": 15.2,
        "milliseconds_apart": 65.8,
        "milliseconds_made": 65.1,
        "steps": 20,
        "until_frame_seconds": 4.5,
    }
    lines = TABLES["realtime"]({"cases": [case]}).splitlines()
    assert lines[-1] == "| style | dis medium | 15.2 | 65.8 | 65.1 | 20 | 4.5 |"


@pytest.mark.parametrize("case", [Case("style", "lite", 32), Case("dream", "lite", 32)])
def test_ours_and_bare_see_the_same_network(case, convolutions_of):
    spec = network_spec(case.network)
    network = spec.network(spec.build().eval())
    layers = [name for name, _ in iteration._layers(case)]
    image = torch.rand(1, 3, 32, 32)
    ours, bare = iteration._ours(case, network, image), iteration._bare(network, layers, image)
    assert convolutions_of(ours) == convolutions_of(bare) > 2 * 3  # there and back


def test_the_sample_clip_is_looped_and_scaled(tmp_path: Path):
    info = open_source(looped_clip(tmp_path, 30, 160)).info
    assert (info.frame_count, info.width_px, info.height_px) == (30, 160, 90)


def test_frames_of_the_sample_clip_are_looped_and_square(tmp_path: Path):
    info = open_source(looped_frames(tmp_path, 30, 64)).info
    assert (info.frame_count, info.width_px, info.height_px) == (30, 64, 64)


SMALL = {
    "input": {"frames": 2, "size": 64},
    "dream": {"enabled": False},
    "style": {"first_iterations": 3, "iterations": 3},
    "compute": {"networks": "lite", "device": "cpu", "precision": "fp32"},
}


def test_the_loss_of_a_frame_is_that_of_its_result():
    """The same iterates, and other means over them: the last iterate is no measure."""
    alone = Config().changed(SMALL).changed({"motion": {"warm_start": "none", "temporal": False}})
    last, mean, bare = (
        convergence.figures_of(alone.changed({"style": style}))
        for style in ({"averaging": 0.0}, {"averaging": 0.9}, {"first_iterations": 0})
    )
    assert len(last) == len(mean) == len(bare) == 2
    for of_last, of_mean, of_bare in zip(last, mean, bare, strict=True):
        assert of_bare["content"] == pytest.approx(0.0, abs=1e-6)
        assert of_bare["content"] < of_mean["content"] < of_last["content"]
        assert of_bare["style"] > of_mean["style"] > of_last["style"]
        for frame in (of_last, of_mean, of_bare):
            terms = [frame[name] for name in convergence.COUNTED]
            assert frame["loss"] == pytest.approx(sum(terms))
            assert frame["seconds"] > 0


def test_later_frames_start_from_the_last_result():
    kept = {"style": {"first_iterations": 40, "iterations": 0}}
    first, later = convergence.figures_of(Config().changed(SMALL).changed(kept))
    unpainted = {"style": {"first_iterations": 0, "iterations": 0}}
    _, bare = convergence.figures_of(Config().changed(SMALL).changed(unpainted))
    assert first["style"] < later["style"] < 0.9 * bare["style"]
