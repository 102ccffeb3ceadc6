"""docs/own_images.md: its commands are ones that there are, and what it says of settings is so."""

import re
import shlex

import pytest
import yaml

from drl.cli.costs import axes
from drl.cli.main import cli
from drl.config.resolve import recipe
from drl.errors import UserError
from drl.pipeline import folder_facts
from drl.pipeline.checks import own_study_fits
from drl.pipeline.configuration import resolve
from drl.pipeline.folder_facts import FolderFacts
from drl.pipeline.label_budgets import few_shot_labels
from drl.pipeline.own_images import FEWEST_TRAIN, FEWEST_UNSPLIT, with_folder
from drl.pipeline.own_study import PARTS
from tests.workflow.conftest import ROOT

TEXT = (ROOT / "docs" / "own_images.md").read_text()
COMMANDS = [line for line in TEXT.splitlines() if line.startswith(("drl ", "snakemake "))]
COMMANDS += re.findall(r"`((?:drl|snakemake) [^`…]* [^`…]*)`", TEXT)


def test_there_are_commands():
    assert len(COMMANDS) >= 9


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_understood(command):
    program, name, *words = shlex.split(command)
    if program == "drl":
        # Only parsed: what it does is tested where it is written.
        cli.commands[name].make_context(name, words)
        return
    assert name in ("study", "figure_4")
    given = words[words.index("--config") + 1 :] if "--config" in words else []
    scale, _ = axes([word for word in given if "=" in word])
    assert scale == "lite"
    known = ("--cores", "all", "--config", "--report", "study.html", "-n")
    assert all(word in known for word in words if "=" not in word)


def test_the_example_of_own_settings_works():
    (example,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    settings = yaml.safe_load(example)
    config = resolve("lite", sets=[f"{section}={value}" for section, value in settings.items()])
    assert config.studies.study.recipes == ("drl", "simclr")
    assert config.studies.study.image_size == 64
    assert recipe(config, "drl").iterations == 20000


def test_every_part_is_described():
    assert re.findall(r"^\| `(\w+)\.\{(.*)\}` \|", TEXT, re.MULTILINE) == [
        (name, ",".join(suffix.removeprefix(".") for suffix in part.suffixes)) for name, part in PARTS.items()
    ]


@pytest.fixture
def counted(tmp_path, monkeypatch):
    """Return the settings of a folder with so many images of each class."""

    def read(*counts):
        monkeypatch.setattr(
            folder_facts,
            "read_folder",
            lambda *_: FolderFacts(tuple(map(str, range(len(counts)))), counts, None, True, "digest", "listing"),
        )
        config, name = with_folder(LITE, str(tmp_path))
        return config.model_copy(update={"dataset": name})

    return read


LITE = resolve("lite")


def test_the_fewest_images_are_those_that_the_page_names(counted):
    assert (
        "| all classes | 80 (scales demo and lite), 125 (scale paper), a few more if there are more than 15 classes; "
        "with your own split, 64 or 100 in `train/` |" in TEXT
    )
    for classes, each in ((2, 40), (4, 20), (8, 10)):
        config = counted(*[each] * classes)
        assert config.datasets[config.dataset].train == 64
        own_study_fits(config, config.dataset)
        fewer = counted(*[each - 1] * classes)
        with pytest.raises(UserError, match="takes 64 a step"):
            own_study_fits(fewer, fewer.dataset)
    for last, enough in ((24, False), (25, True)):
        config = counted(25, 25, 25, 25, last)
        assert (config.datasets[config.dataset].train >= recipe(resolve("paper"), "drl_best").batch_size) == enough
    assert f"each class | {FEWEST_UNSPLIT}; with your own split, {FEWEST_TRAIN} in `train/`" in TEXT


def test_few_labels_need_as_many_images_as_the_page_says(counted):
    rows = re.findall(r"^\| (\d+) \| (\d+) \| (\d+) \|$", TEXT, re.MULTILINE)
    assert len(rows) == 4
    assert LITE.few_shot_validates
    assert resolve("paper").few_shot_validates
    for classes, *needed in (map(int, row) for row in rows):
        for labels, each in zip((100, 1000), needed, strict=True):
            config = counted(*[each] * classes)
            assert labels in few_shot_labels(config, config.dataset)
            if each > FEWEST_UNSPLIT:
                fewer = counted(*[each - 1] * classes)
                assert labels not in few_shot_labels(fewer, fewer.dataset)


def test_how_often_an_image_is_seen_follows_from_the_recipe():
    ours = recipe(LITE, "drl_best")
    assert ours.iterations * ours.batch_size == 1_280_000 == 64 * 20_000 == 4000 * 320
    assert (
        "sees 1.28 million images in 20,000 steps: each of 64 training images\n20,000 times, each of 4,000 images 320"
        in TEXT
    )
    assert ours.method.kind == "vdrl"
    assert (ours.objective.preconditioning, ours.objective.weighting) == ("paper", "paper")


def test_sizes_and_batches_are_those_of_the_scales():
    configs = {scale: resolve(scale) for scale in ("demo", "lite", "paper")}
    assert [config.studies.study.image_size for config in configs.values()] == [16, 32, 32]
    assert "size | 16 pixels at demo scale, 32 at the others" in TEXT
    batches = [recipe(config, name).batch_size for config in configs.values() for name in config.studies.study.recipes]
    assert batches == [64] * 4 + [100] * 2
    assert "a batch of 64 different training images, at scale paper 100" in TEXT
    assert configs["lite"].studies.study.recipes == ("drl_best", "ae")
