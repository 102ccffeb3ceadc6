"""What the report's captions say: nothing is left blank, and each says what decides its own item."""

import re
from functools import cache
from types import SimpleNamespace

import pytest
from docutils.core import publish_parts
from jinja2 import Environment

from drl.config.project import CODE as ROOT
from drl.config.schema import SCALES
from drl.pipeline.configuration import resolve
from drl.pipeline.own_study import PARTS
from drl.reporting.captions import FIXED, caption, fixed_caption, study_caption
from tests.job_settings import BUILT, ITEMS

resolve_once = cache(lambda scale, sets=(): resolve(scale, sets=sets))
CHANGES = {
    "probe": "studies.probe.epochs=7",
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


def of(item, scale="demo", *sets):
    return caption(resolve_once(scale, sets), item)


def whole(text):
    """Check that docutils has nothing to complain of, and return the text in one line."""
    publish_parts(text, writer="html", settings_overrides={"halt_level": 2})
    assert "{" not in text
    return " ".join(text.split())


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("item", BUILT)
def test_every_caption_says_what_is_shown_and_how_it_was_made(item, scale):
    config, printed = resolve_once(scale), whole(of(item, scale))
    assert printed.startswith(f"**{item.replace('_', ' ').capitalize()}** (")
    assert f"): {ITEMS[item].shows}. " in printed
    assert f"Scale *{scale}*; " in printed
    assert ", ".join(config.items[item].recipes or config.items[item].arms) in printed
    assert ("Machinery check, not evidence" in printed) == (scale == "demo")


@pytest.mark.parametrize(("study", "change"), CHANGES.items())
def test_a_setting_of_one_study_is_in_its_own_captions_alone(study, change):
    differ = {ITEMS[item].study for item in BUILT if of(item) != of(item, "demo", change)}
    assert differ == {study}


def test_how_many_samples_figure_13_shows_is_in_no_caption():
    assert all(of(item) == of(item, "demo", "studies.later_start.shown=3") for item in BUILT)


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("AE and VAE never see a noisy image", {f"figure_{number}" for number in (4, 5, 9, 10, 11)}),
        ("code does not depend on *t*, so their line is level", {f"figure_{n}" for n in (4, 5, 8, 9, 10, 11)}),
        ("whose *t* is always 1, so that its line is level", {"theory"}),
        ("The encoder of DAE", {"figure_4", "figure_5"}),
        ("their lines are those of Figure 4", {"figure_5"}),
        ("codes of all *t* side by side", {"figure_4", "figure_5"}),
        ("Bold:", {"table_1", "table_2", "table_3", "table_4"}),
        ("The reading is early", {"table_2", "table_3"}),
        ("The improvement is that", {"table_2"}),
        ("*t-search* begins", {"table_3"}),
        ("Mixup is on", {"table_1", "table_3", "table_5"}),
        ("Rows marked (paper)", {f"table_{number}" for number in range(1, 6)}),
        ("A row under the table", {"table_1"}),
        ("which keep no labels for the fit", {"figure_8"}),
    ],
)
def test_what_holds_of_some_items_stands_below_them_alone(text, items):
    assert {item for item in BUILT if text in " ".join(of(item, "paper").split())} == items


def test_no_caption_calls_a_line_flat():
    """A newcomer read it as a fault."""
    assert not [item for item in BUILT if re.search(r"\bflat\b", of(item, "paper"))]


def test_score_features_are_said_to_be_beyond_the_paper_where_they_are_shown():
    said = "Score features are beyond the paper"
    assert {item for item in BUILT if said in " ".join(of(item, "lite").split())} == {"figure_4"}


def test_a_changed_reading_of_tables_is_said():
    assert "accuracy after the last outer epoch of classifiers" in of("table_1")
    assert "after outer epoch 3 of classifiers" in of("table_2")
    best = "studies.fine_tune.select=best_val"
    assert "best on validation images, up to outer epoch 3, of classifiers" in " ".join(
        of("table_2", "demo", best).split()
    )


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("part", PARTS)
def test_every_part_of_a_study_says_of_which_images_it_is(part, scale):
    printed = whole(study_caption(resolve_once(scale), "digits", part))
    assert f" of *Digits*: {PARTS[part].shows}. " in printed
    assert f"Scale *{scale}*; datasets *Digits*: 1297 images for training, 500 for testing, 10 classes" in printed


@pytest.mark.parametrize("name", FIXED)
def test_the_verdict_s_own_captions_are_whole(name):
    assert whole(fixed_caption(name)).endswith(".")


def test_the_report_prints_the_caption_and_the_facts_below_it():
    template = Environment().from_string((ROOT / "workflow" / "report" / "item.rst").read_text())
    for text, printed in (({"caption": "a", "facts": "b"}, "a\n\nb"), ({"caption": "a"}, "a")):
        assert template.render(snakemake=SimpleNamespace(params=SimpleNamespace(text=text))).strip() == printed
