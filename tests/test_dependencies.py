"""How the package hangs together: dependencies point one way, and importing does nothing."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "framestyle"
MODULES = sorted(PACKAGE.rglob("*.py"))

MAY_IMPORT = {
    "errors": set(),
    "files": {"errors"},
    "settings": {"errors", "files"},
    "config": {"errors", "files", "settings"},
    "progress": {"errors"},
    "transfer": set(),
    "exhaustion": set(),
    "waiting": set(),
    "graphs": {"errors", "exhaustion", "transfer"},
    "tape": {"graphs"},
    "onednn": {"tape"},
}
BASE = set(MAY_IMPORT)
SIDE_BY_SIDE = {"media", "networks", "objectives", "motion"}
MAY_IMPORT |= dict.fromkeys(SIDE_BY_SIDE, BASE)
MAY_IMPORT["stages"] = BASE | SIDE_BY_SIDE
MAY_IMPORT["jobs"] = MAY_IMPORT["metrics"] = MAY_IMPORT["stages"] | {"stages", "jobs", "metrics"}
MAY_IMPORT["api"] = MAY_IMPORT["jobs"]
MAY_IMPORT["framestyle"] = MAY_IMPORT["api"] | {"api"}
MAY_IMPORT["cli"] = MAY_IMPORT["framestyle"] | {"framestyle"}
MAY_IMPORT["__main__"] = {"cli"}


def name_of(path):
    """framestyle/media/reader.py -> framestyle.media.reader."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {name_of(path) for path in MODULES}


def unit_of(module):
    """The file or folder of the package that a module is, or is in."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else parts[0]


def imported(path):
    """Names of the package's modules that a module imports, wherever in it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("framestyle"))
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
            if node.module.split(".")[0] == "framestyle":
                for alias in node.names:
                    full = f"{node.module}.{alias.name}"
                    yield full if full in NAMES else node.module


def identify(path):
    return str(path.relative_to(PACKAGE))


def test_the_package_is_found():
    assert len(MODULES) > 30
    assert {"framestyle.errors", "framestyle.stages.frame", "framestyle.motion"} <= NAMES


@pytest.mark.parametrize("path", MODULES, ids=identify)
def test_dependencies_point_one_way(path):
    unit = unit_of(name_of(path))
    assert unit in MAY_IMPORT, f"{unit} is new: say here what it may import"
    others = {unit_of(module) for module in imported(path)} - {unit}
    assert others <= MAY_IMPORT[unit], f"{unit} must not import {others - MAY_IMPORT[unit]}"


def test_no_two_parts_import_each_other():
    edges = {}
    for path in MODULES:
        unit = unit_of(name_of(path))
        edges.setdefault(unit, set()).update(unit_of(module) for module in imported(path))
        edges[unit].discard(unit)
    done = set()
    while remaining := {unit for unit in edges if unit not in done}:
        free = {unit for unit in remaining if not (edges[unit] & remaining)}
        assert free, f"these import each other in a circle: {remaining}"
        done |= free


def forbidden(tree):
    """Lines on which a module prints or ends the program."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and node.exc is not None:
            raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            if ast.unparse(raised) == "SystemExit":
                yield node.lineno, "raise SystemExit"
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            writes = called.startswith(("sys.stdout.", "sys.stderr."))
            if writes or called in ("print", "exit", "quit", "sys.exit", "os._exit", "os.abort"):
                yield node.lineno, called


@pytest.mark.parametrize("path", MODULES, ids=identify)
def test_only_the_command_line_prints_and_exits(path):
    found = list(forbidden(ast.parse(path.read_text(encoding="utf-8"))))
    assert not found or unit_of(name_of(path)) in ("cli", "__main__"), found


def test_the_scan_finds_what_it_looks_for():
    source = "import sys\ndef f():\n    print(1)\n    sys.exit(2)\n    raise SystemExit\n"
    assert sorted(forbidden(ast.parse(source))) == [
        (3, "print"),
        (4, "sys.exit"),
        (5, "raise SystemExit"),
    ]


WATCH = """
import importlib, json, os, sys, threading
seen = []
def watch(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "urllib.Request"):
        seen.append([event, str(args[-1])])
    elif event == "open" and str(args[0]).endswith((".pth", ".pt", ".safetensors")):
        seen.append([event, str(args[0])])
sys.addaudithook(watch)
before = threading.active_count()
for name in sys.argv[1:]:
    importlib.import_module(name)
networks = []
if "torch" in sys.modules:
    import gc, torch
    networks = [type(o).__name__ for o in gc.get_objects() if issubclass(type(o), torch.nn.Module)]
threads = threading.active_count() - before
slow = [name for name in ("torchvision", "torch._dynamo", "sympy") if name in sys.modules]
found = {"seen": seen, "networks": networks, "threads": threads, "slow": slow}
sys.__stdout__.write(json.dumps(found))
"""


@pytest.mark.parametrize("names", [["framestyle"], sorted(NAMES - {"framestyle.__main__"})],
                         ids=["framestyle", "every module"])  # fmt: skip
def test_importing_does_nothing(names, tmp_path):
    """No weights are read, no network is made, no thread started, nothing said or written.

    And nothing is loaded that takes seconds and is not needed by every run.
    """
    ran = subprocess.run(
        [sys.executable, "-B", "-W", "error::UserWarning", "-c", WATCH, *names],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PATH": "", "HOME": str(tmp_path), "PYTHONPATH": str(PACKAGE.parent)},
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == {"seen": [], "networks": [], "threads": 0, "slow": []}
    assert ran.stderr == ""
    assert list(tmp_path.rglob("*")) == []
