import pytest

from drl.errors import UserError
from drl.pipeline.configuration import resolve
from drl.pipeline.own_study import PARTS, part_files, shown, study_dataset
from drl.pipeline.registry import STEPS


@pytest.fixture(scope="module")
def config():
    return resolve("demo", sets=["dataset=digits", "seeds=[3,5]", "studies.study.recipes=[ae,drl]"])


def test_models_are_recipes_times_seeds(config):
    wanted = tuple(
        STEPS["probe"].at(dataset="digits", recipe=recipe, seed=seed) for recipe in ("ae", "drl") for seed in (3, 5)
    )
    assert tuple(file.job for file in part_files("probe_curve", config, {"dataset": "digits"})["metrics"]) == wanted


def test_each_part_has_its_files(config):
    assert [file.path for file in part_files("few_shot", config, {"dataset": "digits"})["metrics"]][::4] == [
        "metrics/few_shot/digits/ae/seed3.csv",
        "metrics/probe/digits/ae/seed3.csv",
    ]
    assert [file.path for file in part_files("latent_scatter", config, {"dataset": "digits"})["pictures"]][:1] == [
        "metrics/code_view/digits/ae/seed3.codes.csv"
    ]
    assert STEPS["study_probe_curve"].at(dataset="digits").output == "study/digits/probe_curve.svg"
    assert STEPS["study_few_shot"].at(dataset="digits").output == "study/digits/few_shot.csv"
    assert {part.suffixes for part in PARTS.values()} == {(".svg", ".png", ".csv"), (".csv", ".md", ".tex")}


def test_whose_images_must_be_said(config):
    assert study_dataset(config) == "digits"
    with pytest.raises(UserError, match=r"study: of which images\? Add --config dataset=path/to/folder"):
        study_dataset(resolve("demo"))


def test_names_are_shown_short_and_as_they_are():
    assert shown("cats") == "cats"
    assert shown("a$b$") == r"a\$b\$"
    long = [shown("a rather long name of a folder or class, number " + str(k)) for k in (1, 2)]
    assert all(28 < len(name) <= 32 for name in long)
    assert long[0] != long[1]
