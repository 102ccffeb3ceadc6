import re

from hypothesis import given
from hypothesis import strategies as st

from drl.docs.rule_graph import _columns, _is_far, drawings_as_one, read_dot, svg

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
}
"""


def test_rules_and_what_they_need_are_read_without_the_target():
    assert read_dot(DOT) == {
        "draw_figure_4": {"probe"},
        "draw_figure_5": {"probe"},
        "draw_code_usage": {"pretrain"},
        "probe": {"pretrain", "prepare"},
        "pretrain": {"pretrain", "prepare"},
        "prepare": frozenset(),
    }


def test_drawings_that_need_the_same_are_one():
    graph = drawings_as_one(read_dot(DOT))
    assert graph["draw\nFigures 4, 5"] == {"probe"}
    assert graph["draw\nCode usage"] == {"pretrain"}
    assert not any(name.startswith("draw_") for name in graph)


def test_a_way_that_a_longer_one_covers_is_far():
    graph = read_dot(DOT)
    assert _is_far(graph, "prepare", "probe")
    assert not _is_far(graph, "pretrain", "probe")
    assert not _is_far(graph, "pretrain", "pretrain")


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=20))
def test_every_way_leads_to_a_later_column_and_every_node_has_a_box(pairs):
    nodes = {f"n{k}": set() for k in range(9)}
    for a, b in pairs:
        nodes[f"n{max(a, b)}"].add(f"n{min(a, b)}")
    graph = {name: frozenset(needs) for name, needs in nodes.items()}
    column = {name: k for k, names in enumerate(_columns(graph)) for name in names}
    assert set(column) == set(graph)
    for name, needs in graph.items():
        assert all(column[before] < column[name] for before in needs - {name})
    picture = svg(graph)
    assert picture.count('class="box"') == len(graph)
    assert len(re.findall("<path", picture)) == sum(map(len, graph.values()))
