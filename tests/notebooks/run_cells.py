"""Run the code cells of a notebook in order: python run_cells.py NOTEBOOK. Jupyter is not needed."""

import json
import sys
from pathlib import Path


def code_cells(path: Path) -> list[str]:
    """Return the text of a notebook's code cells."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


if __name__ == "__main__":
    names: dict[str, object] = {"__name__": "__main__"}
    for number, text in enumerate(code_cells(Path(sys.argv[1]))):
        exec(compile(text, f"code cell {number}", "exec"), names)
