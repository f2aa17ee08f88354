"""Finding and loading weights: torch's cache, files of both kinds, and every bad file."""

import hashlib
import os
import pickle
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torchvision.models import squeezenet1_0
from torchvision.transforms.functional import normalize

from framestyle.errors import ModelError
from framestyle.networks import NETWORKS, load, locate, network_spec, parse_weights

SHARED = Path(__file__).parents[2].parent / "shared"


@pytest.fixture(scope="module")
def squeezenet(make_model):
    """Return a state dict with the head that the network does not use."""
    weights = make_model("squeezenet1_0").state_dict()
    return weights | {"classifier.1.bias": torch.zeros(1000)}


def load_squeezenet(path: Path):
    return load("squeezenet1_0", files={"squeezenet1_0": path})


@pytest.mark.parametrize("name", ["vgg19", "inception_v3"])
def test_loads_from_torchs_cache(name, cache, make_model, image):
    spec, model = network_spec(name), make_model(name)
    half = {k: v.half() for k, v in model.state_dict().items() if "num_batches" not in k}
    torch.save(half, cache / spec.file_name)
    where = locate(name)
    assert (where.kind, where.path) == ("cache", cache / spec.file_name)
    assert where.size == where.path.stat().st_size
    heard = []
    network = load(name, progress=heard.append)
    assert heard == []
    assert network.dtype == torch.float32
    model.load_state_dict(half, strict=False)
    layers = [layer for layer, _ in spec.default_dream_layers]
    expected = spec.network(model).extractor(layers)(image)
    for layer, features in network.extractor(layers)(image).items():
        assert torch.equal(features, expected[layer]), layer


@pytest.mark.parametrize("form", [".pth", ".pt", ".safetensors", "wrapped", "parallel", "legacy"])
def test_loads_a_file(form, squeezenet, make_model, image, tmp_path):
    path = tmp_path / f"mine{form if form.startswith('.') else '.pth'}"
    content = {
        "wrapped": {"state_dict": squeezenet, "epoch": 3},
        "parallel": {f"module.{key}": tensor for key, tensor in squeezenet.items()},
    }.get(form, squeezenet)
    if form == ".safetensors":
        save_file(content, path)
    else:
        torch.save(content, path, _use_new_zipfile_serialization=form != "legacy")
    assert locate("squeezenet1_0", {"squeezenet1_0": path}).kind == "file"
    network = load_squeezenet(path)
    expected = NETWORKS["squeezenet1_0"].network(make_model("squeezenet1_0"))
    got = network.extractor(["fire9"])(image)["fire9"]
    assert torch.equal(got, expected.extractor(["fire9"])(image)["fire9"])


def test_loads_in_the_precision_and_with_the_pooling_asked_for(squeezenet, tmp_path):
    save_file(squeezenet, tmp_path / "s.safetensors")
    files = {"squeezenet1_0": tmp_path / "s.safetensors"}
    network = load("squeezenet1_0", files=files, dtype=torch.bfloat16, pooling="average")
    assert (network.dtype, network.pooling) == (torch.bfloat16, "average")
    with pytest.raises(ModelError, match=r"torch.float16, expected float32 or bfloat16"):
        load("squeezenet1_0", files=files, dtype=torch.float16)


def test_loads_an_embedded_network(monkeypatch, squeezenet, tmp_path):
    save_file(squeezenet, tmp_path / "inside.safetensors")
    content = (tmp_path / "inside.safetensors").read_bytes()
    path = tmp_path / f"inside-{hashlib.sha256(content).hexdigest()[:8]}.safetensors"
    path.write_bytes(content)
    spec = replace(NETWORKS["squeezenet1_0"], name="inside", weights="", embedded=path)
    monkeypatch.setitem(NETWORKS, "inside", spec)
    assert locate("inside").kind == "embedded"
    assert load("inside").name == "inside"
    damaged = bytearray(content)
    damaged[-1000] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(ModelError, match=r"damaged: its SHA-256 starts with .* expected") as caught:
        load("inside")
    assert str(path) in str(caught.value)
    path.unlink()
    with pytest.raises(ModelError, match="missing; install framestyle again"):
        load("inside")


class Evil:
    def __reduce__(self):
        return os.system, ("true",)


def test_code_is_refused(tmp_path):
    path = tmp_path / "evil.pth"
    torch.save({"features.0.weight": Evil()}, path)
    with pytest.raises(ModelError, match="would execute code"):
        load_squeezenet(path)
    path.write_bytes(pickle.dumps(Evil(), protocol=2))
    with pytest.raises(ModelError, match="would execute code"):
        load_squeezenet(path)
    torch.save(torch.nn.Conv2d(1, 1, 1), path)
    with pytest.raises(ModelError, match="would execute code"):
        load_squeezenet(path)


def test_whole_numbers_are_no_weights(squeezenet, tmp_path):
    path = tmp_path / "int.pth"
    torch.save({key: tensor.to(torch.int32) for key, tensor in squeezenet.items()}, path)
    with pytest.raises(
        ModelError, match=r"features\.0\.weight holds int32 numbers, expected float"
    ):
        load_squeezenet(path)


def test_parts_that_are_packed_are_refused(tmp_path):
    """Kilobytes would unpack to as much memory as their maker likes."""
    path = tmp_path / "packed.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(1 << 20))
    with pytest.raises(ModelError, match="packed and unpack to 1048576 bytes"):
        load_squeezenet(path)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_damaged_files_are_told(suffix, squeezenet, tmp_path):
    path = tmp_path / f"w{suffix}"
    if suffix == ".pth":
        torch.save(squeezenet, path)
    else:
        save_file(squeezenet, path)
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"not weights at all", bytes(4096)):
        path.write_bytes(damaged)
        with pytest.raises(ModelError, match="damaged") as caught:
            load_squeezenet(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_files_that_are_not_weights(tmp_path):
    with pytest.raises(ModelError, match=r"nowhere\.pth: there is no such file"):
        load_squeezenet(tmp_path / "nowhere.pth")
    assert locate("squeezenet1_0", {"squeezenet1_0": tmp_path / "no.pth"}).kind == "missing"
    picture = tmp_path / "picture.png"
    picture.write_bytes(b"x")
    with pytest.raises(ModelError, match=r"'\.png', expected \.pth, \.pt or \.safetensors"):
        load_squeezenet(picture)
    for content, said in ([1, 2], "got a list"), ({"epoch": 3}, "holds no tensors"):
        torch.save(content, tmp_path / "odd.pth")
        with pytest.raises(ModelError, match=said):
            load_squeezenet(tmp_path / "odd.pth")


def test_weights_of_another_network_are_told(squeezenet, tmp_path):
    path = tmp_path / "w.safetensors"
    save_file(squeezenet, path)
    with pytest.raises(ModelError, match=r"not the weights of vgg19: .*; they fit squeezenet1_0"):
        load("vgg19", files={"vgg19": path})
    with pytest.raises(ModelError, match=r"Conv2d_1a_3x3.conv.weight is missing; they fit squeeze"):
        load("inception_v3", files={"inception_v3": path})
    save_file({k: v for k, v in squeezenet.items() if k != "features.7.squeeze.bias"}, path)
    with pytest.raises(ModelError, match=r"features\.7\.squeeze\.bias is missing$"):
        load_squeezenet(path)
    save_file(squeezenet | {"features.0.bias": torch.zeros(5)}, path)
    with pytest.raises(ModelError, match=r"features\.0\.bias has shape \(5,\), expected \(96,\)"):
        load_squeezenet(path)


def test_numbers_that_are_not_finite_are_told(squeezenet, tmp_path):
    save_file(
        squeezenet | {"features.0.bias": torch.full((96,), torch.nan)},
        tmp_path / "w.pt.safetensors",
    )
    with pytest.raises(ModelError, match=r"damaged: features\.0\.bias holds numbers"):
        load_squeezenet(tmp_path / "w.pt.safetensors")


def test_a_bad_file_in_the_cache_says_to_delete_it(cache):
    (cache / network_spec("vgg19").file_name).write_bytes(b"half a download")
    with pytest.raises(ModelError, match="delete that file to have it fetched again"):
        load("vgg19")


def test_parse_weights():
    assert parse_weights("vgg19=a=b.pth") == ("vgg19", Path("a=b.pth"))
    assert parse_weights(" vgg19 = ~/w.pth ") == ("vgg19", Path.home() / "w.pth")
    for text in ("vgg19", "vgg19=", "=w.pth", ""):
        with pytest.raises(ModelError, match="expected NAME=PATH"):
            parse_weights(text)
    with pytest.raises(ModelError, match="no network 'vgg20'"):
        parse_weights("vgg20=w.pth")


@pytest.mark.shared
def test_trained_squeezenet_gives_torchvisions_features():
    cv2 = pytest.importorskip("cv2")
    weights, picture = SHARED / "weights/squeezenet1_0.safetensors", SHARED / "media/tubingen.png"
    for path in (weights, picture):
        if not path.is_file():
            pytest.skip(f"{path} is missing")
    rgb = cv2.cvtColor(cv2.imread(str(picture)), cv2.COLOR_BGR2RGB)
    rgb = cv2.resize(rgb, (256, 192), interpolation=cv2.INTER_AREA)
    image = torch.from_numpy(rgb).permute(2, 0, 1)[None].float() / 255
    model = squeezenet1_0(weights=None).eval()
    model.load_state_dict(load_file(weights))
    with torch.no_grad():
        expected = model.features(normalize(image, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    got = load_squeezenet(weights).extractor(["fire9"])(image)["fire9"]
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4 * float(expected.max()))
    assert 0.05 < float((got > 0).float().mean()) < 0.95
