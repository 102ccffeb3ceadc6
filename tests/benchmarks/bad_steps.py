"""Steps that go wrong, for tests of the runner. They need no torch."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import Any

from benchmarks.gpu_check.step import Where


def fine(where: Where, number: int = 1) -> dict[str, Any]:
    return {"number": number, "device": where.device}


def fails(where: Where) -> dict[str, Any]:
    raise RuntimeError("CUDA error: an illegal memory access\nand more")


def lacks(where: Where) -> dict[str, Any]:
    import a_module_that_nobody_has  # type: ignore[import-not-found]

    return {"module": str(a_module_that_nobody_has)}


def needs_a_wheel(where: Where) -> dict[str, Any]:
    import tiny_wheel_of_a_test  # type: ignore[import-not-found]

    return {"number": tiny_wheel_of_a_test.NUMBER}


def hangs(where: Where) -> dict[str, Any]:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    (where.folder / "child").write_text(str(child.pid))
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(600)
    return {}


def is_killed(where: Where) -> dict[str, Any]:
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


def ends(where: Where) -> dict[str, Any]:
    print("Segmentation fault somewhere", flush=True)
    os._exit(3)
