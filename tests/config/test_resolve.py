import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drl.config.json_schema import json_schema
from drl.config.layers import FILES, FOLDER, Layer, merged, read_yaml
from drl.config.recipes import Recipe
from drl.config.resolve import recipe
from drl.config.schema import SCALES
from drl.errors import UserError
from drl.files import canonical_json
from drl.pipeline.configuration import origins, resolve
from drl.pipeline.items import models
from drl.pipeline.label_budgets import budgets
from drl.reporting.captions import caption
from tests.job_settings import BUILT, settings_of


@pytest.mark.parametrize("scale", SCALES)
def test_every_scale_resolves_and_every_recipe_round_trips(scale):
    config = resolve(scale)
    assert config.scale == scale
    for name in (member for base in config.recipes for member in config.members(base)):
        for dataset in config.datasets:
            resolved = recipe(config, name, dataset)
            again = Recipe.model_validate({"label": "x", **json.loads(canonical_json(resolved.slice()))})
            assert again.slice() == resolved.slice()


def test_paper_scale_is_the_papers_protocol():
    config = resolve("paper")
    drl = recipe(config, "drl", "cifar10")
    assert (drl.iterations, drl.batch_size, drl.codes_from, drl.hold_out_validation) == (250_000, 100, "raw", False)
    assert drl.method.l1_weight == 1e-5
    assert (drl.encoder.depth, drl.encoder.width, drl.encoder.code_size) == (28, 2, 128)
    assert recipe(config, "vdrl").method.kl_weight == 1e-5
    assert recipe(config, "drl_70k").iterations == 70_000
    assert recipe(config, "drl", "miniimagenet").score.channel_multipliers == (1, 2, 2)
    assert config.studies.probe.t == tuple(k / 10 for k in range(11))
    assert config.studies.probe.epochs == 50
    assert len(models(config, "figure_4")) == 3 * 8 * 3


@pytest.mark.parametrize("scale", ["demo", "paper"])
@pytest.mark.parametrize("item", ["figure_4", "figure_5"])
def test_methods_are_compared_on_the_same_number_of_images_seen(scale, item):
    config = resolve(scale)
    for dataset in config.item_datasets(item):
        recipes = [recipe(config, name, dataset) for name in config.items[item].recipes]
        seen = [r.iterations * r.batch_size for r in recipes]
        assert max(seen) - min(seen) < max(r.batch_size for r in recipes)


def test_scale_lite_trains_each_method_for_the_length_of_its_pilot():
    config = resolve("lite")
    for item in ("figure_4", "figure_5"):
        for dataset in config.item_datasets(item):
            recipes = {name: recipe(config, name, dataset) for name in config.items[item].recipes}
            assert {r.batch_size for r in recipes.values()} == {64}
            family = {name: name.removesuffix("_vp").removesuffix("_edm") for name in recipes}
            expected = {"ae": 10000, "cdae": 10000, "dae": 10000, "vae": 5000, "score_features": 5000}
            assert {name: r.iterations for name, r in recipes.items()} == {
                name: expected.get(family[name], 20000) for name in recipes
            }


def test_vp_recipes_differ_from_their_ve_twins_in_sde_embedding_and_scaling_only():
    config = resolve("paper")
    for name in ("drl", "vdrl", "cdae", "dae"):
        for dataset in config.datasets:
            ve, vp = (recipe(config, twin, dataset).model_dump() for twin in (name, f"{name}_vp"))
            assert vp.pop("sde") == {"kind": "vp", "beta_min": 0.1, "beta_max": 20.0}
            ve.pop("sde")
            for network in ("score", "decoder"):
                if ve[network] is not None:
                    assert vp[network].pop("embedding") == "positional"
                    ve[network].pop("embedding")
                    for twin in (ve, vp):
                        twin[network].pop("scale_by_sigma", None)
            assert ve == vp


def test_edm_recipes_differ_from_the_papers_in_the_objective_only():
    config = resolve("paper")
    for name in ("drl", "vdrl"):
        paper, edm = (recipe(config, twin).model_dump() for twin in (name, f"{name}_edm"))
        assert (edm.pop("label"), paper.pop("label")) == (f"{name.upper()} (EDM)", name.upper())
        assert (edm["objective"].pop("preconditioning"), edm["objective"].pop("weighting")) == ("edm", "edm")
        assert (paper["objective"].pop("preconditioning"), paper["objective"].pop("weighting")) == ("paper", "paper")
        assert paper == edm


def test_a_sweep_expands_to_one_recipe_per_value():
    config = resolve("paper")
    members = config.members("drl_8d")
    assert members == tuple(f"drl_8d-lambda{v}" for v in ("0.000001", "0.00001", "0.0001", "0.001"))
    assert [recipe(config, name).method.l1_weight for name in members] == [1e-6, 1e-5, 1e-4, 1e-3]
    assert config.members("vdrl_8d") == ("vdrl_8d",), "a sweep is not inherited"
    assert settings_of("figure", config, "figure_8")["choices"]["drl_8d"] == list(members)
    assert len(models(config, "figure_8")) == 3 * (4 + 1 + 4 + 1)
    assert settings_of("few_shot", config, "cifar10", "vae_8d")["few_shot"]["validation"] is True
    for scale, dataset, validates in (("demo", "digits", False), ("lite", "fashion_mnist", True)):
        found = settings_of("few_shot", resolve(scale), dataset, "drl_8d-lambda0.00001")
        assert found["few_shot"]["validation"] is validates
    for name, said in (
        ("drl_8d", "is a sweep; name one of its members"),
        ("drl_8d-lambda0.5", "is not a member of its sweep"),
        ("drl-lambda0.5", "unknown recipe"),
    ):
        with pytest.raises(UserError, match=said):
            recipe(config, name)


def test_two_axes_make_a_grid_and_set_their_keys():
    sets = ["recipes.grid={inherits: drl_8d, sweep: {t: [1e-1, 1], d: [2, 16]}}"]
    config = resolve("paper", sets=sets)
    assert config.members("grid") == ("grid-t0.1-d2", "grid-t0.1-d16", "grid-t1-d2", "grid-t1-d16")
    last = recipe(config, "grid-t1-d2")
    assert (last.times.t, last.encoder.code_size) == (1.0, 2)


def test_what_a_probe_is_shown_reruns_the_probe_of_dae_only():
    config, clean = resolve("demo"), resolve("demo", sets=["studies.probe.dae_input=clean"])
    for name in ("drl", "ae", "dae"):
        same = settings_of("probe", config, "digits", name) == settings_of("probe", clean, "digits", name)
        assert same == (name != "dae")
        assert settings_of("pretrain", config, "digits", name) == settings_of("pretrain", clean, "digits", name)


@pytest.mark.parametrize(
    ("sets", "expected"),
    [
        (["studies.probe.epoch=5"], "studies.probe: unknown key 'epoch'; did you mean 'epochs'?"),
        (["recipes.drl.score.nff=3"], "recipes.drl.score: unknown key 'nff'; did you mean 'nf'?"),
        (
            ["recipes.vdrl.method.l1_weight=1"],
            "recipes.vdrl.method: unknown key 'l1_weight'; did you mean 'kl_weight'?",
        ),
        (["studies.probe.epochs=many"], "studies.probe.epochs: input should be a valid integer"),
        (["recipes.drl.optimiser.epsilon=1e-8x"], "recipes.drl.optimiser.epsilon: input should be a valid number"),
        (["recipes.drl.method.kind=drll"], "recipes.drl.method: unknown kind 'drll'; did you mean 'drl'?"),
        (["studies.probe.label_budgets=[100,90000,all]"], "90000 labels are more than the 1297 training images"),
        (["studies.probe.label_budgets=[5,all]"], "5 labels cannot cover the 10 classes"),
        (["studies.probe.label_budgets=[all,5]"], "`all` must come last"),
        (["items.figure_4.datasets=[mnist5]"], "unknown dataset 'mnist5'; did you mean 'mnist5k'?"),
        (["items.figure_4.recipes=[drk]"], "unknown recipe 'drk'; did you mean 'drl'?"),
        (["items.figure_44={datasets: [digits], recipes: [drl]}"], "unknown item 'figure_44'"),
        (["dataset=cifar"], "unknown dataset 'cifar'; did you mean 'cifar10'?"),
        (["itmes=3"], "unknown key 'itmes'; did you mean 'items'?"),
        (["recipes.vdrl.inherits=dlr"], "recipes.vdrl.inherits: unknown recipe 'dlr'; did you mean 'drl'?"),
        (["recipes.drl.inherits=vdrl"], "inherits from itself"),
        (["recipes.DRL.inherits=drl"], "use lower case letters"),
        (["recipes.drl.for_dataset.cifra10.iterations=1"], "unknown dataset 'cifra10'; did you mean 'cifar10'?"),
        (["recipes.x={inherits: drl, sde: {kind: vp, sigma_max: 3}}"], "recipes.x.sde: unknown key 'sigma_max'"),
        (["recipes.x={inherits: drl, sde: {kind: vp}}"], "recipes.x: score.scale_by_sigma must be false under sde vp"),
        (["datasets.cifar10.mean=[1,2]"], "datasets.cifar10: mean has 2 values"),
        (["studies.probe.learning_rates=[1.0e-3]", "datasets.digits.validation=0"], "datasets.digits.validation is 0"),
        (["recipes.drl.batch_size=5000"], "5000 is more than the 1297 training images"),
        (["recipes.drl.score.channel_multipliers=[1,1,1,1,1,1]"], "6 levels halve 5 times"),
        (["nonsense"], "write key.subkey=value"),
        (["a=["], "is not YAML"),
        (["studies.probe.epochs=yes"], "epochs must be a number, not a yes or no"),
        (["run.compile=maybe"], "run.compile: input should be 'auto', 'on' or 'off'"),
        (
            ["recipes.drl.optimizer={learning_rate: 5}"],
            "recipes.drl: unknown key 'optimizer'; did you mean 'optimiser'?",
        ),
        (["recipes.drl.score={kind: ncsnp}"], "recipes.drl.score.kind: input should be 'ncsnpp' (found 'ncsnp')"),
        (["every_item.datasets=[digits]"], "unknown key 'every_item'"),
        (["recipes.drl.score=null"], "method drl needs a score network"),
        (["recipes.ae.decoder=null"], "recipes.ae: method ae needs a decoder network"),
        (
            ["recipes.x={inherits: drl, method: {kind: simclr}}"],
            "recipes.x: method simclr has no score network; set score",
        ),
        (["recipes.ae.method.kl_weight=1"], "recipes.ae.method: unknown key 'kl_weight'"),
        (["recipes.simclr.method.temprature=1"], "recipes.simclr.method: unknown key 'temprature'; did you mean"),
        (["recipes.simclr.method.crop_scale=[1.0,0.5]"], "crop_scale must be [smallest, largest]"),
        (["recipes.dae.method.recon=l1"], "recipes.dae.method.recon: input should be 'l2' or 'bce'"),
        (
            ["recipes.cdae.objective.weighting=edm"],
            "method cdae estimates no score; objective edm is for drl, vdrl, unconditional and score_features",
        ),
        (["recipes.drl.centre_inputs=true"], "centre_inputs needs pixels: unit"),
        (["recipes.drl_vp.sde.sigma_max=3"], "recipes.drl_vp.sde: unknown key 'sigma_max'"),
        (["recipes.drl_vp.times={kind: sigma_uniform}"], "recipes.drl_vp: times sigma_uniform needs sde ve"),
        (["recipes.ae_8d.encoder.kind=conv"], "recipes.ae_8d.encoder: unknown kind 'conv'"),
        (["recipes.drl_8d.sweep={lamda: [1]}"], "drl_8d.sweep: unknown axis 'lamda'; did you mean 'lambda'?"),
        (["recipes.drl_8d.sweep.lambda=[0.1,0.1]"], "drl_8d.sweep.lambda must be a list of different numbers"),
        (["recipes.drl_8d.sweep=5"], "drl_8d.sweep must be an axis and its values"),
        (["datasets.digits.validation=0"], "set it, or set studies.probe.trajectory: false"),
        (["studies.learning_speed.pairs=[[drl,vdlr]]"], "studies.learning_speed.pairs: unknown recipe 'vdlr'; did you"),
        (["studies.learning_speed.pairs=[[drl,drl]]"], "'drl' is compared with itself"),
        (["recipes.drl_8d.sweep.lambda=[1.0e-13]"], "of at most 12 decimals"),
        (
            ["recipes.drl.sweep={lambda: [1.0e-5]}"],
            "items.figure_4.recipes: 'drl' is a sweep, and figure_4 does not choose",
        ),
        (
            ["studies.probe.label_budgets=[100,300,all]"],
            "items.figure_11.budget: 1000 is none of studies.probe.label_budgets (100, 300, all)",
        ),
        (["studies.probe.label_budgets=[100,300,1000]"], "items.figure_4.budget: all is none of studies.probe.label"),
        (["items.figure_9.budget=few"], "items.figure_9.budget: input should be a valid integer"),
        (["items.mine={shows: this, section: beyond the paper}"], "items.mine.study: field required"),
        (["items.table_1.table.layout=across"], "items.table_1.table.layout: input should be 'settings_down' or 'arms"),
        (["recipes.ae_8d.pixels=standardised"], "decoder.output sigmoid makes pixels in [0, 1]"),
        (["recipes.drl_vp.score.embedding=fourier"], "recipes.drl_vp: score.embedding must be positional under sde vp"),
        (["recipes.dae_vp.decoder.embedding=fourier"], "decoder.embedding must be positional under sde vp"),
        (["recipes.drl_edm.score.embedding=positional"], "score.embedding must be fourier with edm preconditioning"),
        (
            ["recipes.drl_edm={inherits: drl_8d, objective: {preconditioning: edm}}"],
            "both scale the inputs; choose one",
        ),
        (["recipes.drl_vp.sde.sigma_min=0.01"], "recipes.drl_vp.sde: unknown key 'sigma_min'"),
        (["studies.code_usage.t=[0.0]"], "studies.code_usage.t.0: input should be greater than 0"),
        (["recipes.drl.optimiser.betas=[0.9,1.5]"], "recipes.drl.optimiser.betas.1"),
        (["recipes.drl.encoder.depth=12"], "depth must be 6 n + 4"),
        (["recipes.drl.score.nf=6"], "6 channels, which group normalisation cannot divide"),
        (["seeds=[0,0]"], "seeds: 0 is given twice"),
        (["seeds=-1"], "seeds: -1 seeds are too few; give 1 or more, or a list such as [0, 1]"),
        (["seeds=[]"], "seeds: needs at least 1 entry"),
        (["items.figure_4.seeds=3"], "items.figure_4.seeds: write a list, such as [a, b] (found 3)"),
        (["seeds=1", "seeds=2"], "--set seeds=2: seeds is given twice; give it once"),
        (["studies.probe.seeds=[1,1]"], "studies.probe.seeds: 1 is given twice"),
        (["items.figure_4.recipes=[drl,drl]"], "'drl' is given twice"),
        (["recipes.drl.for_dataset={cifar10: 5}"], "for_dataset: must hold dataset names"),
        (["recipes.x={inherits: [drl]}"], "unknown recipe ['drl']"),
        (["datasets.my-pets={title: x}"], "datasets.my-pets"),
    ],
)
def test_bad_settings_give_one_line_that_names_key_and_remedy(sets, expected):
    with pytest.raises(UserError) as caught:
        resolve("demo", sets=sets)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("study", "recipe_name", "sets", "expected"),
    [
        (
            "few_shot",
            "vdrl_8d",
            ["studies.few_shot.labels=[100,2000]"],
            "few_shot.labels: 2000 labels are more than the 1097",
        ),
        (
            "few_shot",
            "vdrl_8d",
            ["studies.few_shot.labels=[5]"],
            "few_shot.labels: 5 labels cannot cover the 10 classes",
        ),
        ("few_shot", "vdrl_8d", ["datasets.digits.validation=0"], "set it, or leave one value in each sweep"),
        ("learning_speed", "drl", ["datasets.digits.validation=0"], "leave the dataset out of items.learning_curve"),
    ],
)
def test_what_only_some_figures_ask_of_a_dataset_is_checked_when_they_are_planned(study, recipe_name, sets, expected):
    sweep = "recipes.drl_8d.sweep.lambda=[1.0e-6,1.0e-5]"
    config = resolve("demo", sets=["studies.probe.trajectory=false", sweep, *sets])
    settings_of("probe", config, "digits", "drl")
    with pytest.raises(UserError, match=expected):
        settings_of(study, config, "digits", recipe_name)


@pytest.mark.parametrize(("labels", "expected"), [("null", 1097), ("500", 500), ("5000", 1097)])
def test_learning_curves_have_as_many_labels_as_asked_but_no_validation_image(labels, expected):
    config = resolve("demo", sets=[f"studies.learning_speed.labels={labels}"])
    found = settings_of("learning_speed", config, "digits", "drl")["probe"]
    assert found["label_budgets"] == [expected]
    assert config.datasets["digits"].train - config.datasets["digits"].validation == 1097


def test_label_lists_and_a_sweep_do_not_go_together():
    sets = ["datasets.digits.label_list=lists", "recipes.drl_8d.sweep.lambda=[1.0e-6,1.0e-5]"]
    with pytest.raises(UserError, match="or unset label_list"):
        settings_of("few_shot", resolve("demo", sets=sets), "digits", "vdrl_8d")


@settings(max_examples=20, deadline=None)
@given(st.text(st.characters(categories=["Ll"]), min_size=1, max_size=12))
def test_no_unknown_top_level_key_passes(word):
    known = {"scale", "dataset", "seeds", "run", "datasets", "recipes", "studies", "items"}
    if word in known:
        return
    with pytest.raises(UserError, match="unknown key"):
        resolve("demo", sets=[f"{word}=1"])


def test_numeric_strings_are_numbers_as_snakemake_hands_them_over():
    config = resolve("demo", sets=["studies.probe.epochs='7'", "seeds='3'"])
    assert (config.studies.probe.epochs, config.seeds) == (7, (0, 1, 2))


def test_yaml_reads_on_and_off_as_booleans_and_so_do_we():
    assert resolve("demo", sets=["run.compile=off"]).run.compile == "off"
    assert resolve("demo", sets=["run.compile=on"]).run.compile == "on"


def test_where_files_lie_reruns_nothing_but_an_image_folder_is_its_folder():
    moved = ["datasets.cifar10.folder=/elsewhere", "datasets.cifar10.download=false"]
    assert settings_of("prepare", resolve("paper"), "cifar10") == settings_of(
        "prepare", resolve("paper", sets=moved), "cifar10"
    )
    assert origins(resolve("paper", sets=moved))["cifar10"] == {"folder": "/elsewhere", "download": False}
    other = resolve("paper", sets=["datasets.miniimagenet.folder=other"])
    assert settings_of("prepare", resolve("paper"), "miniimagenet") != settings_of("prepare", other, "miniimagenet")


def test_an_edited_label_list_changes_the_probe_and_a_missing_one_is_named(tmp_path):
    lists = tmp_path / "100_balanced_labels"
    lists.mkdir()
    config = resolve("demo", sets=[f"datasets.digits.label_list={tmp_path}"])
    with pytest.raises(UserError, match="holds no <n>_balanced_labels"):
        settings_of("probe", config, "digits", "drl")
    (lists / "00.txt").write_text("0_0.png 0\n")
    before = settings_of("probe", config, "digits", "drl")
    (lists / "00.txt").write_text("1_0.png 0\n")
    assert settings_of("probe", config, "digits", "drl") != before


def test_the_order_of_lines_survives_the_way_to_a_job():
    planned = json.loads(canonical_json(settings_of("figure", resolve("demo"), "figure_4")))
    assert [name for name, _ in planned["recipes"]] == list(resolve("demo").items["figure_4"].recipes)


def test_legend_names_and_titles_rerun_no_training():
    config, renamed = resolve("demo"), resolve("demo", sets=["recipes.drl.label=X", "datasets.digits.title=Y"])
    assert settings_of("pretrain", config, "digits", "drl") == settings_of("pretrain", renamed, "digits", "drl")
    assert settings_of("prepare", config, "digits") == settings_of("prepare", renamed, "digits")
    assert settings_of("figure", config, "figure_4") != settings_of("figure", renamed, "figure_4")


def test_budgets_are_resolved_to_numbers():
    config = resolve("demo")
    assert budgets(config, "digits") == [100, 300, 1000, config.datasets["digits"].train]
    held_out = resolve("demo", sets=["studies.probe.select=best_val"])
    expected = held_out.datasets["digits"].train - held_out.datasets["digits"].validation
    assert settings_of("probe", held_out, "digits", "drl")["probe"]["label_budgets"][-1] == expected


def test_schema_file_is_up_to_date_and_knows_every_key():
    assert (FOLDER / "config.schema.json").read_text() == json_schema(), "run: drl schema > config/config.schema.json"


def test_every_built_item_has_axes_and_a_caption():
    config = resolve("paper")
    for name in BUILT:
        assert name in config.items
        assert config.items[name].shows in caption(config, name)


def test_every_knob_stands_in_config_with_the_value_that_the_models_assume():
    written = merged([Layer(name, read_yaml(FOLDER / name)) for name in FILES])
    config = resolve("paper")
    drl = dict(written["recipes"]["drl"])
    drl.pop("for_dataset")
    resolved = recipe(config, "drl").model_dump(mode="json")
    assert drl == resolved
    assert written["studies"]["probe"] == config.studies.probe.model_dump(mode="json")


def test_every_key_that_may_be_set_is_explained_in_config():
    text = "".join((FOLDER / name).read_text() for name in FILES)
    schema = json.loads(json_schema())
    keys = {key for part in [schema, *schema["$defs"].values()] for key in part.get("properties", {})}
    missing = sorted(key for key in keys if f"{key}:" not in text and f"{key}=" not in text)
    assert not missing


@pytest.mark.parametrize("scale", ["demo", "lite", "paper"])
def test_what_a_user_says_of_one_recipe_holds_at_every_scale(scale):
    """128 is what the paper has: said by the user, it holds at small scales, too. Those that inherit follow."""
    sets = ["recipes.drl.batch_size=128", "recipes.drl.encoder.width=3", "recipes.drl.score.nf=32"]
    found = resolve(scale, sets=sets)
    whole = resolve(scale)
    for name in ("drl", "vdrl"):
        resolved, before = recipe(found, name), recipe(whole, name)
        assert (resolved.batch_size, resolved.encoder.width, resolved.score.nf) == (128, 3, 32)
        assert resolved.optimiser == before.optimiser
    # An encoder of another kind.
    assert recipe(found, "drl_2d").encoder == recipe(whole, "drl_2d").encoder


def test_an_inherited_setting_does_not_come_before_a_recipe_s_own():
    sets = ["recipes.drl.iterations=9", "recipes.mine={inherits: drl, label: Mine, iterations: 7}"]
    found = resolve("demo", sets=sets)
    assert [recipe(found, name).iterations for name in ("drl", "vdrl", "mine")] == [9, 9, 7]
