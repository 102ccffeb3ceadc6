"""The check of a GPU, tried on a CPU: end to end, and that a step that goes wrong costs only its own row."""

import json
import os
import sys
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks.gpu_check import environment, training_steps, wheels
from benchmarks.gpu_check.__main__ import main
from benchmarks.gpu_check.cases import TINY, cases, difference, given_draws
from benchmarks.gpu_check.runner import run_all
from benchmarks.gpu_check.step import STEPS, Step, Where
from benchmarks.gpu_check.table import GOALS, table
from drl.errors import UserError
from tests.device.cases import CALLS
from tests.device.pretend import PretendedCuda

BAD = "tests.benchmarks.bad_steps"


def step(name, limit=60.0, *options):
    return Step(name, f"{BAD}:{name}", limit, options)


def rows_of(folder):
    return {row["step"]: row for row in map(json.loads, (folder / "rows.jsonl").read_text().splitlines())}


def test_it_runs_end_to_end_on_a_cpu(tmp_path, capsys):
    words = ["--device", "cpu", "--tiny", "--budget", "1200", "--out", str(tmp_path)]
    # On a busy machine, a step may take many times as long as on a GPU's.
    assert main(words, [replace(step, limit=600.0) for step in STEPS]) == 0
    rows = rows_of(tmp_path)
    assert [row["status"] for row in rows.values()] == ["ok"] * len(STEPS)
    assert rows["resume"]["found"] == {"default, equal": True, "deterministic, equal": True}
    assert rows["pseudo-labels"]["found"]["different labels"] == 0
    assert rows["cases"]["found"]["failed"] == 0
    assert rows["cases"]["found"]["compared"] == len(TINY) + 1
    for name in ("drl", "vdrl", "simclr", "fine-tuning, 32 pixels", "fine-tuning, 84 pixels"):
        found = rows[f"steps, {name}"]["found"]
        assert found["eager images/s"] > 0
        assert found["graphed equal"]
        assert not found["captured"]
    said = capsys.readouterr().out
    assert all(f"\n{step.name} " in said for step in STEPS)
    assert (tmp_path / "table.md").read_text() in said


def test_goals_name_steps():
    assert {goal.step for goal in GOALS} <= {step.name for step in STEPS}


def test_a_step_that_goes_wrong_costs_only_its_own_row(tmp_path, capsys):
    steps = [step("fails"), step("hangs", 3.0), step("is_killed"), step("ends"), step("lacks"), step("fine", 60.0, 7)]
    assert main(["--device", "cpu", "--out", str(tmp_path)], steps) == 1
    rows = rows_of(tmp_path)
    found = {name: (row["status"], row.get("detail", row.get("found"))) for name, row in rows.items()}
    assert found == {
        "fails": ("failed", "RuntimeError: CUDA error: an illegal memory access"),
        "hangs": ("hung", "not finished after 3 s"),
        "is_killed": ("killed", "SIGKILL: no output"),
        "ends": ("failed", "exit status 3: Segmentation fault somewhere"),
        "lacks": ("missing", "a_module_that_nobody_has"),
        "fine": ("ok", {"number": 7, "device": "cpu"}),
    }
    assert "without a_module_that_nobody_has there is no: lacks\n" in capsys.readouterr().out
    child = int((tmp_path / "01_hangs" / "child").read_text())
    for _ in range(100):
        if not running(child):
            break
        time.sleep(0.1)
    assert not running(child)


def running(process):
    try:
        return "\nState:\tZ" not in Path(f"/proc/{process}/status").read_text()
    except OSError:
        return False


def test_steps_that_no_time_is_left_for_are_named(tmp_path):
    rows = list(run_all([step("fine"), step("fine")], Where("cpu", True, tmp_path), budget=5.0))
    assert [row["status"] for row in rows] == ["no time", "no time"]


def test_the_table_says_what_was_measured_and_why_not():
    names = [step.name for step in STEPS]
    rows = [{"step": name, "status": "failed", "detail": "CUDA | error"} for name in names[1:]]
    rows += [{"step": "environment", "status": "ok", "found": {"card": "a card", "graphs": True}}]
    text = table(rows)
    assert "| card | a card | any | none |" in text
    assert "| a tiny CUDA graph replays | yes | yes | none |" in text
    assert "| DRL step, graphed: images/s | failed: CUDA / error | at least 10,000 | none |" in text
    rows = [{"step": "steps, drl", "status": "ok", "found": {"graphed images/s": 12345.6, "eager busy share": 0.25}}]
    assert "| 12,346 |" in table(rows)
    assert "| 0.25 |" in table(rows)


MINOR = sys.version_info.minor


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("rich-14.0-py3-none-any.whl", True),
        ("six-1.0-py2.py3-none-any.whl", True),
        ("old-1.0-py2-none-any.whl", False),
        (f"pydantic_core-2.0-cp3{MINOR}-cp3{MINOR}-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", True),
        (f"pydantic_core-2.0-cp3{MINOR + 1}-cp3{MINOR + 1}-manylinux_2_17_x86_64.whl", False),
        (f"pydantic_core-2.0-cp3{MINOR - 1}-cp3{MINOR - 1}-manylinux_2_17_x86_64.whl", False),
        (f"pydantic_core-2.0-cp3{MINOR}-cp3{MINOR}t-manylinux_2_17_x86_64.whl", False),
        ("safetensors-0.5-cp38-abi3-manylinux_2_17_x86_64.whl", True),
        ("safetensors-0.5-cp38-abi3-manylinux_2_17_aarch64.whl", False),
        ("safetensors-0.5-cp38-abi3-manylinux_2_99_x86_64.whl", False),
        ("safetensors-0.5-cp38-abi3-macosx_11_0_arm64.whl", False),
        ("safetensors-0.5-cp38-abi3-musllinux_1_2_x86_64.whl", False),
        ("notes.txt", False),
    ],
)
def test_wheels_that_fit(name, expected, monkeypatch):
    monkeypatch.setattr(wheels.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(wheels.platform, "libc_ver", lambda: ("glibc", "2.35"))
    monkeypatch.setattr(wheels.sys, "platform", "linux")
    assert wheels.fits(name) == expected


def wheel(folder, name, content):
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / name, "w") as made:
        made.writestr(content, "NUMBER = 5\n")


def test_wheels_beside_it_are_used_for_what_is_not_installed(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    folder = tmp_path / "wheels"
    wheel(folder, "tiny_wheel_of_a_test-1.0-py3-none-any.whl", "tiny_wheel_of_a_test.py")
    wheel(folder, "numpy-0.1-py3-none-any.whl", "numpy.py")  # installed in a real version
    wheel(folder, "other-1.0-py2-none-any.whl", "other.py")
    words = ["--device", "cpu", "--out", str(tmp_path / "out"), "--wheels", str(folder)]
    assert main(words, [step("needs_a_wheel")]) == 0
    assert "unpacked: tiny_wheel_of_a_test-1.0-py3-none-any.whl\n" in capsys.readouterr().out
    assert os.listdir(tmp_path / "out" / "packages") == ["tiny_wheel_of_a_test.py"]
    assert rows_of(tmp_path / "out")["needs_a_wheel"]["found"] == {"number": 5}


def test_cases_are_compared_with_given_random_numbers(monkeypatch, tmp_path):
    where = Where("cuda", True, tmp_path)
    with PretendedCuda():
        assert cases(where)["largest difference"] < 1e-5
        real = CALLS["codes of drl"]

        def wrong(device, precision):
            call = real(device, precision)
            return lambda: [tensor + (0.5 if device.type == "cuda" else 0) for tensor in call()]

        monkeypatch.setitem(CALLS, "codes of drl", wrong)
        monkeypatch.setitem(CALLS, "probe", lambda device, precision: 1 / 0)
        found = cases(where)
    assert found["largest difference"] > 0.01
    assert found["in"] == "codes of drl"
    assert list(found["failures"]) == ["probe"]


def test_differences():
    assert difference(torch.tensor([1.0, 4.0]), torch.tensor([1.0, 5.0])) == pytest.approx(0.2)
    assert difference(torch.tensor([0.0]), torch.tensor([0.5])) == 0.5
    assert difference(torch.tensor([7], dtype=torch.uint8), torch.tensor([8], dtype=torch.uint8)) == 0
    assert difference(torch.tensor([7], dtype=torch.uint8), torch.tensor([9], dtype=torch.uint8)) > 0
    assert difference(torch.zeros(2), torch.zeros(3)) == float("inf")


def test_draws_are_those_of_the_cpu_and_only_inside(monkeypatch):
    before = torch.rand, torch.Tensor.normal_
    with PretendedCuda(), given_draws():
        source = torch.Generator("cuda").manual_seed(3)
        drawn = [
            torch.rand(4, generator=source, device="cuda"),
            torch.empty(3, device="cuda").normal_(generator=source),
        ]
        drawn = [value.cpu() for value in drawn]
    plain = torch.Generator().manual_seed(3)
    assert torch.equal(drawn[0], torch.rand(4, generator=plain))
    assert torch.equal(drawn[1], torch.empty(3).normal_(generator=plain))
    assert before == (torch.rand, torch.Tensor.normal_)


def test_steps_are_captured_and_compared_on_the_pretended_gpu(monkeypatch, tmp_path):
    """All but the profiler, which needs a GPU."""
    monkeypatch.setattr(training_steps, "_profiled", lambda training: {"launches": 1.0})
    monkeypatch.setattr(training_steps, "TINY_STEPS", 5)
    monkeypatch.setattr(torch.cuda, "set_sync_debug_mode", lambda mode: None)
    with PretendedCuda():
        found = training_steps.pretraining_steps(Where("cuda", True, tmp_path), "drl")
        assert environment._replays()
    assert found["captured"]
    assert found["graphed equal"]
    assert found["host waits"] == found["graphed host waits"] == "0"
    assert {"eager images/s", "graphed images/s", "eager launches", "graphed launches"} <= set(found)


def test_a_step_that_cannot_be_captured_keeps_its_eager_numbers(monkeypatch, tmp_path):
    def refuse(where, make, plain):
        raise UserError("run.graphs: on, but a training step cannot be captured here (a reason); use auto or off")

    monkeypatch.setattr(training_steps, "_timed_graphed", refuse)
    found = training_steps.pretraining_steps(Where("cpu", True, tmp_path), "drl")
    assert found["eager images/s"] > 0
    assert "(a reason)" in found["why not"]
