"""``framestyle weights``: which networks there are, where their weights are, and fetching them."""

from collections.abc import Sequence

from framestyle.cli.streams import on_one_line, put
from framestyle.errors import SettingsError

USAGE = """\
usage: framestyle weights [--weights NAME=FILE]...  list the networks, and where their weights are
       framestyle weights fetch [NAME...]          download weights into torch's cache
                                                   (what a GPU takes unless named:
                                                   inception_v3, vgg19 and raft_large)"""


def weights(argv: Sequence[str]) -> int:
    """Run the command; returns the exit code."""
    if {"-h", "--help"} & set(argv):
        put(USAGE + "\n")
        return 0
    match list(argv):
        case ["fetch", *names] if not any(name.startswith("-") for name in names):
            return _fetch(names)
        case [] | ["list"]:
            return _list([])
        case ["--weights", _, *_] if set(argv[::2]) == {"--weights"} and len(argv) % 2 == 0:
            return _list(argv[1::2])
        case _ if all(text.startswith("--weights=") for text in argv):
            return _list([text.partition("=")[2] for text in argv])
    raise SettingsError(
        f"framestyle weights: got {' '.join(argv)!r}, expected nothing, --weights NAME=FILE or "
        "fetch [NAME...]"
    )


def _list(given: Sequence[str]) -> int:
    # torch takes a second to load
    from framestyle.networks import FLOW_NETWORKS, NETWORKS, locate, parse_weights

    files = dict(parse_weights(text) for text in given)
    for name, spec in [*NETWORKS.items(), *FLOW_NETWORKS.items()]:
        where = locate(name, files)
        found = f"{where.kind}: {where.path}"
        if where.kind == "missing":
            found = f"no such file: {where.path}" if name in files else "not here"
        size = f" ({where.size / 1e6:.0f} MB)" if where.size else ""
        put(f"{name:14} {spec.description}\n{'':14} {on_one_line(found)}{size}\n")
    put("\nframestyle weights fetch downloads them; --weights NAME=FILE takes them from a file.\n")
    return 0


def _fetch(names: Sequence[str]) -> int:
    from framestyle.cli.console import Console
    from framestyle.networks import fetch
    from framestyle.networks.choice import FULL, FULL_FLOW

    console = Console()
    for name in names or [*FULL.values(), FULL_FLOW]:
        path = fetch(name, console)
        put(f"{name}: {path}\n")
    return 0
