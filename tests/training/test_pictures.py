"""Training pictures: what is read, what is held out, and that crops follow the seed."""

import numpy as np
import pytest
import torch

from framestyle.errors import InputError
from training.pictures import HELD_OUT, SHORTER_PX, Crops, read_pictures, split


def test_reads_what_is_a_picture_and_large_enough(folder, texture):
    pictures = read_pictures(folder, 24)
    assert len(pictures) == 16
    assert np.array_equal(pictures[0], texture(60, 80, 0))
    assert min(pictures[-1].shape[:2]) == SHORTER_PX
    assert [min(p.shape[:2]) >= 24 for p in pictures] == [True] * 16


def test_a_folder_without_pictures_is_one_clear_line(tmp_path, folder):
    with pytest.raises(InputError, match="there is no such folder; expected a folder of pictures"):
        read_pictures(tmp_path / "none", 24)
    with pytest.raises(InputError, match=r"got 0 files that end in \.jpg") as caught:
        read_pictures(tmp_path, 24)
    assert "\n" not in str(caught.value)
    assert str(tmp_path) in str(caught.value)
    with pytest.raises(InputError, match=r"18 files .* 17 can be read and none is 999 pixels"):
        read_pictures(folder, 999)


@pytest.mark.parametrize(("count", "held"), [(1500, HELD_OUT), (320, 64), (100, 20), (7, 1)])
def test_holds_out_pictures_from_all_over_the_folder(count, held):
    pictures = [np.array(index) for index in range(count)]
    learnt, kept = split(pictures)
    assert len(kept) == held
    assert sorted(int(p) for p in (*learnt, *kept)) == list(range(count))
    assert max(map(int, kept)) >= (held - 1) * (count // held)


def test_few_pictures_serve_for_both():
    pictures = [np.array(index) for index in range(4)]
    assert split(pictures) == (pictures, pictures)


def test_crops_follow_the_seed(folder):
    crops = Crops(read_pictures(folder, 24), 40)
    first, again, other = (
        crops.batch(6, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert first.shape == (6, 3, 40, 40)
    assert first.dtype == torch.float32
    assert 0 <= float(first.min()) < float(first.max()) <= 1
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_crops_are_of_the_pictures(texture):
    """Colours and noise change; which picture it is still shows."""
    pictures = [np.zeros((64, 64, 3), np.uint8), np.full((64, 64, 3), 255, np.uint8)]
    batch = Crops(pictures, 32).batch(64, torch.Generator().manual_seed(0))
    brightness = batch.mean(dim=(1, 2, 3))
    assert int((brightness > 0.7).sum()) + int((brightness < 0.3).sum()) == 64
    assert 16 < int((brightness > 0.7).sum()) < 48
