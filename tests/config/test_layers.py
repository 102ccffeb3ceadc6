import pytest

from drl.config.layers import FILES, FOLDER, Layer, layers, merged, own_layers, read_yaml
from drl.config.resolve import recipe
from drl.config.schema import SCALES
from drl.errors import UserError
from drl.pipeline.configuration import resolve, resolve_over


@pytest.mark.parametrize("scale", SCALES)
def test_files_of_config_have_no_key_twice_and_later_layers_win(scale):
    """A recipe, item or section has one place in config/: which file is read first does not matter there."""
    found: dict[str, str] = {}
    for name in FILES:
        for section, value in read_yaml(FOLDER / name).items():
            for key in [f"{section}.{inner}" for inner in value] if isinstance(value, dict) else [section]:
                assert found.setdefault(key, name) == name
    own = [Layer("one", {"scale": scale, "seeds": [4]}), Layer("two", {"seeds": [5]})]
    sources = [layer.source for layer in layers(own)]
    assert sources == [*(f"config/{name}" for name in FILES), f"config/scales/{scale}.yaml", "one", "two"]
    assert merged(layers(own))["seeds"] == [5]


def test_a_section_whose_kind_a_user_changes_starts_empty_at_every_scale():
    sets = ["recipes.drl.encoder={kind: unet, code_size: 4}"]
    for scale in SCALES:
        assert merged(layers(own_layers(scale, (), sets)))["recipes"]["drl"]["encoder"] == {
            "kind": "unet",
            "code_size": 4,
        }


def test_a_scale_s_every_item_holds_for_all_that_have_datasets_and_a_user_s_item_wins():
    config = resolve("demo", sets=["items.figure_4.datasets=[mnist5k]"])
    assert {name: item.datasets for name, item in config.items.items() if item.datasets != ("digits",)} == {
        "figure_4": ("mnist5k",),
        "theory": (),
    }


def test_users_file_wins_over_the_scale(tmp_path):
    own = tmp_path / "own.yaml"
    own.write_text("seeds: [7]\nrecipes: {drl: {iterations: 3}}\n")
    config = resolve("demo", files=[own])
    assert config.seeds == (7,)
    assert recipe(config, "vdrl").iterations == recipe(config, "drl").iterations == 3
    assert recipe(config, "drl").batch_size == 64  # the scale's


def test_what_is_said_to_snakemake_is_laid_over_as_by_drl(tmp_path):
    said = {"scale": "lite", "seeds": "1", "recipes": {"drl": {"encoder": {"width": 2}}}}
    assert resolve_over(said) == resolve("lite", sets=["seeds='1'", "recipes.drl.encoder.width=2"])


def test_broken_files_are_named(tmp_path):
    broken = tmp_path / "broken.yaml"
    broken.write_text("a: [1")
    for path, word in ((broken, "is not YAML"), (tmp_path / "none.yaml", "cannot be read")):
        with pytest.raises(UserError, match=word) as caught:
            resolve("demo", files=[path])
        assert str(path) in str(caught.value)


def test_unknown_scale_is_named():
    with pytest.raises(UserError, match="unknown scale 'papr'; did you mean 'paper'"):
        resolve("papr")
