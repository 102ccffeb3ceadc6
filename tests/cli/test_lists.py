"""`drl list`, JSON for programs, and what `--help` leaves out."""

import json

import pytest
from click.testing import CliRunner

from drl.cli.main import cli
from drl.config.schema import SCALES
from drl.errors import UserError
from drl.pipeline.configuration import resolve
from drl.pipeline.listing import LISTS, SHOWN
from drl.pipeline.listing import SCALES as TOLD


def run(*words):
    found = CliRunner().invoke(cli, list(words))
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    return found


@pytest.mark.parametrize("what", LISTS)
def test_each_name_has_one_line_that_begins_with_it(what):
    names = {
        "items": resolve().items,
        "recipes": resolve().recipes,
        "datasets": resolve().datasets,
        "arms": resolve().arms,
        "scales": SCALES,
    }
    rows = json.loads(run("list", what, "--json").output)
    lines = run("list", what).output.splitlines()
    assert [line.split("  ")[0] for line in lines] == [row["name"] for row in rows]
    assert what not in names or [row["name"] for row in rows] == list(names[what])
    assert all(len(str(row[name])) > 0 for row in rows for name in SHOWN[what])


def test_every_scale_is_told_of():
    assert tuple(TOLD) == SCALES


def test_a_list_follows_the_configuration():
    def size(scale):
        rows = json.loads(run("list", "datasets", "--scale", scale, "--json").output)
        return next(row["images"] for row in rows if row["name"] == "fashion_mnist")

    assert "28x28" in size("paper")
    assert "14x14" in size("lite")


def test_an_unknown_list_is_answered_with_the_nearest():
    with pytest.raises(UserError, match="did you mean 'recipes'"):
        run("list", "recipe")


def test_a_recipe_is_described_for_programs():
    about = json.loads(run("describe", "drl", "--scale", "demo", "--json").output)
    assert about["settings"]["batch_size"]["value"] == about["batch_size"]
    assert about["settings"]["iterations"]["set_in"] == "config/scales/demo.yaml: drl"
    shown = run("describe", "drl", "--scale", "demo").output
    for part, count in about["trainable_parameters"].items():
        assert any(line.split() == [*part.split(), f"{count:,}"] for line in shown.splitlines())


def test_help_leaves_out_what_only_the_workflow_uses():
    shown = run("pretrain", "--help").output
    for option in ("--settings", "--code", "--run", "--states"):
        assert option not in shown
    for option in ("--recipe", "--scale", "--threads", "--out"):
        assert option in shown
    assert "schema" not in run("--help").output
