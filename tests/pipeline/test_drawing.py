"""What figures and tables are drawn from."""

import pytest

from drl.errors import UserError
from drl.pipeline.configuration import resolve
from drl.pipeline.drawing import FIGURE


def test_two_lines_of_one_name_are_refused():
    """A recipe inherits its parent's label."""
    own = 'recipes.mine={"inherits": "dae"}', 'items.figure_4.recipes=["ae", "dae", "mine"]'
    with pytest.raises(
        UserError, match=r"^items\.figure_4: the recipes 'dae' and 'mine' have the same label 'DAE'; give"
    ):
        FIGURE.settings_for(resolve("demo", sets=own), {"item": "figure_4"})


def test_lines_with_labels_of_their_own_are_drawn():
    own = 'recipes.mine={"inherits": "dae", "label": "Mine"}', 'items.figure_4.recipes=["ae", "dae", "mine"]'
    settings = FIGURE.settings_for(resolve("demo", sets=own), {"item": "figure_4"})
    assert [label for _, label in settings.recipes] == ["AE", "DAE", "Mine"]
