import pytest

from drl.config.layers import layers, own_layers
from drl.config.origins import flat, origins
from drl.config.resolve import recipe
from drl.config.schema import SCALES
from drl.methods.describe import settings_in, settings_lines
from drl.pipeline.configuration import resolve


def found(name, dataset=None, scale="demo", files=(), sets=()):
    config = resolve(scale, files, sets)
    return origins(config, layers(own_layers(scale, files, sets)), name, dataset)


def test_each_value_has_the_file_and_key_that_set_it(tmp_path):
    own = tmp_path / "my.yaml"
    own.write_text("recipes: {drl: {score: {nf: 16}}, mine: {inherits: vdrl, label: Mine, sde: {kind: ve}}}")
    where = found("mine", "digits", files=[own], sets=["recipes.mine.optimiser.learning_rate=1.0e-3"])
    assert where["label"] == f"{own}: mine.label"
    assert where["method.kl_weight"] == "config/recipes/codes_128d.yaml: vdrl.method.kl_weight"
    assert where["iterations"] == "config/scales/demo.yaml: drl.iterations"
    assert where["score.nf"] == f"{own}: drl.score.nf"
    assert where["sde.kind"] == f"{own}: mine.sde.kind"
    assert where["optimiser.learning_rate"] == "--set: mine.optimiser.learning_rate"
    assert "method.l1_weight" not in where, "the section of another kind is gone"


def test_values_of_one_dataset_and_of_a_sweep_s_member_name_their_section():
    where = found("drl_2d_single-t0.5", "cifar10", scale="paper")
    assert where["iterations"] == "config/recipes/small_codes.yaml: drl_2d_single.for_dataset.cifar10.iterations"
    assert where["times.t"] == "config/recipes/small_codes.yaml: drl_2d_single.sweep.t"
    assert where["pixels"] == "config/recipes/small_codes.yaml: drl_2d.for_dataset.cifar10.pixels"
    assert found("drl_2d_single-t0.5", scale="paper")["pixels"] == "config/recipes/small_codes.yaml: drl_2d.pixels"


def test_a_setting_that_no_file_has_is_a_default():
    where = found("drl_edm", sets=["recipes.drl_edm.augmentation={flip: 0.1}"])
    assert where["augmentation.flip"] == "--set: drl_edm.augmentation.flip"
    assert "augmentation.operations" not in where
    (line,) = settings_lines(settings_in({"augmentation": {"operations": 1}}, where))
    assert line == "augmentation.operations  1  default"


@pytest.mark.parametrize("scale", SCALES)
def test_every_setting_of_every_recipe_has_its_line_of_at_most_120_columns(scale):
    config, files = resolve(scale), layers(own_layers(scale, (), ()))
    for name in (member for base in config.recipes for member in config.members(base)):
        for dataset in ("digits", "cifar10", "miniimagenet"):
            settings = recipe(config, name, dataset).model_dump(mode="json")
            lines = settings_lines(settings_in(settings, origins(config, files, name, dataset)))
            assert len(lines) == len(flat(settings))
            assert max(map(len, lines)) <= 120, name
