"""What the tests of several packages share: networks, the sample clip, clips with known motion."""

import importlib.util
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from imageio_ffmpeg import get_ffmpeg_exe
from safetensors.torch import save_file
from torch import nn
from torch.fx.experimental.proxy_tensor import make_fx
from torch.profiler import ProfilerActivity, profile

from framestyle.config import Config
from framestyle.motion import Motion
from framestyle.networks import load, model_spec, network_spec

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "samples"
SHARED = ROOT.parent / "shared"

if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")  # kernels for GPUs run on the CPU then


@pytest.fixture(scope="session")
def shared_dir():
    """The pictures and weights that are not in the repository."""
    if not SHARED.is_dir():
        pytest.skip(f"{SHARED} is not there")
    return SHARED


@pytest.fixture(scope="session")
def real_weights(shared_dir):
    path = shared_dir / "weights" / "squeezenet1_0.safetensors"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    return {"squeezenet1_0": path}


@pytest.fixture(scope="session")
def real_network(real_weights):
    """SqueezeNet as it was trained; tests that use it are marked ``shared``."""
    return load("squeezenet1_0", files=real_weights)


@pytest.fixture(scope="session")
def make_model():
    """Returns ``make_model(name)``: a network without its head, with random weights.

    They keep features near 1 in size.
    """

    def make(name):
        model = model_spec(name).bare_model().to_empty(device="cpu")
        generator = torch.Generator().manual_seed(7)
        for module in model.modules():
            if isinstance(module, nn.Conv2d):
                deviation = (2 / module.weight[0].numel()) ** 0.5
                module.weight.data.normal_(0, deviation, generator=generator)
                if module.bias is not None:
                    module.bias.data.normal_(0, 0.1, generator=generator)
            elif isinstance(module, nn.BatchNorm2d):  # not the identity, so that folding shows
                module.weight.data.uniform_(0.8, 1.2, generator=generator)
                module.bias.data.normal_(0, 0.1, generator=generator)
                module.running_mean.normal_(0, 0.1, generator=generator)
                module.running_var.uniform_(0.8, 1.2, generator=generator)
                module.num_batches_tracked.zero_()
        return model.eval()

    return make


@pytest.fixture(scope="session")
def random_model(make_model):
    """Returns ``random_model()``: SqueezeNet with random weights that keep features near 1."""
    return lambda: make_model("squeezenet1_0")


@pytest.fixture(scope="session")
def random_network(random_model):
    """SqueezeNet with random weights that keep features near 1 in size."""
    return network_spec("squeezenet1_0").network(random_model())


@pytest.fixture(scope="session")
def convolutions_of():
    """Returns ``convolutions_of(function)``: how many it computes, forth and back."""
    names = "aten::convolution", "aten::convolution_backward", "mkldnn::_convolution_pointwise"

    def count(function):
        with profile(activities=[ProfilerActivity.CPU]) as seen:
            function()
        return sum(event.count for event in seen.key_averages() if event.key in names)

    return count


def as_tensor(pixels):
    """(H, W, 3) uint8 -> (1, 3, H, W) float32 in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)[None].float() / 255


def read_rgb(path):
    pixels = cv2.imread(str(path))
    assert pixels is not None, path
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)


@pytest.fixture(scope="session")
def sample_frames():
    """The sample clip's first six frames, (180, 320, 3) uint8 RGB."""
    return [read_rgb(path) for path in sorted((SAMPLES / "frames").glob("*.png"))]


@pytest.fixture(scope="session")
def picture(sample_frames):
    """Returns ``picture(name, height, width)`` as a tensor: frame, swirl or mosaic."""

    def scaled(name, height, width):
        pixels = sample_frames[0]
        if name != "frame":
            pixels = read_rgb(SAMPLES / "styles" / f"{name}.jpg")
        return as_tensor(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA))

    return scaled


@pytest.fixture(scope="session")
def true_flow():
    """Returns ``true_flow(t_from, t_to)``: flow (1, 2, H, W) and what is visible (H, W)."""
    spec = importlib.util.spec_from_file_location("samples_truth", SAMPLES / "truth.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)

    def flow(t_from, t_to):
        field, visible = module.true_flow(t_from, t_to)
        return torch.from_numpy(field.transpose(2, 0, 1).copy())[None], visible

    yield flow
    del sys.modules[spec.name]


@pytest.fixture(scope="session")
def texture():
    """Returns ``texture(height, width, seed)``: smooth coloured noise, (H, W, 3) uint8."""

    def draw(height, width, seed=0):
        noise = np.random.default_rng(seed).normal(size=(height, width, 3))
        layers = [sigma * cv2.GaussianBlur(noise, (0, 0), sigma) for sigma in (1.5, 4, 12)]
        total = np.sum(layers, axis=0)
        total = (total - total.mean()) / total.std()
        return np.clip(128 + 50 * total, 0, 255).astype(np.uint8)

    return draw


@pytest.fixture(scope="session")
def moving_clip(texture):
    """Returns ``moving_clip(count, height, width, step)``: a texture seen by a moving camera.

    The frames are (H, W, 3) uint8. The motion that comes with them is exact: what a frame shows at
    p was at p + step, step = (x, y) whole pixels, in the frame before.
    """

    def make(count, height, width, step, seed=0):
        x, y = step
        reach = count * max(abs(x), abs(y))
        plane = texture(height + 2 * reach, width + 2 * reach, seed)
        frames = [
            plane[reach + t * y : reach + t * y + height, reach + t * x : reach + t * x + width]
            for t in range(count)
        ]
        back = torch.tensor([x, y], dtype=torch.float32).view(1, 2, 1, 1)
        back = back.expand(1, 2, height, width).clone()
        rows, columns = torch.arange(height).view(-1, 1) + y, torch.arange(width) + x
        inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        return [np.ascontiguousarray(f) for f in frames], Motion(
            back, *2 * (inside[None, None].float(),)
        )

    return make


@pytest.fixture(scope="session")
def random_weights(random_model, tmp_path_factory):
    """The weights of ``random_network`` in a file."""
    path = tmp_path_factory.mktemp("weights") / "random.safetensors"
    save_file({k: v.contiguous() for k, v in random_model().state_dict().items()}, path)
    return path


@pytest.fixture(scope="session")
def quick(random_weights):
    """Settings of a run that takes well under a second: small network, one thread, few steps."""
    return Config().changed(
        {
            "dream": {"network": "squeezenet1_0", "steps": 2, "octaves": 2},
            "style": {
                "network": "squeezenet1_0",
                "first_iterations": 4,
                "iterations": 3,
                "scales": 1,
            },
            "compute": {
                "threads": 1,
                "precision": "fp32",
                "device": "cpu",
                "weights": (f"squeezenet1_0={random_weights}",),
            },
        }
    )


@pytest.fixture(autouse=True)
def _same_threads():
    """Put the number of threads back that a run has set for the whole process."""
    threads = torch.get_num_threads(), cv2.getNumThreads()
    yield
    torch.set_num_threads(threads[0])
    cv2.setNumThreads(threads[1])


@pytest.fixture(scope="session")
def save_picture():
    """Returns ``save_picture(path, pixels)``: writes (H, W, 3) RGB, 8 or 16 bits."""

    def save(path, pixels):
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), np.ascontiguousarray(pixels[:, :, ::-1]))
        return path

    return save


@pytest.fixture(scope="session")
def style_file(tmp_path_factory, texture, save_picture):
    """A style picture of strong colours, 56x40."""
    colours = (texture(40, 56, 5).astype(int) * (2, 1, 1) + (0, 60, -40)).clip(0, 255)
    return save_picture(tmp_path_factory.mktemp("styles") / "style.png", colours.astype(np.uint8))


@pytest.fixture(scope="session")
def frames_folder(tmp_path_factory, moving_clip, save_picture):
    """Five frames of a moving texture, 64x48, whose names have gaps."""
    folder = tmp_path_factory.mktemp("frames")
    frames, _ = moving_clip(5, 48, 64, (2, 1))
    for number, frame in zip((3, 4, 7, 8, 100), frames, strict=True):
        save_picture(folder / f"shot_{number:04d}.png", frame)
    return folder


@pytest.fixture(scope="session")
def encode():
    """Returns ``encode(path, frames, rate="25", sound_seconds=0)``: a video made by ffmpeg."""

    def make(path, frames, rate="25", sound_seconds=0.0):
        height, width = frames[0].shape[:2]
        command = [get_ffmpeg_exe(), "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24"]
        command += ["-video_size", f"{width}x{height}", "-framerate", rate, "-i", "pipe:0"]
        if sound_seconds:
            command += ["-f", "lavfi", "-i", f"sine=440:duration={sound_seconds}", "-c:a", "aac"]
        command += ["-c:v", "libx264", "-crf", "8", "-pix_fmt", "yuv420p", str(path)]
        raw = b"".join(np.ascontiguousarray(frame).tobytes() for frame in frames)
        done = subprocess.run(command, input=raw, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return path

    return make


@pytest.fixture(scope="session")
def clip_file(tmp_path_factory, moving_clip, encode):
    """The same frames as a video at 30000/1001 frames a second, with sound."""
    frames, _ = moving_clip(5, 48, 64, (2, 1))
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    return encode(path, frames, rate="30000/1001", sound_seconds=0.3)


@pytest.fixture(scope="session")
def packets_of():
    """Returns ``packets_of(path, "v" or "a")``: time base, and (pts, checksum) of every packet."""

    def packets(path, stream):
        command = [get_ffmpeg_exe(), "-v", "error", "-i", str(path), "-map", f"0:{stream}:0"]
        done = subprocess.run(
            [*command, "-c", "copy", "-f", "framecrc", "-"], capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
        lines = done.stdout.decode().splitlines()
        tick = next(Fraction(line.split()[2]) for line in lines if line.startswith("#tb"))
        rows = [line.split(",") for line in lines if not line.startswith("#")]
        return tick, [(int(row[2]), ",".join(row[4:6]).strip()) for row in rows]

    return packets


@pytest.fixture(scope="session")
def contents():
    """Returns ``contents(path)``: the bytes of a file, or of every file in a folder by name."""

    def read(path):
        if path.is_file():
            return path.read_bytes()
        return {str(f.relative_to(path)): f.read_bytes() for f in path.rglob("*") if f.is_file()}

    return read


@pytest.fixture(scope="session")
def ffmpegs():
    """Returns ``ffmpegs()``: command lines by number of the ffmpeg processes that run below us."""
    if not Path("/proc/self/stat").exists():
        pytest.skip("there is no /proc to find processes in")

    def find():
        found = {}
        for folder in Path("/proc").iterdir():
            try:
                if not folder.name.isdigit():
                    continue
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                line = (folder / "cmdline").read_bytes().decode().replace("\0", " ")
            except OSError:  # it has just ended
                continue
            if parent == os.getpid() and "ffmpeg" in line:
                found[int(folder.name)] = line
        return found

    return find


@pytest.fixture(scope="session")
def traced():
    """Records the operations of a step on the CPU, from the step that a GPU would be given."""

    def record(step):
        graph = make_fx(lambda: step())()  # it takes plain functions only

        def play():
            with torch.no_grad():
                return graph()

        return play

    return record
