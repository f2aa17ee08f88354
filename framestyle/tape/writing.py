"""Writing down what is done to tensors, as torch's dispatcher sees it.

Making a view takes as long as an operation on a few numbers. So a view of views is made directly of
the tensor that came about with the memory, and once; one of what was there before, when it is
written down.
"""

import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakIdKeyDictionary

from framestyle.graphs import RecordingError, Step
from framestyle.tape.calls import Call, called_as, function_of
from framestyle.tape.placing import into, placed
from framestyle.tape.workspace import Workspace

RENAMED = ("aten::detach", "aten::alias")
"""Operations that return the tensor that they are given, as far as its numbers go."""

_MASKS = torch.bool, torch.uint8
_ONE_AT_A_TIME = threading.Lock()
"""Held while a step is written down: torch remembers for the whole process that something is."""
_in_this_thread = threading.local()
"""Has the tape that is written, if any."""


def taped(step: Step, workspace: Workspace | None = None) -> tuple[Any, Step]:
    """Make a step, and write it down; on a device that does what it is told at once.

    Tensors that were there before are read and changed where they are, and held. So are those that
    Python makes of numbers within the step (``torch.tensor``): none of them may be changed. No
    tensor may get other memory later (``tensor.data = ...``, ``set_``).

    Args:
        step: It is made once.
        workspace: Memory for tensors that come about on the way; by default the tape has its own.

    Returns:
        What it returned, and what makes it again. Tuples come back as lists. Of the tapes with one
        workspace only one may be played at a time, and only once at a time.

    Raises:
        RecordingError: What it does may depend on numbers. It has been made nonetheless.
    """
    tape = _Tape()
    with _ONE_AT_A_TIME, tape:
        _in_this_thread.tape = tape
        try:
            made = step()
        finally:
            _in_this_thread.tape = None
    return made, tape.played(made, workspace or Workspace())


@contextmanager
def aside() -> Iterator[None]:
    """Have what is done not written down: it makes what is there for later steps, too."""
    tape: _Tape | None = getattr(_in_this_thread, "tape", None)
    if tape is None:
        yield
        return
    tape.pauses += 1
    try:
        yield
    finally:
        tape.pauses -= 1


class _View(NamedTuple):
    """A tensor that shares its memory with another.

    Attributes:
        root: Name of that.
        size: Its shape.
        stride: How far the memory goes on from one number to the next, in each dimension.
        offset: Where in the memory it begins.
    """

    root: str
    size: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int

    @classmethod
    def of(cls, tensor: Tensor, root: str) -> "_View":
        """Return a tensor as one of another."""
        return cls(root, tuple(tensor.shape), tensor.stride(), int(tensor.storage_offset()))


class _Tape(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Writes down what is done while it is on.

    Attributes:
        pauses: While there are any, nothing is written down.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.pauses = 0
        self._calls: list[Call] = []
        self._refusal: str | None = None
        self._bound: dict[str, Any] = {}  # what was there before, by name
        self._functions: dict[Any, str] = {}
        # of tensors, none of which is held for being written down: name, or what it is a view of
        self._names = WeakIdKeyDictionary()
        self._roots: dict[tuple[StorageWeakRef, torch.dtype], _View] = {}
        self._views: dict[_View, str] = {}
        # the first tensor that has come about with the memory of one, by name
        self._first: dict[StorageWeakRef, str] = {}
        self._owners: dict[str, str] = {}
        # memory that was there, and that was not; what is gone keeps its address from others
        self._before: set[StorageWeakRef | None] = {None}
        self._since: set[StorageWeakRef | None] = set()
        self._made = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Return False: for torch.compile to skip it, torch would load its compiler, a second."""
        return False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        """Do an operation, and write it down."""
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if self.pauses:
            return result
        if func._schema.name in RENAMED:
            self._names[result] = self._known(args[0])
            return result
        if self._has_noted_views(func, args, result):
            return result
        read: list[str] = []
        given = [self._text(value, read) for value in args]
        given += [f"{key}={self._text(value, read)}" for key, value in kwargs.items()]
        text = f"{self._function(func)}({', '.join(given)})"
        made = self._news(func, result)
        if made:
            text = f"{', '.join(made)}{',' if isinstance(result, list | tuple) else ''} = {text}"
        if _returns_as_much_as_numbers_tell(func, args):
            self._refusal = f"how much {func} returns depends on numbers"
        alone = [self._owners.get(name) == name for name in made]  # each with its memory
        shares = [name in self._owners and self._owners[name] != name for name in made]
        views = bool(made) and all(shares) and not func._schema.is_mutable
        written = into(func, given, made[0], result, self._function) if alone == [True] else None
        self._calls.append(Call(text, made, read, views, written))
        return result

    def _has_noted_views(self, func: Any, args: Sequence[Any], result: Any) -> bool:
        """Note the views that an operation has made, if it has made nothing else; tell whether.

        They are made when an operation reads them.
        """
        if func._schema.is_mutable:
            self._check_layouts(func, result)
            return False
        for arg in args:
            if isinstance(arg, Tensor):
                self._known(arg)
        made = result if isinstance(result, list | tuple) else [result]
        roots = [self._root_of(one) for one in made]
        for one, root in zip(made, roots, strict=True):
            if root is None or one in self._names:
                return False
            view = _View.of(one, root.root)
            self._names[one] = root.root if view == root else view
        return True

    def _check_layouts(self, func: Any, result: Any) -> None:
        """Refuse what changes how a tensor lies in memory: views of it are made by how it lay."""
        moved = torch.Tag.inplace_view in func.tags
        for one in result if isinstance(result, list | tuple) else [result]:
            if isinstance(one, Tensor) and one in self._names:
                root = self._root_of(one)
                if root is not None and self._names[one] == root.root:
                    moved |= _View.of(one, root.root) != root
        if moved:
            self._refusal = f"{func} changes how a tensor lies in memory"

    def _root_of(self, tensor: Any) -> _View | None:
        """Return the first tensor that has come about of those with its memory and dtype."""
        if not isinstance(tensor, Tensor) or (memory := _memory_of(tensor)) is None:
            return None
        if not _shows_its_memory(tensor):
            return None
        return self._roots.get((memory, tensor.dtype))

    def _news(self, func: Any, result: Any) -> list[str]:
        """Return the names, all new, of the tensors that an operation has made."""
        if isinstance(result, Tensor) and result in self._names:
            return []  # it has changed what it was given
        names = []
        for one in result if isinstance(result, list | tuple) else [result]:
            names.append(self._new())
            if isinstance(one, Tensor):
                self._add(one, names[-1])
                self._since.update({_memory_of(one)} - self._before)
            elif one is not None:
                self._refusal = f"{func} returns numbers, and what is done next may depend on them"
        return names

    def _add(self, tensor: Tensor, name: str) -> None:
        self._names[tensor] = name
        if (memory := _memory_of(tensor)) is not None:
            self._owners[name] = self._first.setdefault(memory, name)
            if _shows_its_memory(tensor):
                self._roots.setdefault((memory, tensor.dtype), _View.of(tensor, name))

    def _known(self, tensor: Tensor) -> str | _View:
        """Return the name of a tensor, or what it is a view of."""
        if tensor not in self._names:  # it was there before
            self._before.add(memory := _memory_of(tensor))
            if memory in self._since:
                self._refusal = "a tensor has come about in a way that no operation tells of"
            self._add(tensor, self._bind(tensor))
        known: str | _View = self._names[tensor]
        return known

    def _name(self, tensor: Tensor) -> str:
        """Return the name of a tensor that is read or changed now."""
        known = self._known(tensor)
        if isinstance(known, str):
            return known
        if known not in self._views:
            root, *how = known
            if root in self._bound:
                name = self._bind(self._bound[root].detach().as_strided(*how))
            else:
                name = self._new()
                # a method takes a third of the time of the operation
                text = f"{name} = {root}.as_strided({', '.join(map(repr, how))})"
                self._calls.append(Call(text, [name], [root], views=True))
                self._owners[name] = self._owners[root]
            self._views[known] = name
        return self._views[known]

    def _new(self) -> str:
        self._made += 1
        return f"v{self._made}"

    def _bind(self, value: Any) -> str:
        name = f"k{len(self._bound)}"
        self._bound[name] = value
        return name

    def _function(self, func: Any) -> str:
        if func not in self._functions:
            self._functions[func] = self._bind(called_as(func))
        return self._functions[func]

    def _text(self, value: Any, read: list[str]) -> str:
        """Return what an operation is given, in Python; names of tensors are added to ``read``."""
        if isinstance(value, Tensor):
            read.append(self._name(value))
            return read[-1]
        if isinstance(value, list | tuple):
            return f"[{', '.join(self._text(one, read) for one in value)}]"
        if type(value) in (bool, int, str, type(None)):
            return repr(value)
        if isinstance(value, float) and math.isfinite(value):
            return repr(value)
        return self._bind(value)

    def played(self, made: Any, workspace: Workspace) -> Step:
        """Return what makes the step again; see ``taped``."""
        if self._refusal is not None:
            raise RecordingError(self._refusal)
        wanted: list[str] = []
        values = self._text(made, wanted)
        calls, bound = placed(self._calls, self._bound, self._owners, wanted, workspace)
        return function_of(calls, bound, values, wanted)


def _returns_as_much_as_numbers_tell(func: Any, args: Sequence[Any]) -> bool:
    """Tell whether the shape of what an operation returns depends on numbers that it is given."""
    if func is torch.ops.aten.index.Tensor:  # by places as many as there are places, by masks not
        return any(one is not None and one.dtype in _MASKS for one in args[1])
    return torch.Tag.dynamic_output_shape in func.tags


def _shows_its_memory(tensor: Tensor) -> bool:
    """Tell whether its numbers are those in its memory, and not their conjugates or negatives."""
    return not (tensor.is_conj() or tensor.is_neg())


def _memory_of(tensor: Tensor) -> StorageWeakRef | None:
    """Return a name of what holds a tensor's numbers; None where torch does not tell."""
    if tensor.layout != torch.strided:
        return None
    return StorageWeakRef(tensor.untyped_storage())  # type: ignore[no-untyped-call]
