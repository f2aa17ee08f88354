"""The main job with the networks that it takes by default: InceptionV3 and VGG-19, or lite."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from torch import nn

import framestyle
from framestyle.cli import main
from framestyle.networks import NETWORKS, network_spec
from framestyle.progress import IterationDone, Notice


def write_checkpoint(name, folder):
    """Random weights under torchvision's file name, in half precision to write them quickly."""
    spec = network_spec(name)
    model = spec.bare_model().to_empty(device="cpu")
    generator = torch.Generator().manual_seed(7)
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            deviation = (2 / module.weight[0].numel()) ** 0.5
            module.weight.data.normal_(0, deviation, generator=generator)
            if module.bias is not None:
                module.bias.data.normal_(0, 0.1, generator=generator)
        elif isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
    torch.save({k: v.half() for k, v in model.state_dict().items()}, folder / spec.file_name)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    for name in ("inception_v3", "vgg19"):
        write_checkpoint(name, folder)


def test_the_main_job(cache, moving_clip, encode, style_file, packets_of, tmp_path):
    frames, _ = moving_clip(2, 64, 80, (2, 1))
    clip = encode(tmp_path / "clip.mp4", frames, rate="30000/1001", sound_seconds=0.2)
    config = framestyle.Config().changed(
        {
            "dream": {"steps": 2, "octaves": 2},
            "style": {"first_iterations": 2, "iterations": 2, "scales": 1},
            "compute": {"threads": 1, "device": "cpu", "networks": "full"},
        }
    )
    heard = []
    out = framestyle.stylize_video(clip, style_file, tmp_path / "out.mp4", config, heard.append)
    (chosen,) = [e.message for e in heard if isinstance(e, Notice) and "networks" in e.message]
    assert chosen.startswith("networks: dream inception_v3, style vgg19")
    steps = [(e.frame, e.stage) for e in heard if isinstance(e, IterationDone)]
    assert steps.count((0, "dream")) == 4
    assert steps.count((0, "style")) == 2
    assert steps.count((1, "dream")) == 2
    assert steps.count((1, "style")) == 2
    losses = [e.losses for e in heard if isinstance(e, IterationDone)]
    assert all(np.isfinite(float(value)) for terms in losses for value in terms.values())
    assert "temporal" in losses[-1]
    assert len(packets_of(out, "v")[1]) == 2
    assert packets_of(out, "a") == packets_of(clip, "a")
    before, after = (cv2.VideoCapture(str(path)).read()[1] for path in (clip, out))
    assert before.shape == after.shape == (64, 80, 3)
    assert np.abs(before.astype(float) - after).mean() > 2


def test_a_fresh_machine(clip_file, style_file, packets_of, tmp_path, monkeypatch, capsys):
    """No cache, no internet, no network named: the embedded one does both stages."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "nothing"))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    out = tmp_path / "out.mp4"
    quick = "--first-iterations 3 --iterations 2 --dream-steps 2 --device cpu --threads 1"
    code = main([str(clip_file), str(style_file), "-o", str(out), *quick.split()])
    said = capsys.readouterr()
    assert code == 0, said.err
    (line,) = [line for line in said.err.splitlines() if "networks:" in line]
    assert "networks: dream lite, style lite (small, because there is no GPU; " in line
    assert "--networks full" in line
    assert len(packets_of(out, "v")[1]) == 5
    assert not (tmp_path / "nothing").exists()


def test_a_damaged_embedded_file(clip_file, style_file, tmp_path, monkeypatch, capsys):
    spec = network_spec("lite")
    damaged = tmp_path / spec.embedded.name
    damaged.write_bytes(spec.embedded.read_bytes()[:-1] + b"?")
    monkeypatch.setitem(NETWORKS, "lite", replace(spec, embedded=damaged))
    out = tmp_path / "out.mp4"
    code = main([str(clip_file), str(style_file), "-o", str(out), "--device", "cpu"])
    errors = [line for line in capsys.readouterr().err.splitlines() if "networks:" not in line]
    assert code == 2
    (line,) = errors
    assert line.startswith(f"framestyle: {damaged}: damaged: ")
    assert sorted(tmp_path.iterdir()) == [damaged]
