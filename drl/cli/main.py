"""Running the command line: bad input ends it with one line and an exit code."""

from __future__ import annotations

import contextlib
import sys

import click
from click.exceptions import ClickException, Exit

# Imported for the commands that they add.
from drl.cli import by_hand, costs, lists, own_images, steps, workflow  # noqa: F401
from drl.cli.extras import missing_in
from drl.cli.group import cli
from drl.errors import Unfinished, UserError

# Messages of errors about full GPU memory. Most are a torch.OutOfMemoryError. But if others have filled the GPU, its
# first use raises another class, and torch.compile wraps the errors that it meets.
FULL = ("CUDA out of memory", "CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED")
REMEDIES = (
    "if other jobs share this GPU, set run.gpu_slots: 1 or choose another one with CUDA_VISIBLE_DEVICES; "
    "run.precision: bf16 needs less, and so does sampling with a smaller run.sampling_batch "
    "(a smaller batch_size in a recipe would change its results)"
)
# The same about the computer's memory, besides MemoryError: torch's words, and the system's. A size that no machine
# could have overflows first.
NO_MEMORY = (
    "can't allocate memory",
    "not enough memory",
    "Cannot allocate memory",
    "Storage size calculation overflowed",
)
LESS = (
    "this needs more memory than there is: give fewer or smaller images (image_size), a smaller network or batch_size, "
    "or use a computer with more"
)
STOPPED = 75  # EX_TEMPFAIL: the state is saved, and the same command continues


def main() -> None:
    """Run the command line; bad input ends it with one line and exit code 2."""
    try:
        cli(standalone_mode=False)
    except UserError as error:
        fail(str(error), 2)
    except ClickException as error:
        fail(error.format_message(), 2)
    except (KeyboardInterrupt, click.Abort):
        fail("interrupted", 130)
    except Exit as error:
        sys.exit(error.exit_code)
    except Unfinished as error:
        fail(str(error), STOPPED)
    except ModuleNotFoundError as error:
        line = missing_in(error, " ".join(sys.argv[1:2]))
        if line is None:
            raise
        fail(line, 2)
    except (RuntimeError, MemoryError) as error:
        if out_of_gpu_memory(error):
            fail(f"{shortly(error)}; {REMEDIES}", 2)
        if not out_of_memory(error):
            raise
        fail(f"{shortly(error) or 'out of memory'}; {LESS}", 2)
    except OSError as error:
        fail(f"{error.filename or 'a file'}: {error.strerror or error}; fix that and run again", 2)


def out_of_memory(error: Exception) -> bool:
    """Whether an error says that the computer's memory is full, or too small for what was asked."""
    return isinstance(error, MemoryError) or any(sign in str(error) for sign in NO_MEMORY)


def out_of_gpu_memory(error: Exception) -> bool:
    """Whether an error says that a GPU's memory is full."""
    # This does not import torch: if torch is not loaded, there is no such error.
    torch = sys.modules.get("torch")
    known = torch is not None and isinstance(error, torch.OutOfMemoryError)
    return known or any(sign in str(error) for sign in FULL)


def shortly(error: Exception) -> str:
    """Return the first two sentences of torch's message: what failed, and how much memory was requested."""
    text = " ".join(str(error).split())
    start = max(0, text.find("CUDA out of memory"), text.find("can't allocate memory"))
    return ". ".join(text[start:].split(". ")[:2])[:300]


def fail(message: str, code: int) -> None:
    """Print one line and exit."""
    # A log on a full disk takes no more lines; the exit code still reports the error.
    with contextlib.suppress(OSError):
        print(f"drl: {' '.join(message.split())}", file=sys.stderr, flush=True)
    sys.exit(code)
