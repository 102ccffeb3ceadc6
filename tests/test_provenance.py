"""What reruns a job: its settings and the meaning of the code it reaches, and nothing else."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from drl import provenance
from drl.config import slices
from drl.config.resolve import resolve
from drl.errors import UserError

ROOT = Path(__file__).resolve().parents[1]
CONFIG = resolve("demo")
JOBS = {
    "prepare": slices.prepare(CONFIG, "digits"),
    "pretrain": slices.pretrain(CONFIG, "digits", "drl"),
    "probe": slices.probe(CONFIG, "digits"),
    "figure": slices.figure(CONFIG, "figure_4"),
}


@pytest.fixture
def copy(tmp_path):
    """Return a function that edits a file of a copy of drl/ and returns all jobs' digests there."""
    shutil.copytree(ROOT / "drl", tmp_path / "drl", ignore=shutil.ignore_patterns("__pycache__"))
    jobs = {**JOBS, "vdrl": slices.pretrain(CONFIG, "digits", "vdrl"), "usage": slices.figure(CONFIG, "code_usage")}
    commands = {name: {"vdrl": "pretrain", "usage": "figure"}.get(name, name) for name in jobs}

    def digests(file=None, old=None, new=None):
        if file is not None:
            path = tmp_path / "drl" / file
            text = path.read_text()
            assert old in text, f"{old!r} is not in {file}"
            path.write_text(text.replace(old, new, 1))
        code = (
            "import json, sys; from drl.provenance import command_digest\n"
            "jobs, commands = json.load(sys.stdin)\n"
            "print(json.dumps({n: command_digest(commands[n], s) for n, s in jobs.items()}))"
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


def changed(before, after):
    return {name for name in before if before[name] != after[name]}


def test_edits_rerun_what_they_reach(copy):
    start = copy()
    edits = [
        ("diffusion/losses.py", '"""L', '"""A loss: l', set()),
        ("training/loop.py", "    def advance", "    # a comment\n\n    def advance", set()),
        ("cli.py", "STOPPED = 75", "STOPPED = 76", set()),
        ("progress.py", "LINE_SECONDS = 10.0", "LINE_SECONDS = 11.0", set()),
        ("device.py", "PAPER_SIZE_CHANNELS = 16", "PAPER_SIZE_CHANNELS = 17", set()),
        ("config/check.py", "levels - 1", "levels - 2 + 1", set()),
        ("reporting/style.py", "#D55E00", "#D55E01", {"figure", "usage"}),
        ("reporting/code_usage.py", "100 * line", "1e2 * line", {"usage"}),
        ("evaluation/batched_mlp.py", "2**16", "2 ** (8 + 8)", {"probe"}),
        ("training/ema.py", "self.updates += 1", "self.updates += 2", {"pretrain", "vdrl"}),
        ("data/sources/digits.py", "16", "17", {"prepare"}),
    ]
    for file, old, new, expected in edits:
        after = copy(file, old, new)
        assert changed(start, after) == expected, file
        start = after
    # Probes load models, and so reach every network and the methods' base, but a method's file is found by name.
    after = copy("methods/vdrl.py", "0.5 *", "0.25 * 2 *")
    assert changed(start, after) == {"vdrl"}


@pytest.mark.parametrize("command", sorted(JOBS))
def test_what_a_job_imports_is_in_its_digest(command, stripes, tmp_path):
    """Run the entry point's imports in a fresh process and compare with the modules found by reading."""
    settings = JOBS[command]
    modules = [provenance.ENTRY_POINTS[command], *provenance.named_modules(command, settings)]
    code = f"import sys\nfor m in {modules!r}: __import__(m)\nprint(*(m for m in sys.modules if m.startswith('drl')))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    imported = {name for name in run.stdout.split() if not provenance.is_machinery(name)}
    found = provenance.reached(*modules)
    assert imported <= found | {name.rpartition(".")[0] for name in found}, imported - found


def test_machinery_exists():
    for name in provenance.MACHINERY:
        path = ROOT.joinpath(*name.split("."))
        assert path.with_suffix(".py").is_file() or path.is_dir()


def test_code_that_changed_under_a_job_stops_it():
    good = provenance.command_digest("probe", JOBS["probe"])
    assert provenance.check_code("probe", JOBS["probe"], good) == good
    with pytest.raises(UserError, match="the code changed after this job was planned"):
        provenance.check_code("probe", JOBS["probe"], "0" * 16)


def test_fingerprints_depend_on_every_part_and_not_on_key_order():
    one = provenance.fingerprint({"a": 1, "b": 2}, "x")
    assert one == provenance.fingerprint({"b": 2, "a": 1}, "x")
    assert len({one, provenance.fingerprint({"a": 1, "b": 3}, "x"), provenance.fingerprint({"a": 1, "b": 2}, "y")}) == 3


def test_importing_drl_and_its_configuration_needs_no_torch():
    code = "import drl.config.resolve, drl.items, drl.provenance, drl.cli, sys; print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert run.stdout.strip() == "False"
