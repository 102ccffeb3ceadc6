"""The graph of rules: from what Snakemake prints of the Snakefile to a picture."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from html import escape
from pathlib import Path

from drl.docs.markdown import title
from drl.errors import UserError
from drl.pipeline.items import ITEMS

ROOT = Path(__file__).resolve().parents[2]
Graph = Mapping[str, frozenset[str]]
# Pixels.
LINE, LETTER, PAD, GAP, COLUMN_GAP, MARGIN = 17, 7.83, 10, 12, 70, 12
DRAWING, TARGET = "draw", "all"
STYLE = (
    "text{font:13px ui-monospace,Menlo,Consolas,monospace;fill:#1f2933}"
    "rect.box{fill:#eef4fb;stroke:#0072b2;stroke-width:1.2}"
    "path{fill:none;stroke:#6b7785;stroke-width:1.3}path.far{stroke:#c9d1d9}"
)


def printed_by_snakemake(folder: Path = ROOT) -> str:
    """Return the rule graph of `all` in the dot language, as Snakemake prints it.

    Raises:
        UserError: If Snakemake does not succeed.
    """
    command = [sys.executable, "-m", "snakemake", TARGET, "--rulegraph", "dot", "--quiet", "all"]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if run.returncode:
        raise UserError(f"snakemake --rulegraph: {run.stderr.strip() or 'failed'}; mend the Snakefile")
    return run.stdout


def read_dot(text: str) -> Graph:
    """Return what each rule needs, from Snakemake's dot, without the target, which needs all that is made."""
    names = dict(re.findall(r'^\s*(\d+)\[label = "([^"\\]+)', text, flags=re.M))
    needs: dict[str, set[str]] = {name: set() for name in names.values()}
    for before, after in re.findall(r"^\s*(\d+) -> (\d+)", text, flags=re.M):
        needs[names[after]].add(names[before])
    return {name: frozenset(before) for name, before in needs.items() if name != TARGET}


def drawings_as_one(graph: Graph) -> Graph:
    """Return the graph with one node for all drawings that need the same rules: `draw` and their items, a line each."""
    together: dict[frozenset[str], list[str]] = {}
    for name, needs in graph.items():
        if name.removeprefix("draw_") in ITEMS and name.startswith("draw_"):
            together.setdefault(needs, []).append(name)
    node = {
        name: "\n".join([DRAWING, *_lines(one.removeprefix("draw_") for one in names)])
        for names in together.values()
        for name in names
    }
    return {
        node.get(name, name): frozenset(node.get(before, before) for before in needs) for name, needs in graph.items()
    }


def _lines(items: Iterable[str]) -> list[str]:
    """`figure_4`, `figure_5`, `table_1` -> `Figures 4, 5`, `Table 1`."""
    numbers: dict[str, list[str]] = {}
    for item in sorted(items, key=list(ITEMS).index):
        kind, _, number = item.partition("_")
        kind, number = (kind, number) if number.isdigit() else (item, "")
        numbers.setdefault(kind, []).append(number)
    return [
        f"{title(kind)}{'s' if len(known) > 1 else ''} {', '.join(known)}".strip() for kind, known in numbers.items()
    ]


@dataclass(frozen=True)
class Box:
    """Where a node lies, in pixels."""

    x: float
    y: float
    width: float
    height: float


def _columns(graph: Graph) -> list[list[str]]:
    """Return nodes by the longest way to them, drawings as late as they can be; within a column by what they need."""
    depth: dict[str, int] = {}
    needs = {name: before - {name} for name, before in graph.items()}
    order = tuple(TopologicalSorter(needs).static_order())
    for name in order:
        depth[name] = max((depth[before] + 1 for before in needs[name]), default=0)
    last = max(depth.values())
    for name in reversed(order):
        # Drawings, and what nothing needs, stand side by side, in the last column that they can.
        after = [depth[other] for other in order if name in needs[other]]
        if name.startswith(DRAWING) or not after:
            depth[name] = min(after, default=last + 1) - 1
    columns: list[list[str]] = [[] for _ in range(last + 1)]
    place: dict[str, float] = {}
    for name in graph:
        columns[depth[name]].append(name)
    for column in columns:
        column.sort(key=lambda name: sum(place[before] for before in needs[name]) / max(1, len(needs[name])))
        place |= {name: (k + 0.5) / len(column) for k, name in enumerate(column)}
    return columns


def _boxes(columns: list[list[str]]) -> tuple[dict[str, Box], float, float]:
    """Return where nodes lie, and the picture's width and height."""
    sizes = {
        name: (LETTER * max(map(len, lines)) + 2 * PAD, LINE * len(lines) + 2 * PAD - 4)
        for column in columns
        for name in column
        if (lines := name.split("\n"))
    }
    heights = [sum(sizes[name][1] + GAP for name in column) - GAP for column in columns]
    height, x, boxes = max(heights) + 2 * MARGIN, float(MARGIN), {}
    for column, own in zip(columns, heights, strict=True):
        y, width = (height - own) / 2, max(sizes[name][0] for name in column)
        for name in column:
            boxes[name] = Box(x, y, width, sizes[name][1])
            y += sizes[name][1] + GAP
        x += width + COLUMN_GAP
    return boxes, x - COLUMN_GAP + MARGIN, height


def svg(graph: Graph) -> str:
    """Return a picture of a graph, from left to right; ways that a longer one covers are pale."""
    columns = _columns(graph)
    boxes, width, height = _boxes(columns)
    ways = [(before, name) for name in boxes for before in sorted(graph[name])]
    ways.sort(key=lambda way: not _is_far(graph, *way))
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" role="img">',
        "<title>Rules of the Snakefile, and what each needs</title>",
        f"<style>{STYLE}</style>",
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="white"/>',
    ]
    lines += [_way(boxes[before], boxes[name], _is_far(graph, before, name)) for before, name in ways]
    lines += [_box(name, box) for name, box in boxes.items()]
    return "\n".join([*lines, "</svg>"]) + "\n"


def _is_far(graph: Graph, before: str, name: str) -> bool:
    """Whether there is another way between two nodes."""
    others = list(graph[name] - {name, before})
    seen: set[str] = set()
    while others:
        other = others.pop()
        if other == before:
            return True
        if other not in seen:
            seen.add(other)
            others += graph[other] - {other}
    return False


def _way(start: Box, end: Box, far: bool) -> str:
    if start == end:
        x, y = start.x + start.width / 2, start.y
        return _curve(far, (x - 14, y), (x - 22, y - 22), (x + 22, y - 22), (x + 14, y))
    x_1, y_1 = start.x + start.width, start.y + start.height / 2
    x_2, y_2 = end.x, end.y + end.height / 2
    bend = max(COLUMN_GAP / 2, (x_2 - x_1) / 2)
    return _curve(far, (x_1, y_1), (x_1 + bend, y_1), (x_2 - bend, y_2), (x_2, y_2))


def _curve(far: bool, *points: tuple[float, float]) -> str:
    first, *others = (f"{x:.1f},{y:.1f}" for x, y in points)
    kind = ' class="far"' if far else ""
    return f'<path{kind} d="M{first} C{" ".join(others)}"/>'


def _box(name: str, box: Box) -> str:
    lines = name.split("\n")
    x, y = box.x + PAD, box.y + PAD + 0.62 * LINE
    words = [
        f'<text x="{x:.1f}" y="{y + LINE * k:.1f}"{_weight(k, lines)}>{escape(line)}</text>'
        for k, line in enumerate(lines)
    ]
    size = f'x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}"'
    return f'<rect class="box" {size} rx="5"/>{"".join(words)}'


def _weight(k: int, lines: list[str]) -> str:
    return ' style="font-weight:600"' if k == 0 and len(lines) > 1 else ""
