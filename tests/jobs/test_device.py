"""Where a run computes, and in which precision."""

import cv2
import pytest
import torch

from framestyle.config import ComputeSettings
from framestyle.errors import SettingsError
from framestyle.jobs.device import GPU_WORKERS, has_fast_bfloat16, pick_device, restored_afterwards


def test_the_cpu_is_always_there():
    found = pick_device(ComputeSettings(device="cpu", precision="fp32"))
    assert (found.device, found.dtype) == (torch.device("cpu"), torch.float32)
    assert not found.is_gpu
    assert str(found) == f"cpu ({torch.get_num_threads()} threads), float32"


def test_auto_takes_the_best_there_is():
    found = pick_device(ComputeSettings())
    if torch.cuda.is_available():
        assert found.device.type == "cuda"
    elif torch.backends.mps.is_available():
        assert found.device.type == "mps"
    else:
        assert found.device.type == "cpu"
    fast = has_fast_bfloat16(found.device)
    assert found.dtype == (torch.bfloat16 if fast else torch.float32)


@pytest.mark.parametrize(("name", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_the_precision_that_is_asked_for(name, dtype):
    assert pick_device(ComputeSettings(device="cpu", precision=name)).dtype == dtype


def test_threads_are_set():
    pick_device(ComputeSettings(device="cpu", threads=1))
    assert torch.get_num_threads() == 1
    assert cv2.getNumThreads() == 1
    pick_device(ComputeSettings(device="cpu"))
    assert torch.get_num_threads() == 1  # left as they are


@pytest.mark.parametrize(
    ("name", "is_there"),
    [("cuda", torch.cuda.is_available()), ("mps", torch.backends.mps.is_available())],
)
def test_a_device_that_is_not_there(name, is_there):
    if is_there:
        pytest.skip(f"there is {name} here")
    with pytest.raises(SettingsError, match=rf"--device {name}: torch finds none.*there are: cpu"):
        pick_device(ComputeSettings(device=name))


def test_a_gpu_has_streams_for_so_many_workers(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
    assert pick_device(ComputeSettings(device="cuda", workers=GPU_WORKERS)).is_gpu
    with pytest.raises(SettingsError, match=r"--workers: got 16, expected at most 15 on a GPU"):
        pick_device(ComputeSettings(device="cuda", workers=16))


@pytest.mark.gpu
def test_a_run_on_the_gpu_resembles_one_on_the_cpu(frames_folder, style_file, quick, tmp_path):
    import numpy as np

    from framestyle.jobs.run import run

    made = []
    for name in ("cpu", "cuda"):
        config = quick.changed({"compute": {"device": name, "precision": "fp32"}})
        out = run(
            frames_folder / "shot_0003.png", [(style_file, 1.0)], tmp_path / f"{name}.png", config
        )
        made.append(cv2.imread(str(out)).astype(float))
    assert np.abs(made[0] - made[1]).mean() < 4


@pytest.mark.parametrize(("precision", "rounds"), [("fp32", False), ("auto", True), ("bf16", True)])
def test_float32_is_rounded_by_cudnn_unless_it_is_asked_for(precision, rounds, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    with restored_afterwards():
        pick_device(ComputeSettings(device="cpu", precision=precision))
        assert torch.backends.cudnn.allow_tf32 == rounds
    assert torch.backends.cudnn.allow_tf32


def test_the_numbers_of_threads_are_put_back():
    before = torch.get_num_threads(), cv2.getNumThreads()
    with restored_afterwards():
        pick_device(ComputeSettings(threads=1, device="cpu"))
        assert torch.get_num_threads() == 1
    assert (torch.get_num_threads(), cv2.getNumThreads()) == before
