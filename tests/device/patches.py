"""What is replaced in torch while a pretended device is there, because C++ takes its tensors for tensors of the CPU."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor
from torch.optim import optimizer
from torch.utils import _foreach_utils

from tests.device import graphs

if TYPE_CHECKING:
    from tests.device.pretend import PretendedCuda

CUDA = torch.device("cuda", 0)


class Generator(torch._C.Generator):
    """A generator of the CPU that may say it is one of CUDA."""

    # By the address of the C++ object: C++ gives operations another Python object for it. Addresses are used again, but
    # then by the next generator, which enters its own device here.
    said: ClassVar[dict[int, torch.device]] = {}

    def __new__(cls, device: Any = "cpu") -> Generator:
        made = super().__new__(cls, "cpu")
        cls.said[made._cdata] = torch.device(device)
        return made

    device = property(lambda self: device_of(self))  # type: ignore[assignment]

    def clone_state(self) -> Tensor:  # type: ignore[override]
        return self.get_state()

    def graphsafe_set_state(self, state: Tensor) -> Any:  # type: ignore[override]
        return self.set_state(state)


def device_of(source: torch._C.Generator) -> torch.device:
    """Return the device that a generator says it is on."""
    return Generator.said.get(source._cdata, torch.device("cpu"))  # type: ignore[attr-defined]


class _Crossing(torch.autograd.Function):
    """A copy to the other side, and of its gradient back."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor, cuda: PretendedCuda, to_device: bool, queued: bool) -> Any:  # type: ignore[override]
        ctx.cuda, ctx.back = cuda, not to_device
        return cuda.move(tensor, to_device, queued)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:  # type: ignore[override]
        return ctx.cuda.move(gradient, ctx.back), None, None, None


def apply(cuda: PretendedCuda, stack: ExitStack) -> None:
    """Replace all of it until the stack is closed."""

    def patch(owner: Any, **replaced: Any) -> None:
        for name, value in replaced.items():
            stack.callback(setattr, owner, name, getattr(owner, name))
            setattr(owner, name, value)

    Generator.said.clear()
    patch(torch, Generator=Generator, autocast=_autocast(torch.autocast))
    patch(Tensor, to=_to(cuda, Tensor.to), pin_memory=_pinned)
    # Wrappers cannot be views of inference tensors.
    patch(torch.inference_mode, __enter__=_enter_no_grad, __exit__=_exit_no_grad)
    patch(torch.nn.functional, one_hot=_one_hot(torch.nn.functional.one_hot))
    grouped = _grouped(_foreach_utils._group_tensors_by_device_and_dtype)
    for owner in (_foreach_utils, optimizer, torch.nn.utils.clip_grad):
        patch(owner, _group_tensors_by_device_and_dtype=grouped)
    patch(torch.cuda, **_functions_of_cuda(cuda), **graphs.functions(cuda))
    patch(torch, tensor=_made(torch.tensor), as_tensor=_made(torch.as_tensor))
    # Otherwise Module.to would lose the wrappers.
    future = torch.__future__
    stack.callback(future.set_swap_module_params_on_conversion, future.get_swap_module_params_on_conversion())
    future.set_swap_module_params_on_conversion(True)
    patch(torch.nn.Module, load_state_dict=_in_place(torch.nn.Module.load_state_dict))


def _functions_of_cuda(cuda: PretendedCuda) -> dict[str, Any]:
    return {
        "is_available": lambda: True,
        "_lazy_init": lambda: None,
        "is_bf16_supported": lambda *_, **__: True,
        "get_device_name": lambda *_: "pretended",
        "current_device": lambda: 0,
        "device_count": lambda: 1,
        "synchronize": lambda *_: cuda.note_wait("synchronize"),
        "max_memory_reserved": lambda *_: 0,
        "is_current_stream_capturing": lambda: False,
        "get_rng_state": lambda *_: cuda.random.get_state(),
        "set_rng_state": lambda state, *_: cuda.random.set_state(state),
        "manual_seed_all": lambda seed: cuda.random.manual_seed(seed),
    }


def _in_place(real: Any) -> Any:
    """A state is copied into the weights, as on any device; only `Module.to` swaps them."""
    future = torch.__future__

    def load_state_dict(*args: Any, **kwargs: Any) -> Any:
        future.set_swap_module_params_on_conversion(False)
        try:
            return real(*args, **kwargs)
        finally:
            future.set_swap_module_params_on_conversion(True)

    return load_state_dict


def _to(cuda: PretendedCuda, real: Any) -> Any:
    def to(tensor: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        copy = kwargs.pop("copy", False)
        other = kwargs.pop("other", args[0] if args and isinstance(args[0], Tensor) else None)
        if other is not None:
            args, kwargs = (other.device, other.dtype, *args[1:]), kwargs
        device, dtype, non_blocking, layout = torch._C._nn._parse_to(*args, **kwargs)
        to_device = tensor.is_cuda if device is None else device.type == "cuda"
        if to_device != tensor.is_cuda:
            queued = to_device and non_blocking and getattr(tensor, "pinned", False)
            tensor = _Crossing.apply(tensor, cuda, to_device, queued)
        # torch does not take None for "as it is" here.
        rest = {} if layout is None else {"memory_format": layout}
        return real(tensor, tensor.dtype if dtype is None else dtype, copy=copy, **rest)

    return to


def _made(real: Any) -> Any:
    """C++ would ask a GPU for memory; as there, the values are collected on the CPU and copied."""

    def make(values: Any, *, dtype: Any = None, device: Any = None, **kwargs: Any) -> Tensor:
        made: Tensor = real(values, dtype=dtype, **kwargs)
        return made if device is None else made.to(device)

    return make


def _pinned(tensor: Tensor, *_: Any) -> Tensor:
    if tensor.is_cuda:
        raise RuntimeError("cannot pin a tensor of cuda:0, only dense CPU tensors can be pinned")
    made = tensor.clone()
    made.pinned = True  # type: ignore[attr-defined]
    return made


def _autocast(real: Any) -> Any:
    def autocast(device_type: str, *args: Any, **kwargs: Any) -> Any:
        if device_type == "cpu" and kwargs.get("enabled", True):
            raise RuntimeError("autocast of the CPU, which changes nothing on cuda:0")
        return real("cpu", *args, **kwargs)

    return autocast


def _enter_no_grad(self: Any) -> None:
    self.instead = torch.no_grad() if self.mode else torch.enable_grad()
    self.instead.__enter__()


def _exit_no_grad(self: Any, *error: Any) -> None:
    self.instead.__exit__(*error)


def _one_hot(real: Any) -> Any:
    """C++ compares with the range unless the tensor is on CUDA, where nothing is read."""

    def one_hot(values: Tensor, num_classes: int = -1) -> Tensor:
        if not values.is_cuda or num_classes < 0:
            return real(values, num_classes)
        return (values[..., None] == torch.arange(num_classes, device=CUDA)).long()

    return one_hot


def _grouped(real: Any) -> Any:
    """C++ groups the tensors of an optimiser by the device that it sees."""

    def group(lists: Any, with_indices: bool = False) -> Any:
        return {(_device_of(part), key[1]): part for key, part in real(lists, with_indices).items()}

    return group


def _device_of(part: Any) -> torch.device:
    device: torch.device = next(tensor for tensor in part[0][0] if tensor is not None).device
    return device
