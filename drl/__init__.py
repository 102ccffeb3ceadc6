"""Diffusion based representation learning: every figure and table of the paper, from images to verdict.

    import drl

    model = drl.load("model.safetensors")
    codes = model.encode(images, t=0.5)

Importing this package never imports torch, so that the Snakefile can read the configuration in a moment: each of the
names below is imported when it is first used. Python's own modules are not imported here either, because
drl/__main__.py first has to remove the present folder from Python's path.
"""

TYPE_CHECKING = False  # type checkers take it for true, as typing's
if TYPE_CHECKING:
    from drl.api.example import example
    from drl.api.model import Model, load
    from drl.api.transformer import CodeTransformer
    from drl.errors import UserError

__version__ = "0.2.0"
__all__ = ["CodeTransformer", "Model", "UserError", "__version__", "example", "load"]

_PLACES = {
    "CodeTransformer": "drl.api.transformer",
    "Model": "drl.api.model",
    "UserError": "drl.errors",
    "example": "drl.api.example",
    "load": "drl.api.model",
}


def __getattr__(name: str) -> object:
    """Import one of the public names when it is first used."""
    import importlib

    if name not in _PLACES:
        raise AttributeError(f"module 'drl' has no attribute {name!r}")
    value = getattr(importlib.import_module(_PLACES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the module's names, with those that are not imported yet."""
    return sorted({*globals(), *__all__})
