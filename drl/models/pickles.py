"""Look into a checkpoint of torch.save before torch does: its unpickler has no bounds.

A tuple of the same tuple twice, and so on sixty times, takes a few hundred bytes. As the key of a mapping it must be
hashed, which takes 2^60 steps.
"""

from __future__ import annotations

import io
import pickletools
import zipfile
from pathlib import Path
from typing import IO, Any

from drl.data.regular import open_regular
from drl.errors import UserError

MOST_BYTES = 2**24  # of what names and arranges the tensors; a checkpoint of thousands of tensors has 1 MB
MOST_NESTED = 16  # tuples in tuples; torch itself uses three
PICKLES = 5  # in a row, in torch's old format, before the tensors
AGAIN = "download it again"
MARK = pickletools.markobject
TUPLES = ("TUPLE", "TUPLE1", "TUPLE2", "TUPLE3")
PUTS = ("PUT", "BINPUT", "LONG_BINPUT")
GETS = ("GET", "BINGET", "LONG_BINGET")


def check_pickles(checkpoint: Path) -> None:
    """Refuse a checkpoint that torch could not read in bounded time and memory; torch itself names a damaged one.

    Raises:
        UserError: If its parts are compressed, which torch never does, since they may be a thousand times larger; or if
            it holds tuples that are nested too deep, or too many names.
    """
    if not checkpoint.is_file():
        return
    with open_regular(checkpoint) as file:
        try:
            packed = zipfile.ZipFile(file)
        except Exception:  # it is in torch's old format, or damaged
            file.seek(0)
            for _ in range(PICKLES):
                _check(file, checkpoint)
            return
        with packed:
            entries = packed.infolist()
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
                raise UserError(f"{checkpoint}: its parts are compressed, which torch.save never does; {AGAIN}")
            for entry in entries:
                if entry.filename.endswith(".pkl"):
                    if entry.file_size > MOST_BYTES:
                        raise UserError(f"{checkpoint}: its names take more than {MOST_BYTES:,} bytes; {AGAIN}")
                    _check(io.BytesIO(packed.read(entry)), checkpoint)


def _check(stream: IO[bytes], checkpoint: Path) -> None:
    try:
        deepest = nested(stream)
    except Exception:  # it is damaged, or no pickle: torch says so
        return
    if deepest > MOST_NESTED:
        raise UserError(f"{checkpoint}: has tuples in tuples, more than {MOST_NESTED} deep; {AGAIN}")


def nested(stream: IO[bytes]) -> int:
    """Return how deep tuples are nested in one pickle, at most; nothing is unpickled.

    Raises:
        Exception: If it is no pickle.
    """
    stack, memo, deepest = list[Any](), dict[int, int](), 0
    argument: Any
    for operation, argument, _ in pickletools.genops(stream):
        if operation.name in PUTS:
            memo[int(argument)] = stack[-1]
        elif operation.name == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif operation.name in GETS:
            stack.append(memo[int(argument)])
        else:
            inside = 0
            for taken in reversed(operation.stack_before):
                if taken is pickletools.stackslice:
                    continue
                while (top := stack.pop()) is not MARK:
                    inside = max(inside, top)
                    if taken is not MARK:
                        break
            inside += operation.name in TUPLES
            deepest = max(deepest, inside)
            stack += [MARK if made is MARK else inside for made in operation.stack_after]
    return deepest
