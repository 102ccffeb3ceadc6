import subprocess
import xml.etree.ElementTree as ET

import pytest

from drl.docs import rule_graph as module
from drl.docs.rule_graph import printed_by_snakemake, rule_graph, svg
from drl.errors import UserError

DOT = """digraph snakemake_dag {
    node[shape=box, fontsize=10];
	0[label = "all", color = "0.00 0.6 0.85", style="rounded"];
	1[label = "draw_figure_4", color = "0.12 0.6 0.85", style="rounded"];
	2[label = "draw_figure_5", color = "0.12 0.6 0.85", style="rounded"];
	3[label = "draw_code_usage", color = "0.12 0.6 0.85", style="rounded"];
	4[label = "probe", color = "0.48 0.6 0.85", style="rounded,dashed"];
	5[label = "pretrain", color = "0.55 0.6 0.85", style="rounded"];
	6[label = "prepare\\ndataset: digits", color = "0.55 0.6 0.85", style="rounded"];
	1 -> 0
	2 -> 0
	3 -> 0
	4 -> 1
	4 -> 2
	5 -> 3
	5 -> 4
	5 -> 5
	6 -> 4
	6 -> 5
	5 -> 0
}
"""


def test_drawings_that_need_the_same_are_one_and_needs_that_a_longer_way_covers_are_left_out():
    graph = rule_graph(DOT)
    assert sorted(graph.nodes()) == ["draw\nCode usage", "draw\nFigures 4, 5", "prepare", "pretrain", "probe"]
    assert sorted(graph.edges()) == [
        ("prepare", "pretrain"),
        ("pretrain", "draw\nCode usage"),
        ("pretrain", "pretrain"),
        ("pretrain", "probe"),
        ("probe", "draw\nFigures 4, 5"),
    ]


def test_the_picture_shows_every_node_and_every_need():
    graph = rule_graph(DOT)
    picture = ET.fromstring(svg(graph))
    groups = [element.get("class") for element in picture.iter("{http://www.w3.org/2000/svg}g")]
    assert groups.count("node") == len(graph.nodes())
    assert groups.count("edge") == len(graph.edges())


def test_a_broken_snakefile_is_named(monkeypatch, tmp_path):
    def fail(*_, **__):
        return subprocess.CompletedProcess([], 1, "", "no rule\n")

    monkeypatch.setattr(module.subprocess, "run", fail)
    with pytest.raises(UserError, match="no rule; fix the Snakefile"):
        printed_by_snakemake(tmp_path)
