"""Counts the inputs that were tried, and prints them by kind at the end."""

import re
from collections import Counter

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item, call):
    """Note how many inputs a test tried: what Hypothesis says, or one."""
    if call.when == "call" and item.path.parent.name == "hostile":
        tried = re.findall(r"(\d+) passing[a-z ]*, (\d+) failing", getattr(item, "hypothesis_statistics", ""))
        item.user_properties.append(("inputs", sum(int(number) for pair in tried for number in pair) or 1))


def pytest_terminal_summary(terminalreporter):
    """Print the numbers, one kind for each module."""
    kinds = Counter()
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, value in getattr(report, "user_properties", ()):
            if name == "inputs" and report.when == "call":
                kinds[report.nodeid.partition("::")[0].rpartition("/")[2]] += value
    if kinds:
        terminalreporter.section("hostile inputs")
        for kind, count in sorted(kinds.items()):
            terminalreporter.write_line(
                f"{count:7,}  {kind.removeprefix('test_').removesuffix('.py').replace('_', ' ')}"
            )
        terminalreporter.write_line(f"{sum(kinds.values()):7,}  inputs of {len(kinds)} kinds")
