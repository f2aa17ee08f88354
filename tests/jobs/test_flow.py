"""Where a run's flow comes from: chosen, said, checked before the run, and part of the job."""

import shutil
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torchvision.models.optical_flow import raft_small

from framestyle.errors import InputError, JobError, ModelError, SettingsError, UnfinishedJobError
from framestyle.jobs.device import Device
from framestyle.jobs.flow import check_flow, flow_identity, flow_source, with_chosen_flow
from framestyle.jobs.run import run
from framestyle.media import ClipInfo
from framestyle.motion import (
    DenseInverseSearch,
    FlowFiles,
    OnDevice,
    Raft,
    write_flo,
    write_kitti,
)
from framestyle.networks import FLOW_NETWORKS
from framestyle.progress import FrameDone, Notice

CPU = Device(torch.device("cpu"), torch.float32)
GPU = Device(torch.device("cuda"), torch.bfloat16)  # nothing is computed on it here
NOWHERE = "http://127.0.0.1:9/weights-00000000.pth"
CLIP = ClipInfo("video", Path("clip.mp4"), 64, 48, 5, Fraction(25))
PICTURE = replace(CLIP, kind="picture", frame_count=1)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Torch's folder of checkpoints, empty, in a world where none can be fetched."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    for name, spec in FLOW_NETWORKS.items():
        monkeypatch.setitem(FLOW_NETWORKS, name, replace(spec, weights=NOWHERE))
    return folder


@pytest.fixture(scope="module")
def raft_file(tmp_path_factory):
    """A small RAFT with random weights."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        weights = raft_small(weights=None).state_dict()
    path = tmp_path_factory.mktemp("raft") / "small.safetensors"
    save_file(weights, path)
    return path


@pytest.fixture(scope="module")
def flow_folder(tmp_path_factory):
    """The true flow of the frames of the shared folder and clip: the camera moves by (2, 1)."""
    folder = tmp_path_factory.mktemp("flow")
    step = torch.tensor([2.0, 1.0]).view(1, 2, 1, 1).expand(1, 2, 48, 64)
    for i in range(1, 5):
        write_flo(folder / f"forward_{i}_{i + 1}.flo", -step)
        write_kitti(folder / f"backward_{i + 1}_{i}.png", step)
    return folder


@pytest.fixture
def choose(quick):
    """Returns ``choose(flow, device, ...)``: what is chosen, and the line that says why."""

    def chosen(flow, device=CPU, info=CLIP, files=(), **motion):
        heard = []
        config = quick.changed({"motion": {"flow": str(flow), **motion}})
        config = with_chosen_flow(config, info, device, dict(files), heard.append)
        assert all(isinstance(event, Notice) for event in heard)
        assert len(heard) <= 1
        return config.motion.flow, heard[0].message if heard else ""

    return chosen


def test_without_a_gpu_it_is_dis_and_nothing_is_said(choose, cache):
    assert choose("auto") == ("dis", "")
    assert choose("dis", GPU) == ("dis", "")


def test_with_a_gpu_it_is_raft_where_that_can_be_had(choose, cache):
    name, said = choose("auto", GPU)
    assert name == "dis"
    assert said.startswith("flow: dis, because the weights of raft_large are not here")
    assert "`framestyle weights fetch raft_large`" in said
    (cache / "weights-00000000.pth").write_bytes(b"in the cache")
    name, said = choose("auto", GPU)
    assert name == "raft_large"
    assert said == "flow: raft_large, because there is a GPU; --flow dis searches on the CPU"


def test_given_weights_count(choose, cache):
    assert choose("auto", GPU, files={"raft_large": Path("r.pth")})[0] == "raft_large"
    name, said = choose("auto", CPU, files={"raft_large": Path("r.pth")})
    assert (name, said) == ("dis", "flow: dis; the weights given for raft_large are not used")
    assert choose("raft_small", files={"raft_small": Path("r.pth")}) == ("raft_small", "")
    assert "not used" in choose("raft_small", files={"raft_large": Path("r.pth")})[1]
    assert choose("auto", files={"vgg19": Path("v.pth")}) == ("dis", "")


def test_who_sets_the_effort_of_dis_wants_dis(choose, cache):
    (cache / "weights-00000000.pth").write_bytes(b"in the cache")
    name, said = choose("auto", GPU, flow_preset="fast")
    assert (name, said) == ("dis", "flow: dis, because it has the preset fast")


def test_a_picture_needs_no_flow(choose, cache, quick):
    assert choose("auto", GPU, PICTURE) == ("dis", "")
    assert flow_source(quick, PICTURE, CPU, {}, print) is None
    nothing = quick.changed({"dream": {"enabled": False}, "style": {"enabled": False}})
    assert flow_source(nothing, CLIP, CPU, {}, print) is None


def test_a_folder_is_told(choose, flow_folder):
    assert choose(flow_folder) == (str(flow_folder), f"flow: read from {flow_folder}")


@pytest.mark.parametrize(("name", "meant"), [("raft_larg", "raft_large"), ("DIS", "dis")])
def test_a_name_that_is_neither_source_nor_folder(choose, name, meant):
    said = rf"--flow: got '{name}' \(did you mean {meant}\?\), expected auto, dis, raft_small"
    with pytest.raises(SettingsError, match=said):
        choose(name)


def test_the_source_is_built(quick, flow_folder, raft_file, cache):
    def built(files=(), **motion):
        return flow_source(quick.changed({"motion": motion}), CLIP, CPU, dict(files), print)

    dis = built(flow="dis", flow_preset="fast", flow_size=300)
    assert isinstance(dis, DenseInverseSearch)
    assert (dis.preset, dis.longest_px) == ("fast", 300)
    raft = built({"raft_small": raft_file}, flow="raft_small", flow_size=300)
    assert isinstance(raft, Raft)
    assert raft.longest_px == 300
    assert isinstance(built(flow=str(flow_folder)), FlowFiles)
    with pytest.raises(ModelError, match=r"raft_large are not in .*--weights raft_large=PATH"):
        built(flow="raft_large")


@pytest.mark.gpu
def test_a_gpu_makes_motion_of_what_the_cpu_finds(quick, flow_folder):
    gpu = Device(torch.device("cuda"), torch.bfloat16)
    for flow, inner in (("dis", DenseInverseSearch), (str(flow_folder), FlowFiles)):
        source = flow_source(quick.changed({"motion": {"flow": flow}}), CLIP, gpu, {}, print)
        assert isinstance(source, OnDevice)
        assert isinstance(source.inner, inner)


def test_files_are_checked_and_told_apart(quick, flow_folder):
    config = quick.changed({"motion": {"flow": str(flow_folder)}})
    told = []
    check_flow(config, CLIP, told.append)
    assert not told
    assert flow_identity(config, CLIP)["flow files"].startswith("8 (")
    assert flow_identity(config, PICTURE) == {}
    assert flow_identity(quick, CLIP) == {}
    with pytest.raises(InputError, match="forward_5_6 and 1 more are missing"):
        check_flow(config, replace(CLIP, frame_count=6), told.append)
    with pytest.raises(InputError, match="is 64x48, and the frames are 64x50"):
        check_flow(config, replace(CLIP, height_px=50), told.append)
    check_flow(config, replace(CLIP, frame_count=3), told.append)
    assert "flow: 4 files of" in told.pop().message
    check_flow(config, replace(PICTURE, height_px=50), told.append)
    check_flow(quick.changed({"motion": {"flow": "dis"}}), CLIP, told.append)


def go(source, style, out, config, hear=lambda event: None):
    return run(source, [(style, 1.0)], out, config, hear)


def test_a_run_along_files(frames_folder, style_file, quick, flow_folder, tmp_path):
    """It follows the files, and is not the run along a flow that is searched or turned around."""
    heard, made = [], {}
    turned = tmp_path / "turned"
    turned.mkdir()
    for i in range(1, 5):
        shutil.copy(flow_folder / f"forward_{i}_{i + 1}.flo", turned / f"backward_{i + 1}_{i}.flo")
        shutil.copy(flow_folder / f"backward_{i + 1}_{i}.png", turned / f"forward_{i}_{i + 1}.png")
    for flow in (flow_folder, turned, "dis"):
        config = quick.changed({"motion": {"flow": str(flow)}})
        out = go(frames_folder, style_file, tmp_path / f"out {len(made)}", config, heard.append)
        made[str(flow)] = [path.read_bytes() for path in sorted(out.iterdir())]
    notices = [event.message for event in heard if isinstance(event, Notice)]
    assert f"flow: read from {flow_folder}" in notices
    along, against, searched = made.values()
    assert along[0] == against[0] == searched[0]
    assert along[1] != against[1]
    assert along[1] != searched[1]


def test_a_run_along_raft(clip_file, style_file, quick, raft_file, packets_of, tmp_path):
    weights = (*quick.compute.weights, f"raft_small={raft_file}")
    config = quick.changed({"motion": {"flow": "raft_small"}, "compute": {"weights": weights}})
    outs = [go(clip_file, style_file, tmp_path / f"{i}.mp4", config) for i in range(2)]
    first, second = (packets_of(out, "v") for out in outs)
    assert len(first[1]) == 5
    assert first == second


class Stop:
    """Breaks a run off after its second frame."""

    def __call__(self, event):
        if isinstance(event, FrameDone) and event.frame == 1:
            raise KeyboardInterrupt


def test_a_job_keeps_its_flow(frames_folder, style_file, quick, flow_folder, contents, tmp_path):
    folder = tmp_path / "flow"
    shutil.copytree(flow_folder, folder)
    config = quick.changed({"motion": {"flow": str(folder)}})
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        go(frames_folder, style_file, out, config, Stop())
    other = quick.changed({"motion": {"flow": "dis"}})
    with pytest.raises(UnfinishedJobError, match=r"--flow: .* before, dis now"):
        go(frames_folder, style_file, out, other)
    changed = folder / "backward_5_4.png"
    before = changed.read_bytes()
    write_kitti(changed, torch.full((1, 2, 48, 64), 3.0))
    with pytest.raises(UnfinishedJobError, match=r"\(run\.flow files: 8 \(.* before, 8 \(.* now\)"):
        go(frames_folder, style_file, out, config)
    changed.write_bytes(before)
    go(frames_folder, style_file, out, config)
    whole = go(frames_folder, style_file, tmp_path / "whole", config)
    assert contents(out) == contents(whole)


def test_a_job_keeps_the_weights_of_its_flow(frames_folder, style_file, quick, raft_file, tmp_path):
    file = shutil.copy(raft_file, tmp_path / "w.safetensors")
    weights = (*quick.compute.weights, f"raft_small={file}")
    config = quick.changed({"motion": {"flow": "raft_small"}, "compute": {"weights": weights}})
    with pytest.raises(KeyboardInterrupt):
        go(frames_folder, style_file, tmp_path / "out", config, Stop())
    data = bytearray(file.read_bytes())
    data[-2] ^= 1
    file.write_bytes(data)
    with pytest.raises(UnfinishedJobError, match=r"inputs\..*w\.safetensors"):
        go(frames_folder, style_file, tmp_path / "out", config)


def test_flow_that_goes_in_the_middle_names_the_frame(
    frames_folder, style_file, quick, flow_folder, tmp_path
):
    folder = tmp_path / "flow"
    shutil.copytree(flow_folder, folder)
    config = quick.changed({"motion": {"flow": str(folder)}, "style": {"first_iterations": 40}})

    def remove(_event):
        (folder / "forward_4_5.flo").unlink(missing_ok=True)

    with pytest.raises(JobError, match=r"forward_4_5\.flo"):
        go(frames_folder, style_file, tmp_path / "out", config, remove)


def test_nothing_is_done_where_flow_is_missing(
    frames_folder, style_file, quick, flow_folder, tmp_path
):
    folder = tmp_path / "flow"
    shutil.copytree(flow_folder, folder)
    (folder / "forward_4_5.flo").unlink()
    before = sorted(tmp_path.iterdir())
    config = quick.changed({"motion": {"flow": str(folder)}})
    with pytest.raises(InputError, match="forward_4_5 is missing"):
        go(frames_folder, style_file, tmp_path / "out", config)
    assert sorted(tmp_path.iterdir()) == before
