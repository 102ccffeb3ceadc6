"""profiles/slurm without a SLURM: what it says, and what the rules ask for. tests/slurm runs it for real."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
import yte

from drl.pipeline.registry import STEPS

ROOT = Path(__file__).resolve().parents[2]
PROFILE = ROOT / "profiles" / "slurm" / "config.yaml"
RULES = ROOT / "workflow" / "rules"


@pytest.fixture
def profile(monkeypatch):
    """Return what reads the profile, with some of the environment set."""
    for name in ("ACCOUNT", "PARTITION", "GPU_PARTITION", "GPU"):
        monkeypatch.delenv(f"DRL_SLURM_{name}", raising=False)
    monkeypatch.delenv("DRL_MAX_MINUTES", raising=False)

    def read(**environment: str):
        for name, value in environment.items():
            monkeypatch.setenv(f"DRL_SLURM_{name}", value)
        return yte.process_yaml(PROFILE.read_text(encoding="utf-8"), require_use_yte=True)

    return read


def test_it_names_every_rule_that_computes_on_a_gpu(profile):
    expected = {name for name, step in STEPS.items() if step.gpu}
    assert set(profile(GPU="none")["set-resources"]) == expected


def test_without_wishes_slurm_chooses(profile):
    made = profile()
    assert "set-resources" not in made
    assert set(made["default-resources"]) == {"mem_mb", "runtime"}


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("gres", {"gpu": 0, "gres": "'gpu:1'"}),
        ("gres:a100", {"gpu": 0, "gres": "'gpu:a100:1'"}),
        ("none", {"gpu": 0}),
    ],
)
def test_one_switch_says_how_a_gpu_is_asked_for(profile, form, expected):
    assert profile(GPU=form)["set-resources"]["pretrain"] == expected


def test_account_and_partitions(profile):
    made = profile(ACCOUNT="lab", PARTITION="short", GPU_PARTITION="gpus")
    assert made["default-resources"]["slurm_account"] == "'lab'"
    assert made["default-resources"]["slurm_partition"] == "'short'"
    assert made["set-resources"]["probe"] == {"slurm_partition": "'gpus'"}
    assert profile(GPU="none")["set-resources"]["probe"] == {"gpu": 0}


def test_an_unknown_form_is_one_line(profile, capsys):
    for form in ("cuda", "gres:", "gres:a100-sxm4"):
        with pytest.raises(SystemExit) as stopped:
            profile(GPU=form)
        assert stopped.value.code == 2
        valid = "gpus, gres, gres:TYPE (letters, digits, _ and .), none"
        assert capsys.readouterr().err == f"drl: DRL_SLURM_GPU is {form!r}; valid: {valid}\n"


@pytest.mark.parametrize(
    ("limit", "retries"), [("", 10), ("1440", 10), ("2880", 10), ("720", 20), ("50", 288), ("x", 10)]
)
def test_shorter_jobs_may_be_more(profile, monkeypatch, limit, retries):
    monkeypatch.setenv("DRL_MAX_MINUTES", limit)
    assert profile()["retries"] == retries


def test_every_key_is_explained():
    """A comment stands over each key, or over the block of lines that it is in."""
    lines = PROFILE.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        if re.match(r"[a-z-]+:", line):
            block = number
            while lines[block].strip() and not lines[block].startswith("#"):
                block -= 1
            assert lines[block].startswith("#"), line


def test_the_default_profile_is_another():
    """--workflow-profile replaces the default one, so that what both need must stand in both."""
    default = yaml.safe_load((ROOT / "profiles" / "default" / "config.yaml").read_text(encoding="utf-8"))
    slurm = yte.process_yaml(PROFILE.read_text(encoding="utf-8"), require_use_yte=True)
    for key in ("rerun-incomplete", "show-failed-logs"):
        assert default[key] == slurm[key]
