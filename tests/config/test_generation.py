"""Settings of low-dimensional models, samplers and what is drawn from them."""

import hashlib
from functools import cache

import pytest

from drl.config.generation import LaterStartSettings
from drl.config.recipes import is_file
from drl.config.resolve import recipe
from drl.config.schema import SCALES
from drl.errors import UserError
from drl.pipeline import drawing
from drl.pipeline.configuration import resolve as read
from drl.pipeline.items import item_jobs, measurements, models
from tests.job_settings import settings_of, trained

# Checking a configuration takes half a second, and most tests ask for one of three.
resolve = cache(lambda scale, sets=(): read(scale, sets=sets))
TWO_D = ("figure_2", "figure_3", "figure_6", "figure_12")


def complaint(*sets: str, scale: str = "demo") -> str:
    with pytest.raises(UserError) as caught:
        read(scale, sets=sets)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# ------------------------------------------------------------------------------------------------------ what is written


def test_paper_scale_is_the_papers_protocol():
    config = resolve("paper")
    studies = config.studies
    assert studies.later_start.t_init == (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    assert studies.later_start.priors == ("gaussian", "uniform_gaussian", "mean_image"), "the paper's two, and ours"
    assert (studies.later_start.images, studies.later_start.uniform) == (20_000, "per_pixel")
    assert (studies.latent_grid.cells, studies.latent_grid.extent) == (10, {"drl": 1.0, "vdrl": 2.0})
    assert studies.one_code.columns == 10
    assert (studies.fid.extractor, studies.fid.recipe) == ("inception", "supervised")
    assert config.item_seeds("figure_12") == (0, 1, 2)
    assert config.item_seeds("figure_2") == (0,)
    assert len(models(config, "figure_12")) == 2 * 10 * 3


def test_2d_models_are_the_authors():
    config = resolve("paper")
    mnist, cifar = (recipe(config, "drl_2d", name) for name in ("mnist", "cifar10"))
    assert (mnist.encoder.code_size, mnist.encoder.time, cifar.encoder.code_size) == (2, False, 2)
    assert (mnist.pixels, mnist.objective.reduction, mnist.codes_from) == ("symmetric", "mean", "ema")
    assert (cifar.pixels, cifar.centre_inputs, cifar.horizontal_flip) == ("unit", True, True)
    assert (mnist.iterations, cifar.iterations) == (80_000, 300_000)
    assert (mnist.sampler.predictor, mnist.sampler.corrector) == ("euler_maruyama", "none")
    assert (cifar.sampler.predictor, cifar.sampler.corrector) == ("reverse_diffusion", "langevin")
    assert (mnist.sampler.steps, mnist.sampler.snr, mnist.sampler.corrector_norm) == (1000, 0.16, "image")
    # lambda of a KL that the authors summed over the batch
    for name, size in (("mnist", 128), ("cifar10", 64)):
        resolved = recipe(config, "vdrl_2d", name)
        assert (resolved.batch_size, resolved.method.kl_weight) == (size, pytest.approx(1e-7 * size))


@pytest.mark.parametrize("base", ["drl_2d", "vdrl_2d"])
@pytest.mark.parametrize("dataset", ["mnist", "cifar10"])
def test_focus_on_high_noise_has_two_phases_that_differ_in_times_alone(base, dataset):
    config = resolve("paper")
    plain, high, focus = (recipe(config, base + end, dataset) for end in ("", "_high", "_focus"))
    assert (high.times.kind, focus.times.kind) == ("sigma_uniform", "uniform")
    assert (high.start_from, high.freeze) == (None, "nothing")
    assert (focus.start_from, focus.freeze) == (f"{base}_high", "encoder")
    own = {"label", "times", "start_from", "freeze", "iterations"}
    assert plain.model_dump(exclude=own) == high.model_dump(exclude=own) == focus.model_dump(exclude=own)
    expected = (100_000, 200_000) if dataset == "cifar10" else (80_000, 80_000)
    assert (high.iterations, focus.iterations) == expected


def test_table_6_is_song_s_checkpoint_as_it_is():
    config = resolve("paper")
    song = recipe(config, "song_deep", "cifar10")
    assert is_file(song.start_from)
    assert (song.iterations, song.encoder, song.pixels, song.centre_inputs) == (0, None, "unit", True)
    assert (song.score.nf, song.score.channel_multipliers, song.score.blocks) == (128, (1, 2, 2, 2), 8)
    assert (song.score.fir, song.score.attention_resolutions) == (True, (16,))
    assert config.items["figure_13"].recipes == config.items["table_6"].recipes == ("song_deep",)


@pytest.mark.parametrize("scale", SCALES)
def test_figure_13_shows_the_samples_that_table_6_measures(scale):
    config = resolve(scale)
    samples = [job.file(".safetensors") for job in item_jobs(config, "figure_13")]
    measured = [file for job in item_jobs(config, "table_6") for file in job.needs(config)["samples"]]
    # The figure shows one model; at lite the table measures three.
    assert measured[: len(samples)] == samples
    assert len(measured) == (3 if scale == "lite" else len(samples))


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("item", TWO_D)
def test_two_dimensions_stay_two_at_every_scale(scale, item):
    config = resolve(scale)
    for model in models(config, item):
        assert recipe(config, model.about["recipe"], model.about["dataset"]).encoder.code_size == 2


# --------------------------------------------------------------------------------------------------------------- sweeps


@pytest.mark.parametrize("scale", ["lite", "paper"])
def test_figure_7_has_a_model_a_code_size(scale):
    config = resolve(scale)
    members = config.members("drl_nd")
    sizes = [recipe(config, name, "mnist").encoder.code_size for name in members]
    assert members == tuple(f"drl_nd-d{size}" for size in sizes)
    if scale == "paper":
        assert sizes == [2, 4, 8, 16]
    assert settings_of("figure", config, "figure_7")["recipes"] == [[name, "DRL"] for name in members]
    assert {model.about["recipe"] for model in models(config, "figure_7")} == set(members)


def test_members_differ_in_their_axis_alone():
    config = resolve("paper")
    two, sixteen = (recipe(config, f"drl_nd-d{size}", "mnist").model_dump() for size in (2, 16))
    assert (two["encoder"].pop("code_size"), sixteen["encoder"].pop("code_size")) == (2, 16)
    assert two == sixteen


def test_figure_12_has_a_model_a_single_t_and_draws_one_line():
    config = resolve("paper")
    members = config.members("drl_2d_single")
    times = [recipe(config, name, "mnist").times for name in members]
    assert [time.kind for time in times] == ["single"] * 10
    assert [time.t for time in times] == [k / 10 for k in range(1, 11)]
    assert members[0] == "drl_2d_single-t0.1"
    assert members[-1] == "drl_2d_single-t1"
    settings = settings_of("figure", config, "figure_12")
    assert settings["recipes"] == [["drl_2d_single", "DRL"]]
    assert settings["members"] == {"drl_2d_single": list(members)}
    assert measurements(config, "figure_12") == ("metrics/silhouettes/mnist.csv", "metrics/silhouettes/cifar10.csv")
    read = settings_of("silhouettes", config, "mnist")
    assert read == {"methods": ["drl"], "models": [[name, seed] for name in members for seed in (0, 1, 2)]}


def test_what_is_read_of_an_item_is_one_file_a_model():
    config = resolve("demo")
    # The second starts from a third, which is trained before it.
    assert models(config, "figure_2") == tuple(
        trained("digits", name, 0) for name in ("drl_2d", "drl_2d_high", "drl_2d_focus")
    )
    assert measurements(config, "figure_2")[1] == "metrics/latent_grid/digits/drl_2d_focus/seed0.csv"
    assert measurements(config, "figure_13") == ("metrics/later_start/digits/unconditional/seed0.csv",)
    assert measurements(config, "table_6") == ("metrics/fid/digits/unconditional/seed0.csv",)


# --------------------------------------------------------------------------------------------------- what reruns a job


@pytest.mark.parametrize("changed", ["steps=31", "epsilon=0.01", "corrector_norm=batch", "predictor=reverse_diffusion"])
def test_how_samples_are_drawn_reruns_no_training(changed):
    config, other = resolve("demo"), resolve("demo", sets=(f"recipes.drl_2d.sampler.{changed}",))
    for name in ("drl_2d", "drl_2d_high", "drl_2d_focus"):
        assert settings_of("pretrain", config, "digits", name) == settings_of("pretrain", other, "digits", name)
        for study in ("latent_grid", "one_code"):
            assert settings_of(study, config, "digits", name) != settings_of(study, other, "digits", name)
        # The ODE's solver has neither predictor nor corrector, and ends where the grid ends.
        swaps = [settings_of("code_swap", c, "digits", name) for c in (config, other)]
        assert set(swaps[0]["sampler"]) == {"steps", "epsilon"}
        assert (swaps[0] != swaps[1]) == changed.startswith(("steps", "epsilon"))
    assert settings_of("silhouettes", config, "digits") == settings_of("silhouettes", other, "digits")
    assert settings_of("figure", config, "figure_2") == settings_of("figure", other, "figure_2")
    assert settings_of("later_start", config, "digits", "unconditional") == settings_of(
        "later_start", other, "digits", "unconditional"
    )


def test_what_a_recipe_goes_on_from_is_part_of_what_it_learns():
    config = resolve("demo")
    for changed in ("freeze=nothing", "start_from=drl_2d"):
        other = resolve("demo", sets=(f"recipes.drl_2d_focus.{changed}",))
        one, two = (settings_of("pretrain", c, "digits", "drl_2d_focus") for c in (config, other))
        assert one != two
    assert recipe(config, "drl_2d_focus", "digits").start_from == "drl_2d_high"
    assert recipe(config, "drl_2d", "digits").start_from is None
    assert recipe(config, "song_deep", "digits").start_from == "data/song_ve_deep.safetensors"


@pytest.mark.parametrize(
    ("study", "recipe_name", "key"),
    [
        ("latent_grid", "drl_2d", "latent_grid.cells=7"),
        ("latent_grid", "drl_2d", "latent_grid.extent.drl=3"),
        ("one_code", "drl_2d", "one_code.columns=3"),
        ("code_swap", "drl_2d", "code_swap.t=0.5"),
        ("later_start", "unconditional", "later_start.images=200"),
        ("later_start", "unconditional", "later_start.uniform=per_image_channel"),
        ("fid", "unconditional", "fid.extractor=inception"),
        ("fid", "unconditional", "later_start.t_init=[1.0]"),
    ],
)
def test_a_study_s_own_settings_rerun_it_and_no_other(study, recipe_name, key):
    config, other = resolve("demo"), resolve("demo", sets=(f"studies.{key}",))
    assert settings_of(study, config, "digits", recipe_name) != settings_of(study, other, "digits", recipe_name)
    section = key.partition(".")[0]
    for name in {"latent_grid", "one_code", "code_swap", "later_start"} - {section}:
        which = "unconditional" if name == "later_start" else "drl_2d"
        assert settings_of(name, config, "digits", which) == settings_of(name, other, "digits", which)
    assert settings_of("pretrain", config, "digits", recipe_name) == settings_of(
        "pretrain", other, "digits", recipe_name
    )


def test_how_many_samples_are_shown_draws_figure_13_alone_again():
    config, other = resolve("demo"), resolve("demo", sets=("studies.later_start.shown=3",))
    for study in ("later_start", "fid"):
        one, two = (settings_of(study, c, "digits", "unconditional") for c in (config, other))
        assert one == two
    assert [settings_of("figure", c, "figure_13").pop("shown") for c in (config, other)] == [2, 3]
    assert settings_of("table", config, "table_6") == settings_of("table", other, "table_6")


def test_where_and_in_what_batches_samples_are_drawn_reruns_nothing():
    config = resolve("demo")
    other = resolve("demo", sets=("run.sampling_batch=7", "run.inception_weights=nowhere.pth"))
    assert (config.run.sampling_batch, config.run.inception_weights) == (None, None)
    assert (other.run.sampling_batch, other.run.inception_weights) == (7, "nowhere.pth")
    for study in ("pretrain", "later_start", "fid"):
        one, two = (settings_of(study, c, "digits", "unconditional") for c in (config, other))
        assert one == two


def test_fid_is_measured_again_with_other_weights_and_not_where_they_lie(tmp_path):
    def measured(*sets):
        return settings_of(
            "fid", resolve("demo", ("studies.fid.extractor=inception", *sets)), "digits", "unconditional"
        )["fid"]

    files = [tmp_path / name for name in ("one.pth", "same.pth", "other.pth")]
    for file, content in zip(files, (b"one", b"one", b"other"), strict=True):
        file.write_bytes(content)
    one, same, other = (measured(f"run.inception_weights={file}") for file in files)
    assert one == same == {"extractor": "inception", "weights_sha256": hashlib.sha256(b"one").hexdigest()}
    assert other["weights_sha256"] == hashlib.sha256(b"other").hexdigest()
    assert "weights_sha256" not in measured()
    # No classifier of ours has a say.
    assert measured("recipes.other={inherits: supervised}", "studies.fid.recipe=other") == measured()
    with pytest.raises(UserError, match=r"^config: run\.inception_weights: there is no .*none\.pth; give") as caught:
        measured(f"run.inception_weights={tmp_path / 'none.pth'}")
    assert "\n" not in str(caught.value)


def test_a_classifier_measures_whatever_weights_there_are():
    section = settings_of("fid", resolve("demo"), "digits", "unconditional")["fid"]
    assert section == {"extractor": "supervised", "recipe": "supervised"}


def test_table_6_is_made_again_when_what_the_paper_prints_is_corrected(tmp_path, monkeypatch):
    config = resolve("demo")
    before = settings_of("table", config, "table_6")
    assert before["published"] == hashlib.sha256(drawing.PAPER_VALUES.read_bytes()).hexdigest()
    corrected = tmp_path / "values.csv"
    corrected.write_text(drawing.PAPER_VALUES.read_text().replace("25.02", "25.03"))
    monkeypatch.setattr(drawing, "PAPER_VALUES", corrected)
    after = settings_of("table", config, "table_6")
    assert after["published"] != before["published"]
    assert {**after, "published": None} == {**before, "published": None}
    assert "published" not in settings_of("figure", config, "figure_13")


@pytest.mark.parametrize("dataset", ["cifar10", "cifar100", "mnist", "fashion_mnist"])
def test_unconditional_models_see_natural_images_flipped_and_digits_as_they_are(dataset):
    config = resolve("paper")
    assert recipe(config, "unconditional", dataset).horizontal_flip == dataset.startswith("cifar")


def test_the_square_s_side_is_the_method_s():
    config = resolve("paper")
    assert settings_of("latent_grid", config, "mnist", "drl_2d")["latent_grid"] == {
        "t": 0.5,
        "cells": 10,
        "extent": 1.0,
    }
    assert settings_of("latent_grid", config, "mnist", "vdrl_2d")["latent_grid"]["extent"] == 2.0
    assert settings_of("figure", config, "figure_3")["extents"] == {"vdrl_2d": 2.0, "vdrl_2d_focus": 2.0}


def test_settings_of_figure_13_and_table_6_name_their_cells_in_order():
    config = resolve("demo", sets=("studies.later_start.t_init=[1.0,0.5]",))
    for item in ("figure_13", "table_6"):
        settings = settings_of("figure", config, item)
        assert settings["t_init"] == [1.0, 0.5]
        assert settings["priors"] == ["gaussian", "uniform_gaussian", "mean_image"]
    assert settings_of("table", config, "table_6")["extractor"] == "supervised"
    assert settings_of("fid", config, "digits", "unconditional")["cells"]["t_init"] == [1.0, 0.5]


# ------------------------------------------------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("studies.later_start.t_init=[0.0,1.0]", "studies.later_start.t_init.0: input should be greater than 0"),
        ("studies.later_start.t_init=[0.5,1.1]", "studies.later_start.t_init.1: input should be less than or equal"),
        ("studies.later_start.t_init=[0.5,0.5]", "studies.later_start.t_init: 0.5 is given twice"),
        ("studies.later_start.t_init=[]", "studies.later_start.t_init"),
        ("studies.later_start.priors=[gauss]", "studies.later_start.priors.0: input should be 'gaussian', 'uniform_"),
        ("studies.later_start.priors=[gaussian,gaussian]", "studies.later_start.priors: 'gaussian' is given twice"),
        ("studies.later_start.uniform=pixel", "studies.later_start.uniform: input should be 'per_pixel' or"),
        ("studies.later_start.images=1", "studies.later_start.images"),
        ("studies.later_start.images=3", "studies.later_start: images: 3 are fewer than the 2 x 2 that are shown"),
        ("studies.later_start.shown=11", "studies.later_start: images: 100 are fewer than the 11 x 11 that are shown"),
        ("studies.later_start.shown=0", "studies.later_start.shown: input should be greater than or equal to 1"),
        (
            "studies.later_start.t_init=[0.5,0.50000001]",
            "studies.later_start: t_init: 0.5, 0.5 are not all different in six digits",
        ),
        ("run.sampling_batch=0", "run.sampling_batch: input should be greater than 0"),
        ("run.inception_weights=3", "run.inception_weights: input should be a valid string"),
        ("studies.fid.weights=file.pth", "studies.fid: unknown key 'weights'"),
        ("studies.later_start.repeats=0", "studies.later_start.repeats"),
        ("studies.latent_grid.cells=1", "studies.latent_grid.cells: input should be greater than or equal to 2"),
        ("studies.latent_grid.extent.drl=0", "studies.latent_grid.extent.drl: input should be greater than 0"),
        ("studies.latent_grid.t=1.5", "studies.latent_grid.t"),
        ("studies.code_swap.t=0", "studies.code_swap.t: input should be greater than 0"),
        ("studies.code_swap.classes=1", "studies.code_swap.classes"),
        ("studies.code_swap.tolerance=0", "studies.code_swap.tolerance"),
        ("studies.one_code.columns=1", "studies.one_code.columns"),
        ("studies.fid.extractor=resnet", "studies.fid.extractor: input should be 'inception' or 'supervised'"),
        ("recipes.drl_2d.sampler.predictor=ddim", "recipes.drl_2d.sampler.predictor: input should be 'reverse_diff"),
        ("recipes.drl_2d.sampler.corrector=ald", "recipes.drl_2d.sampler.corrector: input should be 'langevin' or"),
        ("recipes.drl_2d.sampler.steps=1", "recipes.drl_2d.sampler.steps: input should be greater than or equal to 2"),
        ("recipes.drl_2d.sampler.snr=0", "recipes.drl_2d.sampler.snr"),
        ("recipes.drl_2d.sampler.epsilon=1.0", "recipes.drl_2d.sampler.epsilon"),
        ("recipes.drl_2d.sampler.step=3", "recipes.drl_2d.sampler: unknown key 'step'; did you mean 'steps'?"),
        ("recipes.drl_nd.sweep.d=[2,2]", "drl_nd.sweep.d must be a list of different numbers"),
        ("recipes.drl_nd.sweep.d=[2.5]", "recipes.drl_nd.encoder.code_size"),
        ("recipes.drl_2d_single.sweep.t=[1.5]", "recipes.drl_2d_single.times.t"),
        ("recipes.drl.iterations=0", "recipes.drl: iterations 0 trains nothing; give at least 1, or start_from"),
        ("recipes.drl.freeze=encoder", "recipes.drl: freeze: encoder needs an encoder that was trained; give start"),
        ("recipes.drl.freeze=score", "recipes.drl.freeze: input should be 'nothing' or 'encoder'"),
        ("recipes.song_deep.freeze=encoder", "recipes.song_deep: freeze: encoder needs an encoder"),
        ("recipes.unconditional.encoder={kind: unet}", "recipes.unconditional: method unconditional has no encoder"),
        ("recipes.score_features.encoder={kind: unet}", "recipes.score_features: method score_features has no encoder"),
        ("recipes.drl.encoder=null", "recipes.drl: method drl needs an encoder, but encoder is null"),
        ("recipes.supervised.score={kind: ncsnpp}", "recipes.supervised: method supervised has no score network"),
    ],
)
def test_a_bad_setting_is_one_line_that_names_its_key(setting, expected):
    line = complaint(setting)
    assert line.removeprefix("config: recipes: ").removeprefix("config: ").startswith(expected)


def test_as_many_samples_as_are_drawn_can_be_shown_and_close_t_init_told_apart():
    config = resolve("demo", sets=("studies.later_start.shown=10", "studies.later_start.t_init=[0.500001,0.5]"))
    assert (config.studies.later_start.images, config.studies.later_start.shown) == (100, 10)
    assert config.studies.later_start.t_init == (0.500001, 0.5)


@pytest.mark.parametrize(
    ("t", "epsilon", "refused"),
    [(0.01, 0.01, True), (0.01, 0.02, True), (0.011, 0.01, False), (0.001, None, True), (0.002, None, False)],
)
def test_what_is_swapped_at_has_noise_left_to_remove(t, epsilon, refused):
    end = "null" if epsilon is None else epsilon
    config = resolve("demo", sets=(f"studies.code_swap.t={t}", f"recipes.drl_2d.sampler.epsilon={end}"))
    if not refused:
        assert settings_of("code_swap", config, "digits", "drl_2d")["code_swap"]["t"] == t
        return
    with pytest.raises(UserError, match=rf"^config: studies\.code_swap\.t: {t} leaves nothing .*; use a larger t$"):
        settings_of("code_swap", config, "digits", "drl_2d")


def test_t_init_is_above_0_and_at_most_1():
    whole = resolve("demo").studies.later_start.model_dump()
    for t in (1e-6, 0.7, 1.0):
        assert LaterStartSettings.model_validate(whole | {"t_init": [t]}).t_init == (t,)
    for t in (0.0, -1e-9, 1.0000001, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="t_init"):
            LaterStartSettings.model_validate(whole | {"t_init": [t]})


@pytest.mark.parametrize(
    ("item", "name", "expected"),
    [
        ("figure_4", "unconditional", "'unconditional' has no encoder, and figure_4 is about codes"),
        ("figure_2", "unconditional", "'unconditional' has no encoder, and figure_2 is about codes"),
        ("figure_6", "score_features", "'score_features' takes no codes, and figure_6 samples from codes"),
        ("figure_2", "score_features", "'score_features' takes no codes, and figure_2 samples from codes"),
        ("figure_2", "supervised", "'supervised' has no score network, and figure_2 shows samples"),
        ("figure_13", "supervised", "'supervised' has an encoder, and figure_13 samples without codes"),
        ("figure_2", "vdrl_8d", "'vdrl_8d' has codes of 8 entries, and figure_2 shows 2-d codes"),
        ("figure_3", "vdrl", "'vdrl' has codes of 64 entries, and figure_3 shows 2-d codes"),
        ("table_6", "drl_2d", "'drl_2d' has an encoder, and table_6 samples without codes"),
        ("figure_2", "drl_nd", "'drl_nd' is a sweep, and figure_2 does not choose among its members"),
    ],
)
def test_a_recipe_that_an_item_cannot_use_is_named(item, name, expected):
    assert complaint(f"items.{item}.recipes=[{name}]").startswith(f"config: items.{item}.recipes: {expected}")


def test_a_method_without_a_square_is_refused_when_its_figure_is_planned():
    sets = ("recipes.x={inherits: drl_2d, method: {kind: cdae}}", "items.figure_2.recipes=[x]")
    config = resolve("demo", sets=sets)
    for plan in (
        lambda: settings_of("latent_grid", config, "digits", "x"),
        lambda: settings_of("figure", config, "figure_2"),
    ):
        with pytest.raises(UserError) as caught:
            plan()
        line = str(caught.value)
        assert line.startswith("config: studies.latent_grid.extent: says nothing about method 'cdae'")
        assert "\n" not in line


def test_cdae_predicts_images_so_no_chain_can_be_drawn_from_it():
    """It has the score network's architecture, and no score."""
    named = "recipes.x={inherits: drl_2d, method: {kind: cdae}}"
    assert complaint(named, "items.figure_6.recipes=[x]").startswith("config: items.figure_6.recipes: 'x'")


def test_figure_12_asks_for_models_of_a_single_t():
    assert complaint("items.figure_12.recipes=[drl_2d]").startswith("config: items.figure_12.recipes: 'drl_2d'")


@pytest.mark.parametrize(("name", "word"), [("supervisd", "supervised"), ("drl", "supervised")])
def test_the_extractor_must_be_a_supervised_recipe(name, word):
    line = complaint(f"studies.fid.recipe={name}")
    assert line.startswith("config: studies.fid.recipe: ")
    assert word in line


def test_more_classes_than_a_dataset_has_are_refused_when_figure_6_is_planned():
    config = resolve("demo", sets=("studies.code_swap.classes=11",))
    with pytest.raises(UserError, match=r"^config: studies\.code_swap\.classes: 11 .* 'digits' has; use at most 10$"):
        settings_of("code_swap", config, "digits", "drl_2d")


@pytest.mark.parametrize(
    ("sets", "expected"),
    [
        (
            ["recipes.drl_2d_high.start_from=drl_2d_focus"],
            "drl_2d_focus.start_from: starts from itself through drl_2d_",
        ),
        (["recipes.drl_2d_focus.start_from=drl_2d_focus"], "through drl_2d_focus -> drl_2d_focus"),
        (
            [
                "recipes.a={inherits: drl_2d, start_from: b}",
                "recipes.b={inherits: drl_2d, start_from: a}",
                "recipes.drl_2d_focus.start_from=a",
            ],
            "through drl_2d_focus -> a -> b -> a",
        ),
        (["recipes.drl_2d_focus.start_from=drl_2d_hihg"], "unknown recipe 'drl_2d_hihg'; did you mean 'drl_2d_high'?"),
        (["recipes.drl_2d_focus.start_from=drl_nd"], "is a sweep; name one of its members"),
        (["recipes.drl_2d_focus.start_from=drl_nd-d3"], "is not a member of its sweep"),
    ],
)
def test_a_chain_of_starts_that_leads_nowhere_is_named(sets, expected):
    line = complaint(*sets)
    assert line.startswith("config: recipes.")
    assert ".start_from: " in line
    assert expected in line
    assert line.count("config:") == 1, "the key is named once"


@pytest.mark.parametrize(
    ("section", "change"),
    [
        ("encoder", "encoder: {nf: 4}"),
        ("encoder", "encoder: {code_size: 3}"),
        ("score", "score: {fir: true}"),
        ("pixels", "pixels: unit"),
    ],
)
def test_a_start_with_other_networks_or_pixels_is_refused_before_anything_is_trained(section, change):
    named = "recipes.x={inherits: drl_2d, " + change + "}"
    line = complaint(named, "recipes.drl_2d_focus.start_from=x")
    assert line.startswith(
        f"config: recipes.drl_2d_focus.start_from: 'x' has another `{section}` than 'drl_2d_focus'; "
    )
    assert line.count("config:") == 1
    # It is refused for the difference, whichever of the two is the first.
    other = "recipes.x={inherits: drl_2d, start_from: drl_2d_high, " + change + "}"
    line = complaint(other, "items.figure_6.recipes=[x]")
    assert f"recipes.x.start_from: 'drl_2d_high' has another `{section}` than 'x'" in line


@pytest.mark.parametrize(
    ("section", "first", "change"),
    [
        ("decoder", "{inherits: ae", "decoder: {dropout: 0.3}}"),
        ("centre_inputs", "{inherits: drl, pixels: unit", "centre_inputs: true}"),
    ],
)
def test_a_start_with_another_decoder_or_centre_is_refused(section, first, change):
    sets = ("recipes.x=" + first + ", start_from: y}", "items.figure_4.recipes=[x]")
    line = complaint(*sets, f"recipes.y={first}, {change}")
    assert line.startswith(f"config: recipes.x.start_from: 'y' has another `{section}` than 'x'; start from")
    assert read("demo", sets=(*sets, f"recipes.y={first}, iterations: 7}}"))


def test_a_start_may_differ_in_all_that_is_no_network():
    changes = "iterations: 7, batch_size: 3, times: {kind: sigma_uniform}, sampler: {steps: 3}"
    sets = ("recipes.x={inherits: drl_2d, " + changes + "}", "recipes.drl_2d_focus.start_from=x")
    assert recipe(read("demo", sets=sets), "drl_2d_focus", "digits").start_from == "x"


def test_chains_of_starts_may_be_long_end_in_a_file_or_in_a_sweep_s_member():
    sets = [
        "recipes.a={inherits: drl_2d, start_from: b}",
        "recipes.b={inherits: drl_2d, start_from: drl_2d_high}",
        "recipes.drl_2d_focus.start_from=a",
        "recipes.drl_2d_high.start_from=somewhere/model.safetensors",
        "recipes.vdrl_2d_high.start_from=drl_nd-d2",
    ]
    config = read("demo", sets=sets)
    assert recipe(config, "vdrl_2d_high", "digits").start_from == "drl_nd-d2"
    assert recipe(config, "a", "digits").start_from == "b"
