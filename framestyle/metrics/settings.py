"""What can be said about how a result is measured."""

from dataclasses import dataclass

from framestyle.settings import Settings, setting, whole


# fmt: off
@dataclass(frozen=True)
class MetricsSettings(Settings):
    """How a result is measured."""

    size: int = setting(512, "longest side at which frames are compared; smaller ones are left",
                        whole, metavar="PX", low=16, high=32768)
    network: str = setting("auto", "network that judges style and content: squeezenet1_0 where "
                           "its weights can be had, else lite", metavar="NAME")
    weights: tuple[str, ...] = setting((), "weights of a network, from a .pth or .safetensors file",
                                       metavar="NAME=FILE")
# fmt: on
