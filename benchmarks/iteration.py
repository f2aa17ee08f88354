"""What an iteration costs: over a bare forward and backward, and over what the machine can do.

Ours and bare run in turn on the same picture, so that a change of the machine's speed hits both;
the ratio is taken pair by pair. Weights are random where a network is not embedded: the arithmetic
is the same.
"""

import statistics
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from benchmarks.machine import seconds
from framestyle.config import ComputeSettings, DreamSettings, MotionSettings, StyleSettings
from framestyle.graphs import WARM_UP, CudaGraphs
from framestyle.jobs.device import has_fast_bfloat16, pick_device, player_on
from framestyle.networks import FeatureNetwork, Room, network_spec
from framestyle.objectives import TemporalLoss, WeightedSum
from framestyle.stages import DreamStage, StyleStage
from framestyle.stages.evaluation import Evaluation, Jittered
from framestyle.stages.optimise import Optimisation, Player
from framestyle.stages.steppers import Adam
from framestyle.stages.taping import Taper
from training.cost import multiply_adds

PAIRS = 15
SIDES = (256, 512)
"""Sizes at which VGG19 is compared to lite, in pixels."""
IN_A_ROW = {"vgg19": 1, "lite": 8}
"""Iterations that are timed as one there: those of a run follow each other."""
SEED = 0
PRODUCT = {"cpu": 2048, "cuda": 8192}
"""Side of the square matrices whose product tells what the machine can do. A GPU makes small ones
in less time than it takes to tell it to."""


@dataclass(frozen=True)
class Case:
    """What is measured: a stage with a network, at a size."""

    stage: str
    network: str
    side_px: int


CASES = (
    Case("style", "vgg19", 256),
    Case("style", "vgg19", 512),
    Case("style", "lite", 256),
    Case("style", "lite", 512),
    Case("dream", "inception_v3", 256),
    Case("dream", "lite", 256),
)
COMPILED = (CASES[0], CASES[1])
"""What is measured with --compile, too, on a GPU in bfloat16."""


def measure(device: str) -> dict[str, object]:
    """Return, by precision and case, seconds of both (median), their ratio, and the share used."""
    precisions = {"float32": torch.float32}
    if has_fast_bfloat16(torch.device(device)):
        precisions["bfloat16"] = torch.bfloat16
    pick_device(ComputeSettings(device=device))  # what it sets for a run is set here too
    found: dict[str, object] = {"pairs": PAIRS, "seed": SEED}
    for name, dtype in precisions.items():
        rate = _product_rate(device, dtype)
        cases = [_compare(case, device, dtype, rate) for case in CASES]
        found[name] = {
            "product_gflops": round(rate / 1e9, 1),
            "cases": cases,
            "vgg19_over_lite": {side: _over_lite(side, device, dtype) for side in SIDES},
        }
    return found


def _over_lite(side_px: int, device: str, dtype: torch.dtype) -> dict[str, float]:
    """Return what an iteration with VGG19 takes over one with lite, in turns; ours and bare."""
    runs: dict[str, dict[str, Callable[[], object]]] = {"ours": {}, "bare": {}}
    for name in ("vgg19", "lite"):
        case = Case("style", name, side_px)
        network, layers, image = _built(case, device, dtype)
        runs["ours"][name] = _ours(case, network, image)
        runs["bare"][name] = _bare(network, layers, image)
    ratios: dict[str, list[float]] = {"ours": [], "bare": []}
    for _ in range(PAIRS):
        for kind, both in runs.items():
            full, lite = (_in_a_row(both[name], count, device) for name, count in IN_A_ROW.items())
            ratios[kind].append(full / lite)
    return {kind: round(statistics.median(values[3:]), 2) for kind, values in ratios.items()}


def _in_a_row(run: Callable[[], object], count: int, device: str) -> float:
    """Return the time of one of so many calls."""
    return seconds(lambda: [run() for _ in range(count)], device) / count


def _built(
    case: Case, device: str, dtype: torch.dtype
) -> tuple[FeatureNetwork, list[str], torch.Tensor]:
    """Return a network, the layers that a case looks at, and a picture."""
    torch.manual_seed(SEED)
    spec = network_spec(case.network)
    network = spec.network(spec.build().eval()).to(device, dtype)
    image = torch.rand(1, 3, case.side_px, case.side_px, device=device)
    return network, [name for name, _ in _layers(case)], image


def _compare(case: Case, device: str, dtype: torch.dtype, rate: float) -> dict[str, object]:
    network, layers, image = _built(case, device, dtype)
    operations = 4 * multiply_adds(network, layers, case.side_px)  # there and back
    ours, bare = _ours(case, network, image), _bare(network, layers, image)
    for _ in range(3):
        ours(), bare()
    compiled = {}
    if device == "cuda" and dtype == torch.bfloat16 and case in COMPILED:
        fast = _ours(case, network, image, compile=True)
        times = [seconds(fast, device) for _ in range(PAIRS)]
        compiled["compiled_seconds"] = round(statistics.median(times), 5)
    pairs = [(seconds(ours, device), seconds(bare, device)) for _ in range(PAIRS)]
    low, middle, high = statistics.quantiles([a / b for a, b in pairs], n=4)
    median = statistics.median(a for a, _ in pairs)
    return {
        "stage": case.stage,
        "network": case.network,
        "side_px": case.side_px,
        "iteration_seconds": round(median, 5),
        "bare_seconds": round(statistics.median(b for _, b in pairs), 5),
        "ratio": round(middle, 3),
        "ratio_quartiles": [round(low, 3), round(high, 3)],
        "gflop": round(operations / 1e9, 1),
        "share_of_product_rate": round(operations / median / rate, 3),
        **compiled,
    }


def _layers(case: Case) -> tuple[tuple[str, float], ...]:
    spec = network_spec(case.network)
    if case.stage == "dream":
        return spec.default_dream_layers
    return (*spec.default_style_layers, *spec.default_content_layers)


def _ours(case: Case, network: FeatureNetwork, image: Tensor, **how: bool) -> Callable[[], object]:
    """One iteration of a stage as a run makes it of a later frame, with every term on."""
    room = Room()
    player = player_on(image.device, ComputeSettings(**how), room, print)
    if case.stage == "dream":
        dream = DreamStage(network, DreamSettings(step_size=0.01), _layers(case), room=room)
        terms = WeightedSum({"dream": (1.0, dream.term((case.side_px, case.side_px)))})
        shifts = torch.zeros(PAIRS, 2, dtype=torch.int64, device=image.device)
        evaluation: Evaluation = Jittered(terms, dream.extract, shifts)
        return _later(player, Optimisation(image, evaluation, dream.ascent(case.side_px)))
    style, last = torch.rand_like(image), torch.rand_like(image)
    spec, settings = network_spec(case.network), StyleSettings(style_weight=5.0)
    layers = spec.default_content_layers, spec.default_style_layers
    stage = StyleStage(network, settings, *layers, [(1.0, style)], room)
    held = TemporalLoss(last, torch.ones_like(last[:, :1]))
    evaluation = Evaluation(
        stage.objective(image, (MotionSettings().temporal_weight, held)), stage.extract
    )
    adam = Adam(0.005, levels=settings.levels)
    steps = Optimisation(image, evaluation, adam, settings.averaging, recurs=True)
    return _later(player, steps)


def _later(player: Player, optimisation: Optimisation) -> Callable[[], object]:
    """Return a step as of a later frame: steps that come again are recorded, or taped."""
    if isinstance(player, Taper):
        player.pays_after = 0
    return player.begin(optimisation).step


def _bare(network: FeatureNetwork, layers: list[str], image: Tensor) -> Callable[[], object]:
    """Forward to the deepest layer, and the gradient back to the picture; recorded, as ours is."""
    bare = nn.Sequential(*(stage for _, stage in network.up_to(layers)))
    x = image.to(memory_format=torch.channels_last).requires_grad_(True)

    def run() -> None:
        torch.autograd.grad(bare(x.to(network.dtype)).float().square().mean(), x)

    if image.device.type != "cuda":
        return run
    for _ in range(WARM_UP):
        run()
    return CudaGraphs()(run)


def _product_rate(device: str, dtype: torch.dtype) -> float:
    """Return the operations a second of a large product of matrices, an addition each."""
    side = PRODUCT[device]
    a, b = (torch.rand(side, side, device=device).to(dtype) for _ in range(2))

    def product() -> None:
        a @ b

    for _ in range(2):
        product()
    return float(2 * side**3 / statistics.median(seconds(product, device) for _ in range(7)))
