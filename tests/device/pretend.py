"""A CUDA device that pretends, for machines without one: tensors say `cuda:0` and hold real numbers on the CPU.

    with PretendedCuda() as device:
        x = torch.ones(2, device="cuda")   # x.device is cuda:0
        float(x.sum())
    device.waits                           # {"tests/example.py:3 _local_scalar_dense": 1}

It is strict where CUDA is strict: it raises on tensors of two devices in one operation, on generators of the wrong
device, on `numpy()` and on autocast of the CPU. It counts what would be launched, and where the host would wait.
docs/gpus_and_containers.md says what it cannot show.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

from tests.device import patches, rules

CUDA, CPU = torch.device("cuda", 0), torch.device("cpu")
ROOT = str(Path(__file__).parents[2])
HERE = {str(Path(__file__).with_name(name)) for name in ("pretend.py", "patches.py", "graphs.py")}


class Pretended(Tensor):
    """A tensor on the pretended device.

    Attributes:
        inner: Its numbers, on the CPU.
    """

    inner: Tensor
    # For C++ it is on the CPU, because torch without CUDA has no streams or guards for another device. Python is told
    # otherwise.
    device = property(lambda self: CUDA)  # type: ignore[assignment]
    is_cuda = property(lambda self: True)  # type: ignore[assignment]
    is_cpu = property(lambda self: False)  # type: ignore[assignment]
    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @staticmethod
    def __new__(cls, inner: Tensor) -> Pretended:
        strided = inner.layout == torch.strided
        shape = {"strides": inner.stride(), "storage_offset": inner.storage_offset()} if strided else {}
        made = Tensor._make_wrapper_subclass(
            cls, inner.size(), dtype=inner.dtype, layout=inner.layout, device=CPU, requires_grad=False, **shape
        )
        made.inner = inner
        return made

    @classmethod
    def __torch_dispatch__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return PretendedCuda.entered().run(function, args, kwargs or {})

    def cpu(self) -> Tensor:  # type: ignore[override]
        return self.to(CPU)

    def numpy(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() to copy the tensor first")

    def tolist(self) -> Any:
        PretendedCuda.entered().note_wait("tolist")
        return self.inner.tolist()

    def __repr__(self) -> str:  # type: ignore[override]
        return f"Pretended({self.inner!r})"


class PretendedCuda(TorchDispatchMode):
    """While it is entered, there is a CUDA device. One at a time, and its tensors cannot be used outside of it.

    Attributes:
        operations: How often each kind of operation ran on the device, by `file:line name`.
        waits: How often the host waited for the device, by `file:line reason`.
        random: torch's default generator for the device.
        capturing: Whether a graph is being captured.
    """

    _entered: ClassVar[PretendedCuda | None] = None

    def __init__(self) -> None:
        super().__init__()
        self.operations: Counter[str] = Counter()
        self.waits: Counter[str] = Counter()
        self.random = torch._C.Generator("cpu")
        self.capturing = False

    @classmethod
    def entered(cls) -> PretendedCuda:
        """Return the one that is entered."""
        if cls._entered is None:
            raise RuntimeError("a tensor of a pretended device is used outside of PretendedCuda")
        return cls._entered

    def __enter__(self) -> PretendedCuda:
        if PretendedCuda._entered is not None:
            raise RuntimeError("there is a pretended device already")
        with ExitStack() as stack:
            patches.apply(self, stack)
            super().__enter__()
            self._stack = stack.pop_all()
        PretendedCuda._entered = self
        return self

    def __exit__(self, *error: Any) -> None:
        PretendedCuda._entered = None
        super().__exit__(*error)
        self._stack.close()

    def reset(self) -> None:
        """Begin to count anew."""
        self.operations.clear()
        self.waits.clear()

    def note_wait(self, reason: str) -> None:
        """Count that the host waits here.

        Raises:
            RuntimeError: In the words of torch, while a graph is captured.
        """
        if self.capturing:
            raise RuntimeError(f"operation not permitted when stream is capturing ({place_in_code()} {reason})")
        self.waits[f"{place_in_code()} {reason}"] += 1

    def move(self, tensor: Tensor, to_device: bool, queued: bool = False) -> Tensor:
        """Return a copy on the other side; `queued`: from page-locked memory and without waiting."""
        if self.capturing:
            raise RuntimeError(f"a copy between host and device while a graph is captured ({place_in_code()})")
        if not queued:
            self.note_wait("copy from memory that is not page-locked" if to_device else "copy to the CPU")
        self.operations[f"{place_in_code()} _to_copy"] += 1
        return Pretended(tensor.clone()) if to_device else tensor.inner.clone()  # type: ignore[attr-defined]

    def wrap(self, inner: Tensor) -> Pretended:
        """Return a tensor on the device that holds these numbers."""
        return Pretended(inner)

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return self.run(function, args, kwargs or {})

    def run(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Check, count and run an operation; on CPU tensors alone it just runs."""
        values, spec = tree_flatten((args, kwargs))
        tensors = [value for value in values if isinstance(value, Tensor)]
        operation = rules.Operation(
            function.overloadpacket.__name__,
            args,
            kwargs,
            [tensor for tensor in tensors if isinstance(tensor, Pretended)],
            [tensor for tensor in tensors if not isinstance(tensor, Pretended)],
            [patches.device_of(value) for value in values if isinstance(value, torch._C.Generator)],
            None if kwargs.get("device") is None else torch.device(kwargs["device"]),
        )
        rules.refuse(operation)
        if operation.runs_on == "cpu":
            return function(*args, **kwargs)
        if reason := rules.wait(operation):
            self.note_wait(reason)
        if operation.name not in rules.NO_KERNEL:
            self.operations[f"{place_in_code()} {operation.name}"] += 1
        inner_args, inner_kwargs = tree_unflatten([_inner(value) for value in values], spec)
        inner_kwargs.pop("pin_memory", None)
        default = torch.Tag.nondeterministic_seeded in function.tags and not operation.sources
        found = self._randomly(function, inner_args, inner_kwargs) if default else function(*inner_args, **inner_kwargs)
        if operation.name == "copy_" and not isinstance(args[0], Pretended):
            return args[0]
        # An operation in place gives back the tensor that it was given.
        known = {id(tensor.inner): tensor for tensor in operation.device}  # type: ignore[attr-defined]
        return tree_map(lambda value: _outer(value, known), found)

    def _randomly(self, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Run an operation that draws from the default generator; the device has one of its own."""
        host = torch.default_generator.get_state()
        torch.default_generator.set_state(self.random.get_state())
        found = function(*args, **kwargs)
        self.random.set_state(torch.default_generator.get_state())
        torch.default_generator.set_state(host)
        return found


def place_in_code() -> str:
    """Return `file:line` of the innermost line of the project that is being run."""
    frame = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(ROOT) and name not in HERE and "/.venv/" not in name:
            return f"{name[len(ROOT) + 1 :]}:{frame.f_lineno}"
        frame = frame.f_back  # type: ignore[assignment]
    return "?"


def _inner(value: Any) -> Any:
    if isinstance(value, Pretended):
        return value.inner
    return CPU if isinstance(value, torch.device) else value


def _outer(value: Any, known: dict[int, Tensor]) -> Any:
    if not isinstance(value, Tensor) or isinstance(value, Pretended):
        return value
    return known[id(value)] if id(value) in known else Pretended(value)
