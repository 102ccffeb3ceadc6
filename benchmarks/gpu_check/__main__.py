"""Check and time everything on this machine's GPU, in a few minutes, step by step.

    python -m benchmarks.gpu_check --budget 480 --out FOLDER [--wheels FOLDER]
    python -m benchmarks.gpu_check --device cpu --tiny --out FOLDER    # tries the script itself, without a GPU

Each step is a process of its own, with one printed line and one row in FOLDER/rows.jsonl; its log is in FOLDER. A step
that fails, hangs or is killed costs only its own row. The table at the end (FOLDER/table.md) compares with the goals.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from benchmarks.gpu_check.runner import Row, in_words, run_all
from benchmarks.gpu_check.step import STEPS, Step, Where
from benchmarks.gpu_check.table import table
from benchmarks.gpu_check.wheels import NEEDED, unpack


def main(arguments: Sequence[str] | None = None, steps: Sequence[Step] = STEPS) -> int:
    """Run the steps that are chosen; return 1 if one failed.

    Args:
        arguments: Words of the command line; None: the process's.
        steps: The steps to choose from.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budget", type=float, default=480.0, help="seconds for all steps (default: %(default)s)")
    parser.add_argument("--out", type=Path, required=True, help="folder for rows, table and logs")
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--tiny", action="store_true", help="the smallest networks, to try the script")
    parser.add_argument("--wheels", type=Path, help="folder with wheels of packages that are not installed")
    parser.add_argument("--only", nargs="+", metavar="STEP", help="only steps whose names begin so")
    given = parser.parse_args(arguments)
    chosen = [step for step in steps if not given.only or step.name.startswith(tuple(given.only))]
    out = given.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    packages = None
    if given.wheels:
        packages = out / "packages"
        print("unpacked:", ", ".join(unpack(given.wheels, packages)) or "nothing that is missing here")
    sys.path += [] if packages is None else [str(packages)]
    missing = [name for name in NEEDED if find_spec(name) is None]
    print("missing packages:", ", ".join(missing) or "none", flush=True)
    rows: list[Row] = []
    with (out / "rows.jsonl").open("w", encoding="utf-8") as file:
        for row in run_all(chosen, Where(given.device, given.tiny, out), given.budget, packages):
            rows.append(row)
            file.write(json.dumps(row) + "\n")
            file.flush()
            print(in_words(row), flush=True)
    for name in sorted({row["detail"] for row in rows if row["status"] == "missing"}):
        cost = [row["step"] for row in rows if row["status"] == "missing" and row["detail"] == name]
        print(f"without {name} there is no: {'; '.join(cost)}")
    text = table(rows)
    (out / "table.md").write_text(text, encoding="utf-8")
    print("\n" + text)
    return int(any(row["status"] in ("failed", "hung", "killed") for row in rows))


if __name__ == "__main__":
    sys.exit(main())
