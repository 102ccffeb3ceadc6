from drl.reporting.markdown import markdown_row, markdown_table


def test_a_table_is_its_head_a_rule_and_its_rows():
    assert markdown_table(("a", "b"), [("1", "2"), ("", "**3**")]) == [
        "| a | b |",
        "|---|---|",
        "| 1 | 2 |",
        "|  | **3** |",
    ]


def test_a_row_is_one_line():
    assert markdown_row(iter("ab")) == "| a | b |"
