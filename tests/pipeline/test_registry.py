"""Every step, through every tool that reads the registry: settings, digest, files, rule, command, verify, caption."""

import importlib.util
import json

import pytest
from click.testing import CliRunner

from drl.cli.main import cli
from drl.config.schema import SCALES
from drl.errors import UserError
from drl.files import canonical_json
from drl.pipeline.configuration import resolve
from drl.pipeline.drawing import item_step
from drl.pipeline.items import item_jobs, known_item, with_all_before
from drl.pipeline.registry import STEPS
from drl.pipeline.rules import Rules
from drl.pipeline.step import PlannedJob, ResultFile
from drl.pipeline.studies import STUDIES
from drl.records.code_digest import changes_no_result, code_digest, reached
from drl.records.run_card import write_card
from drl.records.verify import verify
from drl.reporting.captions import caption

CONFIG = resolve("demo", sets=["dataset=digits"])
ITEMS = tuple(CONFIG.items)


def example(name: str) -> PlannedJob:
    """Return some job of a step: one that an item needs, or one of a study of the digits."""
    step = STEPS[name]
    for item in ITEMS:
        drawing = item_step(CONFIG, item).at(item=item)
        for job in with_all_before(CONFIG, [drawing]):
            if job.step is step:
                return job
    return step.at(dataset="digits", recipe="drl", seed=0)


@pytest.mark.parametrize("name", STEPS)
def test_settings_survive_the_way_to_a_job(name):
    job = example(name)
    settings = job.step.settings_for(CONFIG, job.about)
    assert isinstance(settings, job.step.job)
    again = job.step.parsed(json.loads(canonical_json(settings.slice())))
    assert type(again) is type(settings)
    assert canonical_json(again.slice()) == canonical_json(settings.slice())


@pytest.mark.parametrize("name", STEPS)
def test_its_code_is_found_and_there(name):
    job = example(name)
    modules = job.step.code(job.step.settings_for(CONFIG, job.about))
    assert all(importlib.util.find_spec(module.partition(": ")[0]) is not None for module in modules)
    assert set(modules) <= reached(*modules)
    assert not any(changes_no_result(module) for module in reached(*modules))
    assert len(code_digest(modules)) == 16


@pytest.mark.parametrize("name", STEPS)
def test_what_it_reads_is_made_or_outside(name):
    job = example(name)
    for files in job.needs(CONFIG).values():
        for file in files:
            made = file.job
            assert made is None or file.path in (*_outputs(made), f"{made.output}.json")


def _outputs(job: PlannedJob) -> tuple[str, ...]:
    return tuple(path.format(**job.about) for path in job.step.outputs)


@pytest.mark.parametrize("scale", SCALES)
def test_no_two_jobs_make_one_file(scale):
    config = resolve(scale)
    jobs = with_all_before(config, (item_step(config, item).at(item=item) for item in config.items))
    outputs = [path for job in jobs for path in _outputs(job)]
    assert len(outputs) == len(set(outputs))


@pytest.mark.parametrize("name", STEPS)
def test_its_rule_says_what_its_command_takes(name):
    job, rules = example(name), Rules(CONFIG, 10_000)
    wildcards = {key: str(value) for key, value in job.axes}
    words = rules.words(job.step)(wildcards).split()
    asked = CliRunner().invoke(cli, [*job.step.command.split()[:1], "--help"])
    assert asked.exit_code == 0
    options = [word for word in words if word.startswith("--")]
    assert all(option in asked.output for option in options)
    assert job.step.called or " ".join(job.step.help.split()[:4]) in " ".join(asked.output.split())
    assert rules.inputs(job.step)(wildcards) == rules.paths(
        file for files in job.needs(CONFIG).values() for file in files
    )
    assert json.loads(rules.settings(job.step)(wildcards)) == job.step.settings_for(CONFIG, job.about).slice()


@pytest.mark.parametrize("name", ["b{x}", "<script>"])
def test_a_file_from_outside_that_snakemake_cannot_name_is_refused(name, tmp_path):
    (tmp_path / name).touch()
    with pytest.raises(UserError, match=r"Snakemake cannot read paths with <, >, \{ or \}; rename it"):
        Rules(CONFIG, 10_000).paths([ResultFile(str(tmp_path / name), None)])


@pytest.mark.parametrize("name", STEPS)
def test_verify_knows_its_results(name, tmp_path):
    job = example(name)
    settings = job.step.settings_for(CONFIG, job.about)
    files = [tmp_path / path for path in _outputs(job)]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(file.name)
    digest = code_digest(job.step.code(settings))
    write_card(name, files, settings.slice(), digest, scale="demo", **job.about)
    assert verify(tmp_path, CONFIG) == []
    write_card(name, files, settings.slice(), "0" * 16, scale="demo", **job.about)
    assert [line for line in verify(tmp_path, CONFIG) if "made by other code" in line]


@pytest.mark.parametrize("name", STUDIES)
def test_items_about_it_have_captions(name):
    for item in [item for item in ITEMS if known_item(CONFIG, item).study == name]:
        said = caption(CONFIG, item)
        assert CONFIG.items[item].shows in said
        assert "Scale *demo*" in said
        assert item_jobs(CONFIG, item)
