"""The graph of rules: Snakemake prints it, Graphviz draws it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from pygraphviz import AGraph

from drl.config.project import CODE
from drl.docs.markdown import title
from drl.docs.paper import ITEMS
from drl.errors import UserError

DRAWING, TARGET = "draw", "all"


def printed_by_snakemake(folder: Path = CODE) -> str:
    """Return the rule graph of `all` in the dot language, as Snakemake prints it.

    Raises:
        UserError: If Snakemake does not succeed.
    """
    command = [sys.executable, "-m", "snakemake", TARGET, "--rulegraph", "dot", "--quiet", "all"]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if run.returncode:
        raise UserError(f"snakemake --rulegraph: {run.stderr.strip() or 'failed'}; fix the Snakefile")
    return run.stdout


def rule_graph(dot: str) -> AGraph:
    """Return the rules by name, and the rules that each needs directly, from Snakemake's dot output.

    The target is left out, because it needs all rules. Drawings that need the same rules are one node: `draw` and
    their items. Edges that a longer path implies are left out.
    """
    printed = AGraph(string=dot)
    name = {node: node.attr["label"].split("\\n")[0] for node in printed.nodes()}
    together: dict[frozenset[str], list[str]] = {}
    for node, label in name.items():
        if label.removeprefix("draw_") in ITEMS and label.startswith("draw_"):
            needs = frozenset(name[before] for before in printed.predecessors(node))
            together.setdefault(needs, []).append(label.removeprefix("draw_"))
    for items in together.values():
        label = "\n".join([DRAWING, *_lines(items)])
        name |= {node: label for node, known in name.items() if known.removeprefix("draw_") in items}
    edges = {(name[before], name[after]) for before, after in printed.edges() if name[after] != TARGET}
    graph = AGraph(directed=True)
    graph.add_nodes_from(sorted(set(name.values()) - {TARGET}))
    graph.add_edges_from(sorted((before, after) for before, after in edges if before != after))
    reduced = graph.tred(copy=True)
    # Reduction needs a graph without cycles; edges of a rule that needs itself, such as pretrain, are added again.
    reduced.add_edges_from(sorted((before, after) for before, after in edges if before == after))
    return reduced


def svg(graph: AGraph) -> str:
    """Return a picture of a graph, from left to right."""
    graph.graph_attr.update(rankdir="LR", label="", tooltip="Rules of the Snakefile, and what each needs")
    graph.node_attr.update(
        shape="box", style="rounded,filled", fillcolor="#eef4fb", color="#0072b2", fontname="monospace", fontsize="11"
    )
    graph.edge_attr.update(color="#6b7785", arrowsize="0.6")
    picture: bytes = graph.draw(format="svg", prog="dot")
    return picture.decode()


def _lines(items: Iterable[str]) -> list[str]:
    """`figure_4`, `figure_5`, `table_1` -> `Figures 4, 5`, `Table 1`."""
    numbers: dict[str, list[str]] = {}
    for item in sorted(items, key=list(ITEMS).index):
        kind, _, number = item.partition("_")
        kind, number = (kind, number) if number.isdecimal() else (item, "")
        numbers.setdefault(kind, []).append(number)
    return [
        f"{title(kind)}{'s' if len(known) > 1 else ''} {', '.join(known)}".strip() for kind, known in numbers.items()
    ]
