"""`snakemake theory`: one job a seed, without images or models, and what reruns it. Nothing is computed."""

import pytest

from tests.workflow.conftest import Project

SEEDS = ("--config", "seeds=2")


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Project:
    """The project with the study's results there as empty files."""
    project = Project(tmp_path_factory.mktemp("theory") / "project")
    assert project.planned("theory", *SEEDS) == {"measure_theory": 2, "draw_theory": 1, "theory": 1}
    project.pretend(lambda *words: project.snakemake("theory", *SEEDS, *words))
    return project


def test_its_own_code_and_settings_rerun_it_and_others_do_not(made):
    assert made.planned("theory", *SEEDS) == {}
    made.edit("drl/methods/conditional.py", "2 * lam", "lam * 2")
    made.edit("config/studies.yaml", "    epochs: 50", "    epochs: 51")
    assert made.planned("theory", *SEEDS) == {}
    made.edit("drl/reporting/theory.py", 'style.Look("#E69F00", "o"', 'style.Look("#E69F01", "o"')
    assert made.planned("theory", *SEEDS) == {"draw_theory": 1, "theory": 1}
    made.edit("drl/theory/mixture.py", "2 * math.pi * torch.arange", "math.tau * torch.arange")
    assert made.planned("theory", *SEEDS) == {"measure_theory": 2, "draw_theory": 1, "theory": 1}
