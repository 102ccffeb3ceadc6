"""What reruns a job: its settings and the meaning of the code it reaches, and nothing else."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from drl.config.methods import BY_KIND
from drl.errors import UserError
from drl.files import fingerprint
from drl.pipeline.configuration import resolve
from drl.pipeline.registry import STEPS
from drl.pipeline.studies.codes import PROBE
from drl.pipeline.studies.training import method_module
from drl.records import code_digest
from tests.job_settings import settings_of
from tests.recipes import recipes_set

ROOT = Path(__file__).resolve().parents[2]
CONFIG = resolve("demo")
JOBS = {
    "prepare": settings_of("prepare", CONFIG, "digits"),
    "pretrain": settings_of("pretrain", CONFIG, "digits", "drl"),
    "probe": settings_of("probe", CONFIG, "digits", "drl"),
    "few_shot": settings_of("few_shot", CONFIG, "digits", "vdrl_8d"),
    "learning_speed": settings_of("learning_speed", CONFIG, "digits", "drl"),
    "figure": settings_of("figure", CONFIG, "figure_4"),
}


@pytest.fixture
def copy(tmp_path):
    """Return a function that edits a file of a copy of drl/ and returns all jobs' digests there."""
    shutil.copytree(ROOT / "drl", tmp_path / "drl", ignore=shutil.ignore_patterns("__pycache__"))
    others = ("vdrl", "ae", "simclr")
    jobs = {**JOBS, **{name: settings_of("pretrain", CONFIG, "digits", name) for name in others}}
    jobs["usage"] = settings_of("figure", CONFIG, "code_usage")
    commands = {name: {"usage": "figure", **dict.fromkeys(others, "pretrain")}.get(name, name) for name in jobs}

    def digests(file=None, old=None, new=None):
        if file is not None:
            path = tmp_path / "drl" / file
            text = path.read_text()
            assert old in text, f"{old!r} is not in {file}"
            path.write_text(text.replace(old, new, 1))
        code = (
            "import json, sys\n"
            "from drl.pipeline.registry import STEPS\n"
            "from drl.records.code_digest import code_digest\n"
            "jobs, steps = json.load(sys.stdin)\n"
            "code = {n: STEPS[steps[n]].code(STEPS[steps[n]].parsed(s)) for n, s in jobs.items()}\n"
            "print(json.dumps({n: code_digest(modules) for n, modules in code.items()}))"
        )
        run = subprocess.run(
            [sys.executable, "-c", code],
            input=json.dumps([jobs, commands]),
            capture_output=True,
            text=True,
            cwd=tmp_path,
            check=True,
        )
        return json.loads(run.stdout)

    return digests


@pytest.fixture(scope="module")
def made_by_hand(tmp_path_factory):
    """Run the jobs on a few digits, each in a process of its own that says at its end what it had imported."""
    folder = tmp_path_factory.mktemp("jobs")
    small = [
        "datasets.digits={train: 100, test: 60, validation: 20}",
        "items.table_1.beyond=[]",
        "studies.fine_tune={steps: 37, batch_size: 10, labelled_batch: 5, supervised_epochs: 1, passes: 1}",
        "studies.fine_tune.early_epoch=2",
        recipes_set(iterations=2, batch_size=8),
        "studies.probe={label_budgets: [20, 30, 50, all], epochs: 1, t: [0.5], seeds: [0]}",
        "items={figure_9: {budget: 20}, figure_10: {budget: 30}, figure_11: {budget: 50}}",
        "studies.code_usage={images: 8, times: 1}",
        "studies.few_shot={labels: [20]}",
        "studies.theory={steps: 2, t: [1.0], draws: 20, nodes: 3, paths: 20, path_steps: 5, train: 20}",
        "items.figure_4={datasets: [digits], recipes: [drl]}",
        "seeds=[0]",
    ]
    config = resolve("demo", sets=small)
    settings = {
        "prepare": settings_of("prepare", config, "digits"),
        "pretrain": settings_of("pretrain", config, "digits", "drl"),
        "probe": settings_of("probe", config, "digits", "drl"),
        "few_shot": settings_of("few_shot", config, "digits", "drl"),
        "learning_speed": settings_of("learning_speed", config, "digits", "drl"),
        "figure": settings_of("figure", config, "figure_4"),
        "fine_tune": settings_of("fine_tune", config, "digits", "none", 20),
        "theory": settings_of("theory", config),
    }
    words = [word for setting in small for word in ("--set", setting)]
    model = ["--dataset", "digits", "--recipe", "drl", "--threads", "1"]
    commands = {
        "prepare": ["--dataset", "digits"],
        "pretrain": model,
        "probe": model,
        "few_shot": model,
        "learning_speed": model,
        "figure": ["4"],
        "fine_tune": ["--dataset", "digits", "--arm", "none", "--labels", "20", "--threads", "1"],
        "theory": ["--seed", "0", "--threads", "1"],
    }
    code = (
        "import sys, atexit; sys.path.insert(0, sys.argv.pop(1)); from drl.cli.main import main\n"
        "atexit.register(lambda: print(*(m for m in sys.modules if m.startswith('drl'))))\n"
        "main()"
    )
    imported = {}
    for command, more in commands.items():
        run = subprocess.run(
            [sys.executable, "-c", code, str(ROOT), command.replace("_", "-"), *more, "--scale", "demo", *words],
            capture_output=True,
            text=True,
            cwd=folder,
            check=False,
        )
        assert run.returncode == 0, run.stderr
        imported[command] = run.stdout.splitlines()[-1].split()
    return {"settings": settings, "imported": imported}


def changed(before, after):
    return {name for name in before if before[name] != after[name]}


def test_edits_rerun_what_they_reach(copy):
    start = copy()
    trainings = {"pretrain", "vdrl", "ae", "simclr"}
    measurements = {"probe", "few_shot", "learning_speed"}
    edits = [
        ("diffusion/losses.py", '"""L', '"""A loss: l', set()),
        ("training/loop.py", "    def advance", "    # a comment\n\n    def advance", set()),
        ("cli/main.py", "STOPPED = 75", "STOPPED = 76", set()),
        ("jobs/progress.py", "LINE_SECONDS = 10.0", "LINE_SECONDS = 11.0", set()),
        ("jobs/device.py", "PAPER_SIZE_CHANNELS = 16", "PAPER_SIZE_CHANNELS = 17", set()),
        ("pipeline/checks.py", "levels - 1", "levels - 2 + 1", set()),
        ("reporting/style.py", "#D55E00", "#D55E01", {"figure", "usage"}),
        ("reporting/code_usage.py", "100 * line", "1e2 * line", {"usage"}),
        ("evaluation/batched_mlp.py", "2**16", "2 ** (8 + 8)", {"probe", "learning_speed"}),
        ("evaluation/trajectory.py", "1e-9", "2e-9", {"probe"}),
        ("evaluation/few_shot.py", "= SVC()", "= SVC(C=2)", {"few_shot"}),
        ("training/ema.py", "return min(self.decay", "return max(self.decay", trainings),
        ("models/wide_resnet.py", "momentum=0.9", "momentum=0.8", trainings | measurements),
        ("data/sources/digits.py", "16", "17", {"prepare"}),
    ]
    for file, old, new, expected in edits:
        after = copy(file, old, new)
        assert changed(start, after) == expected, file
        start = after
    # A method's file is found by name, so another method's edits reach nothing of this one.
    for file, old, new, expected in [
        ("methods/vdrl.py", "class Objective", "KEY = 1\n\n\nclass Objective", {"vdrl", "few_shot"}),
        ("methods/conditional.py", "2 * lam", "lam * 2", {"pretrain", "vdrl"} | measurements),
        ("methods/contrastive.py", ".mean(0)", ".mean(dim=0)", {"simclr"}),
        ("data/augment/simclr.py", "0.1 * size", "size * 0.1", {"simclr"}),
        ("data/augment/flip.py", "< 0.5", "<= 0.5", trainings),
    ]:
        after = copy(file, old, new)
        assert changed(start, after) == expected, file
        start = after


@pytest.mark.parametrize("command", [*sorted(JOBS), "fine_tune", "theory"])
def test_what_a_job_imports_while_it_runs_is_in_its_digest(command, made_by_hand):
    """Compare what a real run of the job imported with the modules found by reading."""
    step = STEPS[command]
    modules = step.code(step.parsed(made_by_hand["settings"][command]))
    imported = {name for name in made_by_hand["imported"][command] if not code_digest.changes_no_result(name)}
    assert step.module in imported
    # Packages hold a docstring only, and being imported changes nothing.
    found = code_digest.reached(*modules)
    # The configuration is checked with these; of a job that they decide they are found as well.
    imported -= {"drl.laplacenet", "drl.laplacenet.schedule", "drl.data", "drl.data.padding"}
    assert ("drl.laplacenet.schedule" in found) == (command == "fine_tune")
    assert ("drl.data.padding" in found) == (command == "pretrain")
    assert imported <= found | {name.rpartition(".")[0] for name in found}, imported - found


def test_modules_that_change_no_result_exist():
    for name in code_digest.WITHOUT_RESULTS:
        path = ROOT.joinpath(*name.split("."))
        assert path.with_suffix(".py").is_file() or path.is_dir()


def test_code_that_changed_under_a_job_stops_it():
    modules = PROBE.code(PROBE.parsed(JOBS["probe"]))
    good = code_digest.code_digest(modules)
    assert code_digest.check_code("probe", modules, good) == good
    with pytest.raises(UserError, match="the code changed after this job was planned"):
        code_digest.check_code("probe", modules, "0" * 16)


def test_fingerprints_depend_on_every_part_and_not_on_key_order():
    one = fingerprint({"a": 1, "b": 2}, "x")
    assert one == fingerprint({"b": 2, "a": 1}, "x")
    assert len({one, fingerprint({"a": 1, "b": 3}, "x"), fingerprint({"a": 1, "b": 2}, "y")}) == 3


def test_importing_drl_and_its_configuration_needs_no_torch():
    code = (
        "import drl.pipeline.configuration, drl.records.code_digest, drl.cli.main, sys; print('torch' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert run.stdout.strip() == "False"


@pytest.mark.parametrize(("name", "value"), [("noisy_codes", True), ("codes_by", "score")])
def test_what_a_methods_class_states_of_its_codes_is_in_the_digest_of_its_jobs_alone(name, value, monkeypatch):
    jobs = {
        (step, kind): STEPS[step].settings_for(CONFIG, {"dataset": "digits", "recipe": kind})
        for step in ("pretrain", "probe")
        for kind in ("dae", "drl")
    }

    def digests():
        return {key: code_digest.code_digest(STEPS[key[0]].code(settings)) for key, settings in jobs.items()}

    before = digests()
    monkeypatch.setattr(BY_KIND["dae"], name, value)
    after = digests()
    assert {key for key in before if before[key] != after[key]} == {("pretrain", "dae"), ("probe", "dae")}


def test_a_method_that_states_nothing_special_has_only_its_module():
    assert method_module("drl") == ("drl.methods.drl",)
    assert method_module("score_features") == (
        "drl.methods.score_features",
        "drl.config.methods: score_features.codes_by = score",
        "drl.config.methods: score_features.noisy_codes = True",
    )
    with pytest.raises(UserError, match=r"^unknown method 'dlr'; did you mean 'drl'\?$"):
        method_module("dlr")
