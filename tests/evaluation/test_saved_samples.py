"""A sampling job that ends within a batch, however it ends, goes on where it was: equal files, and no step twice."""

import json
import os
import re
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open

from drl.config.sampling import SamplerSettings
from drl.diffusion.samplers.chain import ChainState
from drl.errors import Unfinished, UserError
from drl.evaluation import later_start, one_code, saved_samples
from drl.evaluation.saved_samples import SavedSamples, seconds_saved
from drl.jobs import device
from drl.jobs.device import place
from drl.methods.score_matching import ScoreMatching
from tests.evaluation.jobs import ALONE, job_of

STEPS, MOMENT = 34, 1e-9
SAMPLER = SamplerSettings(steps=STEPS).slice()
ENCODER = {"kind": "unet", "code_size": 2, "nf": 4, "channel_multipliers": [1, 1], "blocks": 1}
# Chains of later_start begin at steps 0, 3 and 17 and share their batches.
CELLS = {"t_init": [0.5, 0.9, 1.0], "priors": ["uniform_gaussian"], "uniform": "per_pixel", "images": 3, "repeats": 1}
STUDIES = {
    "one_code": (one_code, {"t": 0.4, "columns": 3}, ".png", "drl", {"encoder": ENCODER}),
    "later_start": (later_start, CELLS, ".safetensors", "unconditional", {}),
    "from the mean image": (later_start, CELLS | {"priors": ["mean_image"]}, ".safetensors", "unconditional", {}),
}
# Samples at once -> batches of the nine.
SIZES = {None: 1, 5: 2}
KINDS = [
    {"predictor": "reverse_diffusion", "corrector": "langevin"},
    {"predictor": "euler_maruyama", "corrector": "none"},
]


@pytest.fixture
def states(tmp_path):
    return tmp_path / "states"


@pytest.fixture
def job(model_file, stripes, states, tmp_path):
    """Runs a study; returns the bytes of its files."""

    def run(study="one_code", name="job", resources=ALONE, states=states, **changes):
        module, protocol, suffix, kind, more = STUDIES[study]
        study = module.__name__.rsplit(".", 1)[-1]
        out = tmp_path / name / "out.csv"
        settings = {"method": kind, "sampler": SAMPLER | changes, study: protocol}
        files = {"model": model_file(kind, **more), "images": stripes}
        module.run(job_of(study, settings, out, states=states, resources=resources, **files))
        return out.read_bytes(), out.with_suffix(suffix).read_bytes()

    return run


@pytest.fixture
def calls(monkeypatch):
    """Counts calls of the score; sets after how many it dies."""
    score, counted = ScoreMatching.score, {"made": 0, "most": None}

    def spy(self, x, t, z):
        if counted["made"] == counted["most"]:
            raise KeyboardInterrupt
        counted["made"] += 1
        return score(self, x, t, z)

    monkeypatch.setattr(ScoreMatching, "score", spy)
    return counted


@pytest.fixture
def killed(job, calls):
    """Kills a job after so many calls of the score."""

    def run(most, *arguments, **changes):
        calls.update(made=0, most=most)
        with pytest.raises(KeyboardInterrupt):
            job(*arguments, **changes)
        assert calls["made"] == most
        calls.update(made=0, most=None)

    return run


def saved_files(states):
    names = sorted(path.name for path in states.glob("*/*"))
    return [name for name in names if ".previous." not in name]


@pytest.mark.parametrize("changes", KINDS, ids=["corrected", "plain"])
@pytest.mark.parametrize("study", STUDIES)
def test_a_job_that_was_killed_within_its_only_batch_goes_on(job, killed, calls, states, capsys, study, changes):
    resources, a_step = replace(ALONE, save_minutes=MOMENT), 2 if changes["corrector"] == "langevin" else 1
    whole = job(study, "whole", **changes)
    assert calls["made"] == a_step * STEPS
    # Within the second block of 16 steps and within the last step; then nothing of the first 16 or 32 is made again.
    for most, saved in ((a_step * 25 + 1, 16), (a_step * STEPS - 1, 32)):
        killed(most, study, resources=resources, **changes)
        assert saved_files(states) == ["part.safetensors"]
        capsys.readouterr()
        assert job(study, resources=resources, **changes) == whole
        assert calls["made"] == a_step * (STEPS - saved)
        assert f"step {STEPS}/{STEPS}, " in capsys.readouterr().err
        assert os.listdir(states) == []


def test_a_job_that_was_killed_within_a_later_batch_goes_on(job, killed, calls, states, capsys):
    study = "later_start"
    resources = replace(ALONE, save_minutes=MOMENT, sampling_batch=5)
    whole = job(study, "whole", resources=replace(resources, save_minutes=5.0))
    batch = 2 * STEPS
    assert calls["made"] == 2 * batch
    # Late in the second, and before it saves: what the first has left is not taken for the second's.
    for most, saved in ((batch + 2 * 33, batch + 2 * 32), (batch + 7, batch)):
        killed(most, study, resources=resources)
        assert saved_files(states) == ["batch000000.safetensors", "part.safetensors"]
        capsys.readouterr()
        assert job(study, resources=resources) == whole
        assert calls["made"] == 2 * batch - saved
        assert f"step {2 * STEPS}/{2 * STEPS}, " in capsys.readouterr().err
        assert os.listdir(states) == []


def test_a_job_goes_on_however_often_it_is_killed(job, calls, states):
    resources = replace(ALONE, save_minutes=MOMENT)
    whole, kills = job(name="whole"), 0
    while True:
        # Enough for 16 steps and a half.
        calls.update(made=0, most=2 * 16 + 1)
        try:
            found = job(resources=resources)
            break
        except KeyboardInterrupt:
            kills += 1
    assert found == whole
    assert kills == 2


@pytest.mark.parametrize(("study", "size"), [("one_code", None), ("later_start", 5)])
def test_a_job_whose_time_is_over_stops_within_a_batch_and_goes_on(job, calls, states, study, size):
    resources, n = replace(ALONE, sampling_batch=size), SIZES[size]
    whole = job(study, "whole", resources=resources)
    calls["made"] = 0
    message = f"^stopped at step 16 of batch 1 of {n}; run the same command to go on$"
    with pytest.raises(Unfinished, match=message):
        job(study, resources=replace(resources, wall_clock_minutes=MOMENT))
    assert calls["made"] == 2 * 16
    assert job(study, resources=resources) == whole
    assert calls["made"] == 2 * STEPS * n
    assert os.listdir(states) == []


@pytest.mark.parametrize(("study", "size"), [("one_code", 5), ("later_start", None)])
def test_every_call_gets_ahead_however_little_time_it_has(job, calls, states, study, size):
    resources, n = replace(ALONE, sampling_batch=size), SIZES[size]
    whole, short = job(study, "whole", resources=resources), replace(resources, wall_clock_minutes=MOMENT)
    calls["made"], stops = 0, []
    # The end of the last batch is the end of the job.
    while len(stops) < 20:
        try:
            found = job(study, resources=short)
            break
        except Unfinished as stop:
            stops.append(re.match(r"stopped at (.*); run the same command to go on", str(stop))[1])
    expected = [at for k in range(1, n + 1) for at in (*(f"step {s} of batch {k}" for s in (16, 32)), f"batch {k}")]
    assert stops == [f"{at} of {n}" for at in expected[:-1]]
    assert found == whole
    assert calls["made"] == 2 * STEPS * n
    assert os.listdir(states) == []


def test_the_time_of_processes_that_were_stopped_counts(states, tmp_path, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(saved_samples.time, "monotonic", lambda: now[0])
    folder, placement = tmp_path / "mark", place("cpu", "fp32", "off", 1)
    assert seconds_saved(folder) == 0
    images = torch.zeros(2, 1, 2, 2, dtype=torch.uint8)
    for number, (began, minutes) in enumerate([(1000.0, 5), (9000.0, 2)]):
        saved = SavedSamples(folder, placement, ALONE, began, 9)
        now[0] = began + 60 * minutes
        saved.journal().keep(number, images)
    assert seconds_saved(folder) == 60 * (5 + 2)
    (folder / "batch000001.safetensors").write_bytes(b"cut off")
    assert seconds_saved(folder) == 60 * 5


def test_states_are_saved_no_more_often_than_asked(states, tmp_path, monkeypatch):
    now, made = [1000.0], []
    monkeypatch.setattr(saved_samples.time, "monotonic", lambda: now[0])
    placement = place("cpu", "fp32", "off", 1)
    resources = replace(ALONE, save_minutes=2.0, wall_clock_minutes=7.0)
    saved = SavedSamples(tmp_path / "mark", placement, resources, now[0], 2)
    journal = saved.journal()
    assert (list(journal.done), journal.part) == ([], None)

    def keep(step, minutes):
        now[0] = 1000.0 + 60 * minutes

        def state():
            made.append(step)
            return ChainState(step, torch.full((2, 3), step), torch.zeros(2, 3), torch.ones(2, 5, dtype=torch.uint8))

        journal.keep_part(0, state)
        return saved.journal().part

    assert keep(16, 1.9) is None
    assert keep(32, 2.0).step == 32
    assert keep(48, 3.9).step == 32
    part = keep(64, 4.1)
    assert (part.step, part.x.tolist()) == (64, [[64] * 3] * 2)
    assert torch.equal(part.noise, torch.ones(2, 5, dtype=torch.uint8))
    # The last that is saved is where it stops.
    with pytest.raises(Unfinished, match="stopped at step 80 of batch 1 of 2"):
        keep(80, 7.0)
    assert saved.journal().part.step == 80
    assert made == [32, 64, 80]


def test_a_batch_that_is_whole_is_not_drawn_from_its_own_state(states, tmp_path):
    saved = SavedSamples(tmp_path / "mark", place("cpu", "fp32", "off", 1), replace(ALONE, save_minutes=MOMENT), 0.0, 2)
    journal, images = saved.journal(), torch.arange(12, dtype=torch.uint8).reshape(3, 1, 2, 2)
    journal.keep_part(0, lambda: ChainState(16, *(torch.zeros(3) for _ in range(3))))
    assert saved.journal().part.step == 16
    journal.keep(0, images)
    after = saved.journal()
    assert [torch.equal(batch, images) for batch in after.done] == [True]
    assert after.part is None


@pytest.fixture
def stopped(job, states):
    """A job that stopped within its only batch; returns its state."""
    with pytest.raises(Unfinished):
        job(resources=replace(ALONE, wall_clock_minutes=MOMENT))
    [path] = states.glob("*/*")
    assert path.name == "part.safetensors"
    return path


@pytest.mark.parametrize(
    ("key", "before", "changes"),
    [
        ("batch", "None", {"sampling_batch": 4}),
        ("threads", "1", {"threads": 2}),
        ("precision", "'fp32'", {"precision": "bf16"}),
    ],
)
def test_a_state_of_another_batch_threads_or_precision_is_refused(stopped, job, states, key, before, changes):
    [after] = changes.values()
    message = (
        f"{stopped}: the state was saved with {key} {before} but this run has {after!r}; run it as before, or remove "
        f"{stopped.parent} to start again"
    )
    with pytest.raises(UserError, match=f"{re.escape(message)}$") as caught:
        job(resources=replace(ALONE, **changes))
    assert "\n" not in str(caught.value)
    assert stopped.exists()


def test_a_state_of_whole_batches_of_another_size_is_refused(killed, job, states):
    killed(2 * STEPS + 3, resources=replace(ALONE, sampling_batch=4))
    assert saved_files(states) == ["batch000000.safetensors"]
    with pytest.raises(
        UserError, match="the state was saved with batch 4 but this run has 3; run it as before, or rem"
    ):
        job(resources=replace(ALONE, sampling_batch=3))


def test_a_processor_of_another_name_goes_on(stopped, job, states, calls, monkeypatch):
    """Nodes of a cluster differ, and a job may be started again on any of them."""
    with safe_open(stopped, framework="pt") as file:
        owner = json.loads(file.metadata()["state"])["belongs_to"]
    assert set(owner) == {"fingerprint", "versions", "device", "precision", "compile", "threads", "batch"}
    monkeypatch.setattr(device, "_cpu_name", lambda: "another processor")
    job()
    assert calls["made"] == 2 * (STEPS - 16)


def test_how_often_it_saves_and_when_it_stops_do_not_bind_a_job(stopped, job, states, calls):
    job(resources=replace(ALONE, save_minutes=1.0, wall_clock_minutes=60.0, inception_weights="elsewhere"))
    assert calls["made"] == 2 * (STEPS - 16)


@pytest.mark.parametrize("change", ["cut", "flipped", "text"])
def test_a_damaged_state_is_put_aside_and_named(stopped, job, calls, states, capsys, change):
    whole = job(name="whole", states=states / "elsewhere")
    content = stopped.read_bytes()
    flipped = bytearray(content)
    flipped[-3] ^= 1
    stopped.write_bytes({"cut": content[:-9], "flipped": flipped, "text": b"none"}[change])
    calls["made"] = 0
    capsys.readouterr()
    assert job() == whole
    assert calls["made"] == 2 * STEPS
    assert capsys.readouterr().err.startswith(f"drl: {stopped}: the saved state is damaged (")


def test_a_damaged_state_costs_the_steps_since_the_one_before(killed, job, calls, states):
    resources = replace(ALONE, save_minutes=MOMENT)
    whole = job(name="whole")
    killed(2 * STEPS - 1, resources=resources)
    [state] = states.glob("*/part.safetensors")
    state.write_bytes(state.read_bytes()[:-9])
    calls["made"] = 0
    assert job(resources=resources) == whole
    assert calls["made"] == 2 * (STEPS - 16)
