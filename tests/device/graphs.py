"""CUDA graphs on the pretended device: a capture records operations, and a replay runs them on the same tensors.

As in CUDA, a capture changes nothing: what it computed is undone. It refuses what CUDA refuses (waiting for the device)
and what would be wrong without an error: copies from the host, generators that are not registered, and tensors that are
freed between the capture and a replay. Numbers of the host stay what they were when the step was captured.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

if TYPE_CHECKING:
    from tests.device.pretend import PretendedCuda

Call = tuple[Any, Any, Any, list[Tensor]]


class Tape(TorchDispatchMode):
    """Records the operations on the device while it is entered.

    Attributes:
        calls: Each operation, its arguments (weak references to tensors that are older than the tape), and its results.
    """

    def __init__(self, cuda: PretendedCuda, registered: list[torch._C.Generator]) -> None:
        super().__init__()
        self.cuda, self.registered = cuda, registered
        self.calls: list[Call] = []
        self.made: set[int] = set()
        self.kept: dict[int, tuple[Any, Any]] = {}

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        values = tree_flatten((args, kwargs or {}))[0]
        given = [value for value in values if _pretends(value)]
        if function.overloadpacket.__name__ in ("copy_", "_to_copy") and given and len(given) < _tensors(values):
            raise RuntimeError("a copy between host and device while a graph is captured")
        for tensor in given:
            self._keep(tensor)
        found = function(*args, **(kwargs or {}))
        outs = [value for value in tree_flatten(found)[0] if _pretends(value)]
        if given or outs:
            for source in (value for value in values if isinstance(value, torch._C.Generator)):
                self._check(source)
            self._record(function, args, kwargs or {}, given, outs)
        return found

    def _check(self, source: torch._C.Generator) -> None:
        if all(source._cdata != known._cdata for known in self.registered):  # type: ignore[attr-defined]
            raise RuntimeError("Attempt to increase offset for a CUDA generator not in capture mode")

    def _keep(self, tensor: Any) -> None:
        """Remember what an older tensor holds before the first operation that uses it."""
        storage = tensor.inner.untyped_storage()
        if storage.data_ptr() not in self.made and storage.data_ptr() not in self.kept:
            self.kept[storage.data_ptr()] = (storage, storage.clone())

    def _record(self, function: Any, args: Any, kwargs: Any, given: list[Any], outs: list[Any]) -> None:
        before = {_address(tensor) for tensor in given}
        if outs and all(_address(out) in before and all(out is not tensor for tensor in given) for out in outs):
            # Views of the same memory stay what they are.
            return
        fresh = [out for out in outs if _address(out) not in before]
        self.made.update(map(_address, fresh))
        self.calls.append((function, *tree_map(self._hold, (args, kwargs)), fresh))

    def _hold(self, value: Any) -> Any:
        old = _pretends(value) and _address(value) in self.kept
        # Not to the wrapper, because torch refuses to swap a weight that has such a reference.
        return weakref.ref(value.inner) if old and not value._is_view() else value

    def _held(self, value: Any) -> Any:
        if not isinstance(value, weakref.ref):
            return value
        inner = value()
        if inner is None:
            raise RuntimeError("a tensor that a graph uses was freed after the capture")
        return self.cuda.wrap(inner)

    def undo(self) -> None:
        """Give the older tensors back what they held."""
        for storage, copy in self.kept.values():
            storage.copy_(copy)

    def replay(self) -> None:
        """Run the operations again, with results in the same places."""
        for function, args, kwargs, outs in self.calls:
            args, kwargs = tree_map(self._held, (args, kwargs))
            found = [value for value in tree_flatten(function(*args, **kwargs))[0] if _pretends(value)]
            before = {_address(value) for value in tree_flatten((args, kwargs))[0] if _pretends(value)}
            fresh = [value for value in found if _address(value) not in before]
            for old, new in zip(outs, fresh, strict=True):
                old.inner.copy_(new.inner)  # type: ignore[attr-defined]


def _pretends(value: object) -> bool:
    # `inner` is also a method of Tensor.
    return isinstance(value, Tensor) and isinstance(value.inner, Tensor)  # type: ignore[attr-defined]


def _address(tensor: Any) -> int:
    address: int = tensor.inner.untyped_storage().data_ptr()
    return address


def _tensors(values: list[Any]) -> int:
    return sum(isinstance(value, Tensor) for value in values)


class Graph:
    """In place of torch.cuda.CUDAGraph.

    Attributes:
        registered: Its generators.
        replays: How often it ran.
    """

    def __init__(self) -> None:
        self.registered: list[torch._C.Generator] = []
        self.tape: Tape | None = None
        self.replays = 0

    def register_generator_state(self, source: torch._C.Generator) -> None:
        self.registered.append(source)

    def replay(self) -> None:
        assert self.tape is not None
        self.replays += 1
        with torch.no_grad():
            self.tape.replay()


class Stream:
    """In place of torch.cuda.Stream: there is only one order here."""

    def __init__(self, device: Any = None) -> None:
        self.device = device

    def wait_stream(self, other: Stream) -> None:
        assert isinstance(other, Stream)


def functions(cuda: PretendedCuda) -> dict[str, Any]:
    """Return what takes the place of torch.cuda's attributes."""

    @contextmanager
    def capture(made: Graph, stream: Stream | None = None) -> Iterator[None]:
        tape = Tape(cuda, made.registered)
        drawn = [(source, source.get_state()) for source in (*made.registered, cuda.random)]
        cuda.capturing = True
        try:
            with tape:
                yield
        finally:
            cuda.capturing = False
            tape.undo()
            for source, state in drawn:
                source.set_state(state)
        made.tape = tape

    default = SimpleNamespace(clone_state=cuda.random.get_state, graphsafe_set_state=cuda.random.set_state)
    return {
        "Stream": Stream,
        "stream": lambda stream: nullcontext(),
        "current_stream": lambda device=None: Stream(),
        "CUDAGraph": Graph,
        "graph": capture,
        "default_generators": (default,),
    }
