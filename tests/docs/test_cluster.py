"""The page on clusters says what jobs request."""

import re

import pytest

from drl.config.project import CODE
from drl.config.schema import SCALES
from drl.pipeline.rules import MEMORY, MINUTES

PAGE = (CODE / "docs" / "cluster.md").read_text()
ROWS = {
    "resumable": "trainings, fine-tunings and samples, which resume",
    "measure": "probes and other measurements",
    "prepare": "preparing images",
    "draw": "drawing",
}


@pytest.mark.parametrize("kind", MINUTES)
def test_memory_and_minutes_are_those_of_the_rules(kind):
    [row] = re.findall(rf"\| {ROWS[kind]} \|(.*)\|", PAGE)
    memory = MEMORY.get(kind, MEMORY["measure"])
    wanted = [f"{memory[scale]:,} MB, {MINUTES[kind][scale]:,} min" for scale in SCALES]
    assert [cell.strip() for cell in row.split("|")] == wanted


def test_every_variable_of_the_profile_is_named():
    profile = (CODE / "profiles" / "slurm" / "config.yaml").read_text()
    for name in sorted(set(re.findall(r"DRL_(?:SLURM|MAX)_\w+", profile))):
        assert f"| `{name}` |" in PAGE, name
