"""A slice of Figure 4 on a real SLURM, left alone and disturbed: the same files as on one machine, bit for bit."""

import json
import re
import time

import pytest

from tests.slurm.cluster import NODES, Cluster
from tests.slurm.conftest import STEPS, Slice, describe, of_rule


def test_slice(cluster, undisturbed, slice_of):
    """What jobs ask for arrives at SLURM, jobs run on both nodes, and the files are the same."""
    earlier = {number for number, _, _ in cluster.jobs()}
    project = slice_of()
    running = project.submit()
    running.in_training("vdrl")
    training = [job for job, state, _ in of_rule(cluster, "pretrain") if state == "RUNNING"]
    assert training, running.printed
    asked = describe(training[0])
    assert "TresPerJob=gres:gpu:1" in asked, asked
    assert "mem=2000M" in asked, asked
    assert "TimeLimit=00:20:00" in asked, asked
    assert "Requeue=1" in asked, asked
    running.ends()
    assert project.files() == undisturbed().files()
    # Each training uses a node's only GPU, and both were submitted at the same time.
    ours = [number for number, _, _ in of_rule(cluster, "pretrain") if number not in earlier]
    assert {cluster.node_of(number) for number in ours} == set(NODES)
    # Two drawings in one submission; named targets are no jobs.
    rules = [comment.split("_wildcards")[0] for number, _, comment in cluster.jobs() if number not in earlier]
    assert sorted(rules) == [
        "rule_draw_draw_code_usage_draw_figure_4",
        "rule_prepare",
        *["rule_pretrain"] * 2,
        *["rule_probe"] * 2,
    ]


def test_a_cancelled_job_is_submitted_again_and_goes_on(cluster, undisturbed, slice_of):
    """It asks for its GPU in the other form, which some clusters want."""
    project = slice_of()
    running = project.submit(DRL_SLURM_GPU="gres")
    running.in_training("vdrl")
    job = running_job(cluster, "vdrl")
    assert "TresPerNode=gres:gpu:1" in describe(job), describe(job)
    cluster.cancel(job)
    running.ends()
    assert "CANCELLED" in running.printed
    again = [number for number, _, text in of_rule(cluster, "pretrain") if "_vdrl_" in text and int(number) > int(job)]
    assert "mem=4000M" in describe(again[-1]), "a second attempt gets more memory"
    assert project.files() == undisturbed().files()
    assert_went_on(project)


def test_a_training_that_needs_more_than_its_time_limit_takes_several_jobs(cluster, undisturbed, slice_of):
    """It asks SLURM how long it may run, saves before that, and exits with a code that is retried."""
    steps = minutes_of_training(1.5, undisturbed)
    project = slice_of(steps)
    running = project.submit("--set-resources", "pretrain:runtime=1", "--retries", "40")
    running.ends()
    assert "stopped at step" in running.printed
    assert "TIMEOUT" not in running.printed
    assert project.files() == undisturbed(steps).files()
    assert_went_on(project)


def test_a_job_that_slurm_ends_at_its_time_limit_goes_on(cluster, undisturbed, slice_of):
    """With no budget of its own it is killed, and has lost what it did since it last saved."""
    steps = minutes_of_training(2.5, undisturbed)
    project = slice_of(steps, wall_clock_minutes=None)
    running = project.submit("--set-resources", "pretrain:runtime=1", "--retries", "40")
    running.ends()
    assert "TIMEOUT" in running.printed
    assert project.files() == undisturbed(steps).files()
    assert_went_on(project)


@pytest.mark.parametrize("crash", [True, False], ids=["crashed", "out of reach"])
def test_a_node_that_fails_and_comes_back_goes_on(cluster, undisturbed, slice_of, crash):
    """Where it was only out of reach, its processes live on, and are waited for."""
    project = slice_of()
    running = project.submit()
    running.in_training("vdrl")
    job = running_job(cluster, "vdrl")
    node = cluster.node_of(job)
    cluster.take_down(node, crash)
    time.sleep(3)
    cluster.bring_back(node)
    running.ends()
    assert project.files() == undisturbed().files()
    if crash:
        assert_went_on(project)
    assert_started_by_slurm(cluster, job)


def test_a_job_of_a_node_that_is_lost_goes_on_on_the_other(cluster, undisturbed, slice_of):
    project = slice_of()
    running = project.submit()
    running.in_training("vdrl")
    job = running_job(cluster, "vdrl")
    lost = cluster.node_of(job)
    other = next(node for node in NODES if node != lost)
    cluster.lose(lost)
    try:
        running.ends()
    finally:
        cluster.bring_back(lost)
    assert project.files() == undisturbed().files()
    assert_went_on(project)
    assert_started_by_slurm(cluster, job)
    assert cluster.node_of(job) == other


@pytest.mark.parametrize(
    ("grace", "mode", "state"),
    [
        (0, "requeue", "COMPLETED"),
        (0, "cancel", "PREEMPTED"),
        (30, "requeue", "FAILED"),
        (30, "cancel", "FAILED"),
    ],
    ids=["requeued", "cancelled", "requeued with time to save", "cancelled with time to save"],
)
def test_a_job_that_is_preempted_goes_on(cluster, undisturbed, slice_of, grace, mode, state):
    """SLURM starts it again, unless it saved and ended by itself, or was cancelled: then Snakemake submits it again."""
    project = slice_of()
    running = project.submit()
    running.in_training("vdrl")
    job = running_job(cluster, "vdrl")
    project.freeze("vdrl")
    urgent = cluster.need_gpu_of(cluster.node_of(job), grace, mode)
    running.ends()
    assert project.files() == undisturbed().files()
    assert_went_on(project)
    assert state_of(cluster, urgent) == "COMPLETED"
    assert state_of(cluster, job) == state
    again = [number for number, _, text in of_rule(cluster, "pretrain") if "_vdrl_" in text and int(number) > int(job)]
    if state == "COMPLETED":
        assert_started_by_slurm(cluster, job)
        assert not again
    else:
        assert len(again) == 1
    # Without grace there are only the seconds of KillWait, which may be too few to save.
    if grace:
        assert "stopped at step" in running.printed, running.printed


@pytest.mark.parametrize("away", [1, 15])
def test_a_controller_that_restarts_is_not_missed(cluster, undisturbed, slice_of, away):
    project = slice_of()
    running = project.submit()
    running.in_training("vdrl")
    cluster.restart_controller(away)
    running.ends()
    assert project.files() == undisturbed().files()


def test_jobs_of_a_snakemake_that_is_killed_run_on_and_are_taken(cluster, undisturbed, slice_of):
    project = slice_of()
    running = project.submit()
    running.in_training("vdrl")
    job = running_job(cluster, "vdrl")
    running.process.kill()
    running.process.wait()
    unlocked = project.snakemake("--unlock")
    assert unlocked.returncode == 0, unlocked.stderr
    again = project.submit()
    again.ends()
    assert project.files() == undisturbed().files()
    assert state_of(cluster, job) == "COMPLETED"


def state_of(cluster: Cluster, job: str) -> str:
    """Return what became of a job."""
    return next(state for number, state, _ in cluster.jobs() if number == job)


def minutes_of_training(minutes: float, undisturbed) -> int:
    """Return how many steps take at least so long: a minute is the shortest limit that SLURM has.

    Processor time counts, because other work on this machine may have slowed the training that is measured.
    """
    card = undisturbed().folder / "results/demo/models/digits/vdrl/seed0/model.safetensors.json"
    return round(STEPS * 60 * minutes / json.loads(card.read_text())["cpu_seconds"])


def running_job(cluster: Cluster, recipe: str) -> str:
    """Return the number of the job that trains a recipe now."""
    jobs = of_rule(cluster, "pretrain")
    return next(number for number, state, text in jobs if state == "RUNNING" and f"_{recipe}_" in text)


def assert_started_by_slurm(cluster: Cluster, job: str) -> None:
    """SLURM started the same job again, not Snakemake another."""
    assert re.search(r"Restarts=[1-9]", describe(job)), describe(job)


def assert_went_on(project: Slice) -> None:
    """The last job of vdrl did not begin at the first step."""
    log = (project.folder / "results/demo/logs/pretrain/digits/vdrl/seed0.log").read_text()
    # If SLURM ended it right after its last step, the job after it found its files.
    assert "continues from step" in log or "is made already" in log, log
