"""``--flow``: a run along flow files, and every folder that is refused before the run."""

import re
import shutil
from pathlib import Path

import pytest
import torch

from framestyle.cli.arguments import parse
from framestyle.errors import SettingsError
from framestyle.motion import write_flo, write_kitti

SAMPLE_FRAMES = Path(__file__).parents[2] / "samples" / "frames"


@pytest.fixture
def true_folder(place, true_flow):
    """flow/: the sample clip's true flow between its first frames, in both file formats."""
    folder = place / "flow"
    folder.mkdir()
    for i in range(2):
        write_flo(folder / f"forward_{i + 1}_{i + 2}.flo", true_flow(i, i + 1)[0])
        flow, visible = true_flow(i + 1, i)
        known = torch.from_numpy(visible)[None, None]
        write_kitti(folder / f"backward_{i + 2}_{i + 1}.png", flow, known)
    return folder


def test_a_run_along_the_true_flow(true_folder, command, quick_flags, contents):
    flags = [SAMPLE_FRAMES, "style.png", "--frames", "3", *quick_flags]
    code, out, err = command([*flags, "-o", "along", "--flow", "flow"])
    assert (code, out) == (0, "")
    assert "flow: read from flow" in err.splitlines()
    code, _, err = command([*flags, "-o", "searched", "--flow", "dis"])
    assert code == 0
    assert "flow:" not in err
    along, searched = contents(Path("along")), contents(Path("searched"))
    assert sorted(along) == ["frame_0001.png", "frame_0002.png", "frame_0003.png"]
    assert along["frame_0001.png"] == searched["frame_0001.png"]
    assert along["frame_0002.png"] != searched["frame_0002.png"]


def missing(folder):
    (folder / "backward_3_2.png").unlink()


def cut(folder):
    path = folder / "forward_2_3.flo"
    path.write_bytes(path.read_bytes()[:5000])


def cut_picture(folder):
    path = folder / "backward_2_1.png"
    path.write_bytes(path.read_bytes()[:5000])


def another_format(folder):
    (folder / "forward_1_2.flo").write_bytes(b"not a flow at all")


def another_size(folder):
    write_flo(folder / "forward_1_2.flo", torch.zeros(1, 2, 90, 160))


def not_finite(folder):
    write_flo(folder / "forward_1_2.flo", torch.full((1, 2, 180, 320), torch.nan))


def turned(folder):
    (folder / "forward_1_2.flo").rename(folder / "forward_2_1.flo")


def twice(folder):
    shutil.copy(folder / "forward_1_2.flo", folder / "forward_01_02.flo")


def empty(folder):
    for path in folder.iterdir():
        path.rename(path.with_suffix(".txt"))


def gone(folder):
    shutil.rmtree(folder)


BAD = {
    missing: r"flow: backward_3_2 is missing \(\.flo or \.png\)",
    cut: r"forward_2_3\.flo is damaged: it says 320x180 and has 5000 bytes, expected 460812",
    cut_picture: r"backward_2_1\.png is damaged",
    another_format: r"forward_1_2\.flo is no \.flo file",
    another_size: r"forward_1_2\.flo is 160x90, and the frames are 320x180",
    not_finite: r"forward_1_2\.flo is damaged: it holds numbers that are not finite",
    turned: r"forward_2_1\.flo: expected forward_A_B or backward_B_A",
    twice: r"are the same flow; remove one",
    empty: r"the flow folder flow has no flow in it",
    gone: r"--flow: got 'flow', expected auto, dis, raft_small, raft_large or a folder",
}


@pytest.mark.parametrize("harm", BAD, ids=lambda harm: harm.__name__)
def test_bad_folders(harm, true_folder, command, quick_flags, files):
    harm(true_folder)
    before = files()
    flags = [SAMPLE_FRAMES, "style.png", "-o", "out", "--frames", "3", *quick_flags]
    code, out, err = command([*flags, "--flow", "flow"])
    assert (code, out) == (2, "")
    assert err.startswith("framestyle: ")
    assert err.count("\n") == 1
    assert re.search(BAD[harm], err), err
    assert files() == before


def test_raft_without_weights(place, command, quick_flags, files):
    before = files()
    flags = ["frames", "style.png", "-o", "out", *quick_flags]
    code, out, err = command([*flags, "--flow", "raft_large"])
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert "the weights of raft_large are not in" in err
    assert "--weights raft_large=PATH" in err
    assert files() == before


@pytest.mark.parametrize("stage", ["dream", "style"])
def test_raft_neither_dreams_nor_paints(place, command, stage):
    code, _, err = command(f"frames style.png -o out --{stage}-network raft_small")
    assert code == 2
    assert err.startswith("framestyle: raft_small finds optical flow (--flow raft_small)")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ("--flow raft_small --flow-preset fast", "--flow-preset does nothing with --flow raft_s"),
        ("--flow flow --flow-preset fast", "--flow-preset does nothing with --flow flow"),
        ("--flow flow --flow-size 320", "--flow-size does nothing with --flow flow"),
    ],
)
def test_flags_that_do_nothing(flags, said):
    with pytest.raises(SettingsError, match=said):
        parse(["in.mp4", *flags.split()])


@pytest.mark.parametrize(
    "flags",
    [
        "--flow dis --flow-preset fast --flow-size 320",
        "--flow-preset fast --flow-size 320",
        "--flow auto --flow-preset fast",
        "--flow raft_large --flow-size 320",
        "--flow ~/flow",
    ],
)
def test_flags_that_go_together(flags):
    assert "motion" in parse(["in.mp4", *flags.split()]).changes
