"""The process of one step: runs it, and writes what it found as JSON."""

from __future__ import annotations

import argparse
import json
import sys
import traceback
from pathlib import Path
from typing import Any

from benchmarks.gpu_check.step import Step, Where


def main() -> None:
    """Run the step that the command line describes as JSON; the parent reads the file `--result`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--step", type=json.loads, required=True)
    parser.add_argument("--where", type=json.loads, required=True)
    parser.add_argument("--result", type=Path, required=True)
    given = parser.parse_args()
    step = Step(**given.step | {"options": tuple(given.step["options"])})
    where = Where(**given.where | {"folder": Path(given.where["folder"])})
    found: dict[str, Any]
    try:
        found = {"status": "ok", "found": step.measure(where)}
    except ModuleNotFoundError as error:
        found = {"status": "missing", "detail": str(error.name or error)}
    except Exception as error:
        traceback.print_exc()
        lines = str(error).strip().splitlines() or [""]
        found = {"status": "failed", "detail": f"{type(error).__name__}: {lines[0]}"[:300]}
    given.result.write_text(json.dumps(found), encoding="utf-8")
    sys.exit(found["status"] == "failed")


if __name__ == "__main__":
    main()
