"""Reads a pickle that holds only plain values and numpy arrays, and runs nothing else.

CIFAR's original files are pickles, and a pickle can run any code when it is loaded. Here only what those files need is
admitted: dictionaries, lists, text, numbers and numpy arrays.
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
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is not admitted") from None


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
    # A damaged pickle can make the machine, or the numpy calls that it is allowed, fail in any way.
    except Exception as error:
        raise pickle.UnpicklingError(f"it is damaged: {error}") from error
