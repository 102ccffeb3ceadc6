"""Read pickles of plain values and numpy arrays without running any code that they contain.

CIFAR's original files are pickles, and a pickle can run any code when it is loaded. Here only the types
that those files need are allowed: dictionaries, lists, text, numbers and numpy arrays.
"""

from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np

_RECONSTRUCT = np.empty(0).__reduce__()[0]
_ADMITTED: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ADMITTED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is not allowed") from None


def loads(data: bytes) -> Any:
    """Return the value in a pickle of plain values and numpy arrays.

    Args:
        data: The pickle. Text that Python 2 wrote is read as Latin-1.

    Raises:
        pickle.UnpicklingError: If the pickle is damaged or asks for anything else.
    """
    try:
        return _Unpickler(io.BytesIO(data), encoding="latin1").load()
    except pickle.UnpicklingError:
        raise
    # A damaged pickle can make the unpickler, or the allowed numpy calls, fail with any error.
    except Exception as error:
        raise pickle.UnpicklingError(f"it is damaged: {error}") from error
