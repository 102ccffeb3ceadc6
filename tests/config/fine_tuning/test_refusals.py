"""Bad settings are one line that names the key."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drl.config.layers import assignments
from drl.config.merge import merge
from drl.pipeline.configuration import load
from drl.pipeline.items import models
from tests.config.fine_tuning.shared import TABLES, complaint, part, planned, refused, resolve, small
from tests.job_settings import ITEMS, settings_of, trained


@pytest.mark.parametrize(
    ("setting", "key", "said"),
    [
        ("items.table_1.arms=[non]", "items.table_1.arms", "unknown arm 'non'; did you mean 'none'?"),
        ("items.table_1.arms=[drl,drl]", "items.table_1.arms", "'drl' is given twice"),
        ("items.table_1.arms=[]", "items.table_1", "needs arms, and no recipes; give arms"),
        ("items.table_1.recipes=[drl]", "items.table_1", "needs arms, and no recipes; give arms"),
        ("items.table_1={arms: [], recipes: [drl]}", "items.table_1", "needs arms, and no recipes; give arms"),
        ("items.figure_4.arms=[drl]", "items.figure_4", "needs recipes, and no arms; give recipes"),
        ("items.figure_4={arms: [drl], recipes: []}", "items.figure_4", "needs recipes, and no arms; give recipes"),
        ("items.figure_4.labels={digits: [100]}", "items.figure_4", "only items about fine-tuning have labels and"),
        (
            "items.figure_4.beyond=[{arm: drl, in_place_of: drl, dataset: digits, labels: 100}]",
            "items.figure_4",
            "only items about fine-tuning have labels and beyond; leave them out",
        ),
        ("arms.Spare={label: S, model: null}", "arms.Spare", "use lower case letters, digits and _ in an arm's name"),
        ("arms.a-b={label: S, model: null}", "arms.a-b", "use lower case letters, digits and _ in an arm's name"),
        ("arms.a/b={label: S, model: null}", "arms.a/b", "use lower case letters, digits and _ in an arm's name"),
        ("arms.spare={label: S}", "arms.spare.model", "field required"),
        ("arms.spare={model: null}", "arms.spare.label", "field required"),
        ("arms.drl.model=drl_70", "arms.drl.model", "unknown recipe 'drl_70'; did you mean 'drl_70k'?"),
        ("arms.spare={label: S, model: drk}", "arms.spare.model", "unknown recipe 'drk'; did you mean 'drl'?"),
        ("arms.drl.mixup_sup=true", "arms.drl", "unknown key 'mixup_sup'; did you mean 'mixup"),
        ("arms.drl.until=never", "arms.drl.until", "input should be 'end' or 'early' (found 'never')"),
        ("arms.drl.t_init=0", "arms.drl.t_init", "input should be greater than 0 (found 0)"),
        ("arms.drl.t_init=1.0", "arms.drl.t_init", "input should be less than 1 (found 1.0)"),
        ("arms.drl.t_init=-0.1", "arms.drl.t_init", "input should be greater than 0"),
        ("arms.drl.t_init=.nan", "arms.drl.t_init", "input should be"),
        ("arms.drl.t_init=yes", "arms.drl", "t_init must be a number, not a yes or no"),
        ("arms.drl.t_init=find", "arms.drl.t_init", "(found 'find')"),
        ("arms.none.t_init=search", "arms.none", "search compares a model's codes at several t; give a model, or a"),
        ("studies.fine_tune.network_of=drl_70", "studies.fine_tune.network_of", "unknown recipe 'drl_70'; did you"),
        (
            "studies.fine_tune.network_of=drl_2d",
            "studies.fine_tune.network_of",
            "the encoder of 'drl_2d' is not a wide_resnet; give a recipe that has one",
        ),
        (
            "studies.fine_tune.network_of=unconditional",
            "studies.fine_tune.network_of",
            "the encoder of 'unconditional' is not a wide_resnet; give a recipe that has one",
        ),
        ("studies.fine_tune.labels.digit=[100]", "studies.fine_tune.labels", "unknown dataset 'digit'; did you mean"),
        ("studies.fine_tune.labels.digits=[100,100]", "studies.fine_tune.labels.digits", "100 is given twice"),
        ("studies.fine_tune.labels.digits=[0]", "studies.fine_tune.labels.digits.0", "greater than or equal to 1"),
        ("studies.fine_tune.labels.digits=100", "studies.fine_tune.labels.digits", "(found 100)"),
        ("items.table_1.labels={digit: [100]}", "items.table_1.labels", "unknown dataset 'digit'; did you mean"),
        ("items.table_1.labels={digits: [5,5]}", "items.table_1.labels.digits", "5 is given twice"),
        ("studies.fine_tune.splits=[]", "studies.fine_tune.splits", "at least 1 entry"),
        ("studies.fine_tune.splits=[12,12]", "studies.fine_tune.splits", "12 is given twice"),
        ("studies.fine_tune.splits=[-1]", "studies.fine_tune.splits.0", "greater than or equal to 0 (found -1)"),
        ("studies.fine_tune.splits=with_seeds", "studies.fine_tune.splits", "(found 'with_seeds')"),
        ("studies.fine_tune.search=[0.5]", "studies.fine_tune.search", "at least 2 entries"),
        ("studies.fine_tune.search=[0.5,0.5]", "studies.fine_tune.search", "0.5 is given twice"),
        ("studies.fine_tune.search=[0.0,0.5]", "studies.fine_tune.search.0", "greater than 0 (found 0.0)"),
        ("studies.fine_tune.search=[0.5,1.0]", "studies.fine_tune.search.1", "less than 1 (found 1.0)"),
        ("studies.fine_tune.labelled_batch=50", "studies.fine_tune", "labelled_batch must leave places in a batch of"),
        ("studies.fine_tune.labelled_batch=60", "studies.fine_tune", "labelled_batch must leave places in a batch of"),
        ("studies.fine_tune.batch_size=25", "studies.fine_tune", "labelled_batch must leave places in a batch of"),
        ("studies.fine_tune.select=best", "studies.fine_tune.select", "input should be 'last' or 'best_val'"),
        ("studies.fine_tune.select=best_test", "studies.fine_tune.select", "input should be 'last' or 'best_val'"),
        ("studies.fine_tune.alpha=1", "studies.fine_tune.alpha", "less than 1"),
        ("studies.fine_tune.momentum=1", "studies.fine_tune.momentum", "less than 1"),
        ("studies.fine_tune.neighbours=0", "studies.fine_tune.neighbours", "greater than or equal to 1"),
        ("studies.fine_tune.versions=0", "studies.fine_tune.versions", "greater than or equal to 1"),
        ("studies.fine_tune.supervised_epochs=0", "studies.fine_tune.supervised_epochs", "greater than or equal to 1"),
        ("studies.fine_tune.flip=1.5", "studies.fine_tune.flip", "less than or equal to 1"),
        ("studies.fine_tune.padding=-1", "studies.fine_tune.padding", "greater than or equal to 0"),
        ("studies.fine_tune.early_epoch=0", "studies.fine_tune.early_epoch", "greater than or equal to 1"),
        ("studies.fine_tune.step=3", "studies.fine_tune", "unknown key 'step'; did you mean 'steps'?"),
        ("recipes.drl_official.train_images=1", "recipes.drl_official.train_images", "greater than or equal to 2"),
        ("recipes.drl_official.augmentation.flip=2", "recipes.drl_official.augmentation.flip", "less than or equal"),
        (
            "recipes.drl_official.augmentation.operation=2",
            "recipes.drl_official.augmentation",
            "unknown key 'operation'; did you mean 'operations'?",
        ),
    ],
)
def test_a_bad_setting_is_one_line_that_names_its_key(setting, key, said):
    line = complaint(setting)
    assert line.startswith(f"config: {key}: ")
    assert said in line


@pytest.mark.parametrize(
    ("arm", "in_place_of", "dataset", "said"),
    [
        ("drl_ofical", "drl", "digits", "unknown arm 'drl_ofical'; did you mean 'drl_official'?"),
        ("drl_official", "drl", "digit", "unknown dataset 'digit'; did you mean 'digits'?"),
        (
            "drl_official",
            "ae",
            "digits",
            "'ae' is not a column of table_1; valid: drl, drl_mixup, none, none_mixup, vdrl",
        ),
        ("drl_official", "drll", "digits", "'drll' is not a column of table_1; did you mean 'drl'?"),
    ],
)
def test_a_row_beyond_the_paper_stands_in_a_column_that_there_is(arm, in_place_of, dataset, said):
    row = f"{{arm: {arm}, in_place_of: {in_place_of}, dataset: {dataset}, labels: 100}}"
    assert complaint(f"items.table_1.beyond=[{row}]") == f"config: items.table_1.beyond: {said}"


@pytest.mark.parametrize("missing", ["arm", "in_place_of", "dataset", "labels"])
def test_a_row_beyond_the_paper_says_all_of_it(missing):
    row = {"arm": "drl", "in_place_of": "none", "dataset": "digits", "labels": 100}
    row.pop(missing)
    line = complaint(f"items.table_2.beyond={json.dumps([row])}")
    assert line == f"config: items.table_2.beyond.0.{missing}: field required"


@pytest.mark.parametrize(
    ("sets", "item", "arm"),
    [
        (["items.table_4.arms=[none,drl_search]"], "table_4", "drl_search"),
        (["arms.drl.until=early"], "table_1", "drl"),
        (["arms.drl_official.until=early"], "table_1", "drl_official"),
        (["arms.mixup_drl.until=early"], "table_5", "mixup_drl"),
    ],
)
def test_what_stops_early_cannot_be_read_at_its_end(sets, item, arm):
    said = f"{arm!r} stops early, and {item} reads runs at their end; set arms.{arm}.until: end"
    assert complaint(*sets) == f"config: items.{item}.arms: {said}"
    assert small("items.table_2.arms=[none,drl_search]"), "Table 2 reads runs early"


@pytest.mark.parametrize(
    ("section", "change"),
    [
        ("encoder", "encoder: {width: 1}"),
        ("encoder", "encoder: {nf: 8}"),
        ("encoder", "encoder: {dropout: 0.5}"),
        ("pixels", "pixels: unit"),
        ("centre_inputs", "pixels: unit, centre_inputs: true"),
    ],
)
def test_a_model_with_another_encoder_or_other_pixels_is_refused_before_anything_is_trained(section, change):
    sets = ["recipes.x={inherits: drl_70k, " + change + "}", "arms.spare={label: S, model: x}"]
    if section == "centre_inputs":
        sets += ["recipes.drl_70k.pixels=unit", "studies.fine_tune.network_of=drl_70k", "arms.none.model=null"]
        sets += [f"recipes.{name}.pixels=unit" for name in ("vdrl_70k", "ae_70k", "drl_official", "mixup_drl_70k")]
    line = complaint(*sets, "items.table_2.arms=[none,spare]")
    assert line == (
        f"config: arms.spare.model: 'x' has another `{section}` than 'drl_70k' (studies.fine_tune.network_of); "
        "give a recipe with the same"
    )
    # The arm is no trouble while nothing shows it.
    assert load(merge(part(), assignments(sets))).arms["spare"].model == "x"


def test_a_model_without_an_encoder_is_refused():
    line = complaint("arms.spare={label: S, model: unconditional}", "items.table_2.arms=[none,spare]")
    assert line.startswith("config: arms.spare.model: 'unconditional' has another `encoder` than 'drl_70k'")


def test_a_model_that_is_a_sweep_is_refused():
    line = complaint("arms.spare={label: S, model: drl_8d}", "items.table_2.arms=[none,spare]")
    assert line.startswith("config: ")
    assert "drl_8d-lambda0.00001" in line, "its member is named"


def test_a_model_may_differ_in_all_that_is_no_network_of_the_classifier():
    changes = "iterations: 7, batch_size: 3, score: {nf: 8}, times: {kind: sigma_uniform}"
    config = small("recipes.x={inherits: vdrl_70k, " + changes + "}", "arms.drl.model=x")
    assert trained("digits", "x", 0) in models(config, "table_1")


LABELS = "studies.fine_tune.labels, dataset 'digits': "
BEST = "studies.fine_tune.select=best_val"


@pytest.mark.parametrize(
    ("sets", "labels", "where", "said"),
    [
        ([], 9, LABELS, "9 labels cannot cover 10 classes; give at least 10"),
        ([], 1298, LABELS, "1298 labels are more than its 1297 training"),
        ([BEST], 1098, LABELS, "1098 labels are more than its 1097 training"),
        (
            [],
            49,
            f"{LABELS}49 labels do not fill a batch of 50, so there would be no",
            "give at least as many labels, or lower studies.",
        ),
        (
            [],
            1273,
            f"{LABELS}24 images without a label do not fill their 25 places",
            "; give fewer labels, or lower studies.",
        ),
        (
            [BEST],
            1073,
            f"{LABELS}24 images without a label do not fill their 25 places",
            "; give fewer labels, or lower ",
        ),
        # 2 epochs of 2 passes of 2 steps, then 47 steps an epoch
        (
            ["studies.fine_tune.steps=54"],
            100,
            f"{LABELS}studies.fine_tune.steps 54 leave no epoch",
            "; give at least 55",
        ),
        (
            ["studies.fine_tune.early_epoch=5"],
            100,
            f"{LABELS}100 labels give 4 epochs",
            " steps, or an earlier one",
        ),
        (["studies.fine_tune.padding=8"], 100, "studies.fine_tune.padding: ", "8 is too much for 8 pixels"),
        (
            [BEST, "datasets.digits.validation=0", "studies.probe.trajectory=false"],
            100,
            "datasets.digits.validation is 0 but studies.fine_tune.select is best_val",
            "; set it, or select: last",
        ),
        (
            [BEST, "datasets.digits.label_list=lists"],
            100,
            "datasets.digits.label_list: its lists name images that are held out for validation",
            "; set studies.fine_tune.select: last, or unset label_list",
        ),
    ],
)
def test_what_a_dataset_cannot_give_is_said_when_a_run_is_planned(sets, labels, where, said):
    config = small(*sets)
    line = refused(config, labels=labels)
    assert line.startswith(f"config: {where}")
    assert said in line
    assert "studies.fine_tune" in line
    # Who draws only figures that are not about fine-tuning need not care.
    assert settings_of("pretrain", config, "digits", "drl")


@pytest.mark.parametrize(
    ("sets", "labels"),
    [
        (["studies.fine_tune.steps=55", "studies.fine_tune.early_epoch=3"], 100),
        (["studies.fine_tune.early_epoch=4"], 100),
        (["studies.fine_tune.padding=7"], 100),
        (["studies.fine_tune.padding=0"], 100),
        ([], 50),
        (["studies.fine_tune.batch_size=10", "studies.fine_tune.labelled_batch=5", "studies.fine_tune.steps=2000"], 10),
        (["studies.fine_tune.steps=3000"], 1272),
        (["studies.fine_tune.select=best_val", "studies.fine_tune.steps=3000"], 1072),
        (["studies.fine_tune.select=best_val"], 100),
    ],
)
def test_the_last_that_fits(sets, labels):
    assert planned(small(*sets), labels=labels)["labels"] == labels


@given(st.integers(-3, 1400))
def test_any_number_of_labels_is_planned_or_refused_in_one_line(labels):
    config = small("studies.fine_tune.steps=3000")
    if 50 <= labels <= 1272:
        assert planned(config, labels=labels)["labels"] == labels
    else:
        assert "labels" in refused(config, labels=labels)


def test_names_that_there_are_not_are_refused_when_a_run_is_planned():
    config = small()
    assert refused(config, arm="drl_mixpu") == "unknown arm 'drl_mixpu'; did you mean 'drl_mixup'?"
    assert refused(config, dataset="digts") == "unknown dataset 'digts'; did you mean 'digits'?"


def test_every_item_about_fine_tuning_is_one_that_the_configuration_has():
    about = {name for name, item in ITEMS.items() if item.study == "fine_tune"}
    assert about == {*TABLES, "t_trajectory"} <= set(resolve("paper").items)
