"""``framestyle weights``: which networks there are, where their weights are, and fetching them."""

from collections.abc import Sequence

from framestyle.errors import SettingsError

USAGE = """\
usage: framestyle weights [--weights NAME=FILE]...  list the networks, and where their weights are
       framestyle weights fetch [NAME...]          download weights into torch's cache
                                                   (inception_v3 and vgg19 unless named)"""


def weights(argv: Sequence[str]) -> int:
    """Run the command; returns the exit code."""
    match list(argv):
        case [] | ["list"]:
            return _list([])
        case ["--weights", *_]:
            return _list([text for text in argv if text != "--weights"])
        case ["fetch", *names]:
            return _fetch(names)
        case ["-h" | "--help", *_]:
            print(USAGE)
            return 0
    raise SettingsError(f"framestyle weights: got {' '.join(argv)!r}, expected nothing or fetch")


def _list(given: Sequence[str]) -> int:
    from framestyle.networks import NETWORKS, locate, parse_weights  # torch takes a second to load

    files = dict(parse_weights(text) for text in given)
    for name, spec in NETWORKS.items():
        where = locate(name, files)
        found = f"{where.kind}: {where.path}"
        if where.kind == "missing":
            found = f"no such file: {where.path}" if name in files else "not here"
        size = f" ({where.size / 1e6:.0f} MB)" if where.size else ""
        print(f"{name:14} {spec.description}\n{'':14} {found}{size}")
    print("\nframestyle weights fetch downloads them; --weights NAME=FILE takes them from a file.")
    return 0


def _fetch(names: Sequence[str]) -> int:
    from framestyle.cli.console import Console
    from framestyle.networks import fetch
    from framestyle.networks.choice import FULL

    console = Console()
    for name in names or FULL.values():
        path = fetch(name, console)
        print(f"{name}: {path}")
    return 0
