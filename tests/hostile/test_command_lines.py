"""Random words for every command: one line and exit code 2, or what was asked for."""

import copy
import json
import os
import time
from functools import cache
from pathlib import Path
from unittest.mock import patch

import click
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from drl.cli.main import cli
from drl.cli.options import parsed, read_json
from drl.errors import UserError
from drl.pipeline.configuration import resolve
from drl.pipeline.studies import STUDIES
from drl.pipeline.studies.training import PREPARE
from tests.hostile.profile import examples
from tests.hostile.test_config_trees import ODD, mutated, places

# What a user leaves out is asked for; so these have them, and only the rest is random.
USUAL = {
    **{step.command: ["--dataset", "digits", "--recipe", "drl"] for step in STUDIES.values()},
    "theory": [],
    "fine-tune": ["--dataset", "digits", "--arm", "none", "--labels", "100"],
    "prepare": ["--dataset", "digits"],
    "figure": ["4"],
    "table": ["1"],
    "study": ["few_shot", "--dataset", "digits"],
}
# Their own words never end, compute for minutes, or are long.
PRINTS = ("items", "schema")
NUMBERS = ["nan", "inf", "-inf", "-1", "0", "1e999", "9" * 30, "9" * 5000, "1_0", "x", "", "0x1", "１", "1.5", " 1"]
WORDS = st.one_of(
    st.sampled_from([*NUMBERS, "..", "/dev/null/x", "nowhere", "--", "-", "drl", "digits", "{}", "a=b", "dataset=x"]),
    st.sampled_from(["\udcff", "a\nb", "[" * 5000, '{"a":' * 3000, "~nosuchuser/x", "x" * 5000]),
    st.text(max_size=6),
).filter(lambda word: "\0" not in word)  # which no argument of a process can have


def run(folder, *words):
    """Run a command in a folder; it ends in time, with one line or a result, and leaves nothing elsewhere."""
    before, started = Path.cwd(), time.perf_counter()
    os.chdir(folder)
    try:
        # `drl run` would become Snakemake, in place of this process.
        with patch("os.execv", side_effect=SystemExit(0)):
            done = CliRunner().invoke(cli, list(words))
    finally:
        os.chdir(before)
    assert time.perf_counter() - started < 10, words
    error = done.exception
    if error is not None and not isinstance(error, UserError | click.ClickException | OSError | SystemExit):
        raise error
    return done


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An empty folder, in which no job finds its inputs."""
    return tmp_path_factory.mktemp("empty")


def numeric():
    """Return every option of every command that takes a number."""
    for name, command in cli.commands.items():
        for option in command.params:
            if isinstance(option.type, click.IntRange | click.FloatRange) or option.type in (click.INT, click.FLOAT):
                yield name, option.opts[0], option.type


def test_every_number_has_bounds():
    for name, option, kind in numeric():
        assert isinstance(kind, click.IntRange | click.FloatRange), (name, option)
        assert not isinstance(kind, click.IntRange) or kind.max is not None, (name, option)
        if isinstance(kind, click.FloatRange):
            for word in ("nan", "inf"):
                with pytest.raises(click.BadParameter):
                    kind.convert(word, None, None)


@settings(derandomize=True, deadline=None, max_examples=examples(80))
@given(st.sampled_from(sorted(set(cli.commands) - set(PRINTS))), st.data())
def test_random_words_are_one_line(folder, name, data):
    options = [option.opts[0] for option in cli.commands[name].params if option.opts[0].startswith("--")]
    options = options or ["--config", "--workflow-profile", "-s"]  # Snakemake's, of `drl run`
    words = data.draw(st.lists(st.one_of(st.sampled_from(options), WORDS), min_size=1, max_size=5))
    # Measuring the machine and making real data take minutes, and are what was asked for.
    ends = {"plan": ["--minutes", "nan"], "prepare": ["--settings", "{}"], "theory": ["--settings", "{}"]}.get(name, [])
    run(folder, name, *words, *ends)


@settings(derandomize=True, deadline=None, max_examples=examples(60))
@given(st.sampled_from(list(numeric())), st.sampled_from(NUMBERS))
def test_odd_numbers_are_refused_or_used(folder, option, number):
    name, word, _ = option
    done = run(folder, name, *([] if name == "plan" else USUAL.get(name, [])), word, number, "--settings={")
    assert done.exit_code != 0


@cache
def planned(name):
    """Return a step, and the settings that its rule would hand to a job."""
    config = resolve("demo")
    step = next(step for step in (PREPARE, *STUDIES.values()) if step.command == name)
    usual = dict(zip(USUAL[name][::2], USUAL[name][1::2], strict=True))
    axes = {"seed": 0, "split": 0, **{key.removeprefix("--"): value for key, value in usual.items()}}
    if "labels" in axes:
        axes["labels"] = int(axes["labels"])
    return step, step.settings_for(config, axes).slice()


@settings(derandomize=True, deadline=None, max_examples=examples(60))
@given(st.sampled_from(sorted(step.command for step in (PREPARE, *STUDIES.values()))), st.data())
def test_incomplete_settings_are_one_line(name, data):
    step, whole = planned(name)
    tree = copy.deepcopy(whole)
    at = data.draw(st.sampled_from(places(tree)))
    mutated(tree, at, data.draw(st.sampled_from(["remove", "replace", "rename"])), data.draw(ODD))
    try:
        found = parsed("--settings", step.parsed, read_json("--settings", json.dumps(tree)))
    except UserError as error:
        said = str(error)
    else:
        said = ""
        json.dumps(found.slice(), allow_nan=False)
    assert len(said) < 500
    assert "\n" not in said


TAKES_SETTINGS = sorted(
    name for name, command in cli.commands.items() if "settings" in {p.name for p in command.params}
)


@pytest.mark.parametrize("name", TAKES_SETTINGS)
def test_settings_that_are_no_settings(folder, name):
    for text in ("{}", "[]", "null", "NaN", '{"a": 1}', '{"a": {}, "a": {}}', "[" * 9999, '{"\\udcff": 1}', "9" * 5000):
        done = run(folder, name, *USUAL.get(name, []), "--scale", "demo", "--settings", text)
        assert done.exit_code != 0
        assert isinstance(done.exception, UserError | SystemExit), (name, text[:20])
        assert len(str(done.exception)) < 500
        assert len(str(done.exception).splitlines()) == 1
