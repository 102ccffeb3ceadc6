"""docs/own_images.md: its commands are ones that there are, and what it says of settings is so."""

import re
import shlex

import pytest
import yaml

from drl.cli.costs import axes
from drl.cli.main import cli
from drl.config.resolve import recipe
from drl.pipeline.configuration import resolve
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


def test_sizes_and_batches_are_those_of_the_scales():
    configs = {scale: resolve(scale) for scale in ("demo", "lite", "paper")}
    assert [config.studies.study.image_size for config in configs.values()] == [16, 32, 32]
    assert "size | 16 pixels at demo scale, 32 at the others" in TEXT
    batches = [recipe(config, name).batch_size for config in configs.values() for name in config.studies.study.recipes]
    assert batches == [64] * 4 + [100] * 2
    assert "64, at paper scale 100" in TEXT
    assert configs["lite"].studies.study.recipes == ("drl_best", "ae")
