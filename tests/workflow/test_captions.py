"""What the report's captions are told. Snakemake leaves blank what it is not told, so that nobody would notice."""

from functools import cache
from types import SimpleNamespace

import pytest
from jinja2 import Environment, StrictUndefined

from drl.config.schema import SCALES
from drl.pipeline.configuration import resolve
from tests.job_settings import BUILT, ITEMS
from tests.workflow.conftest import ROOT, rule_functions

resolve_once = cache(lambda scale, sets=(): resolve(scale, sets=sets))
CHANGES = {
    "probe": "studies.probe.epochs=3",
    "few_shot": "studies.few_shot.split=7",
    "learning_speed": "studies.learning_speed.snapshots=3",
    "latent_grid": "studies.latent_grid.cells=7",
    "code_swap": "studies.code_swap.t=0.5",
    "one_code": "studies.one_code.columns=5",
    "later_start": "studies.later_start.uniform=per_image_channel",
    "fid": "studies.later_start.repeats=3",
    "fine_tune": "studies.fine_tune.splits=[3]",
    "theory": "studies.theory.steps=3",
}


@pytest.fixture(scope="module")
def about():
    """The function of the rules that says what captions are told, for a scale and --set."""
    names = rule_functions()

    def tell(item: str, scale: str, *sets: str) -> dict[str, object]:
        names["item_about"].__globals__.update(CONFIG=resolve_once(scale, sets), RESULTS=f"results/{scale}")
        return names["item_about"](item)

    return tell


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("item", BUILT)
def test_every_caption_is_told_all_that_it_says(about, item, scale):
    text = (ROOT / "workflow" / "report" / f"{item}.rst").read_text()
    caption = Environment(undefined=StrictUndefined).from_string(text)
    told = about(item, scale)
    printed = caption.render(snakemake=SimpleNamespace(params=SimpleNamespace(about=told)))
    assert f"Scale *{scale}*" in printed
    assert told.get("recipes", told.get("arms")) in printed


@pytest.mark.parametrize(("study", "change"), CHANGES.items())
def test_a_setting_of_one_study_is_in_its_own_captions_alone(about, study, change):
    differ = {ITEMS[item].study for item in BUILT if about(item, "demo") != about(item, "demo", change)}
    assert differ == {study}


def test_how_many_samples_figure_13_shows_is_in_no_caption(about):
    change = "studies.later_start.shown=3"
    assert all(about(item, "demo") == about(item, "demo", change) for item in BUILT)
