"""How many GPU jobs run at once: GPU slots on this machine, and any number where they are submitted elsewhere."""

import json
import os
import subprocess
import sys

import pytest

MODELS = [f"results/demo/models/digits/{recipe}/seed0/model.safetensors" for recipe in ("drl", "vdrl", "simclr")]
# In place of `drl pretrain`: waits, up to so many seconds, until three trainings run at once, and tells how many did.
STAND_IN = """
import os, sys, time
from pathlib import Path
recipe = sys.argv[sys.argv.index("--recipe") + 1]
out = Path(f"results/demo/models/digits/{recipe}/seed0/model.safetensors")
here = Path(f"training-{os.getpid()}")
here.touch()
end = time.monotonic() + float(os.environ["PATIENCE"])
while (together := len(list(Path().glob("training-*")))) < 3 and time.monotonic() < end:
    time.sleep(0.02)
Path(f"together-{os.getpid()}").write_text(str(together))
while together == 3 and len(list(Path().glob("together-*"))) < 3:
    time.sleep(0.02)
here.unlink()
for name in ("snapshots.safetensors", "loss.csv", "code_usage.csv", f"{out.name}.json", out.name):
    (out.parent / name).touch()
"""
# A cluster in miniature: each job is a Snakemake of its own, started at once.
CLUSTER = """
import subprocess
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor
from snakemake_interface_executor_plugins.settings import CommonSettings

common_settings = CommonSettings(
    non_local_exec=True, implies_no_shared_fs=False, job_deploy_sources=False, init_seconds_before_status_checks=0
)

class Executor(RemoteExecutor):
    def run_job(self, job):
        info = SubmittedJobInfo(job, aux={"process": subprocess.Popen(self.format_job_exec(job), shell=True)})
        self.report_job_submission(info)

    async def check_active_jobs(self, active_jobs):
        for info in active_jobs:
            code = info.aux["process"].poll()
            if code is None:
                yield info
            elif code:
                self.report_job_error(info)
            else:
                self.report_job_success(info)

    def cancel_jobs(self, active_jobs):
        for info in active_jobs:
            info.aux["process"].kill()
"""
# Reads the Snakefile as Snakemake does, once for each case.
READ = """
import json, os, sys
from pathlib import Path
from snakemake.api import SnakemakeApi
from snakemake.settings.types import ConfigSettings, ResourceSettings, WorkflowSettings
from snakemake_interface_executor_plugins.settings import ExecMode

def limit(gpus, run, given, mode):
    os.environ["CUDA_VISIBLE_DEVICES"] = gpus
    Path("run.yaml").write_text(json.dumps({"run": run}))
    with SnakemakeApi() as api:
        workflow = api.workflow(
            resource_settings=ResourceSettings(cores=3, resources=given),
            config_settings=ConfigSettings(configfiles=[Path("tiny.yaml"), Path("run.yaml")]),
            workflow_settings=WorkflowSettings(exec_mode=ExecMode[mode]),
            snakefile=Path("Snakefile"),
        )._workflow
        found = workflow.global_resources.get("gpu").value if "gpu" in workflow.global_resources else None
        return [found, workflow.resource_scopes.is_local("gpu")]

print(json.dumps([limit(*case) for case in json.loads(sys.argv[1])]))
"""
CASES = {
    "a GPU": (["0", {}, {}, "DEFAULT"], [1, True]),
    "a GPU that two share": (["0", {"gpu_slots": 2}, {}, "DEFAULT"], [2, True]),
    "two GPUs that three share": (["0,GPU-8932f937", {"gpu_slots": 3}, {}, "DEFAULT"], [6, True]),
    "no GPU": (["", {}, {}, "DEFAULT"], [None, False]),
    "a GPU that is not used": (["0", {"device": "cpu"}, {}, "DEFAULT"], [None, False]),
    # Then it limits submitted jobs too: how many GPUs of a cluster one run may fill.
    "--resources gpu=5": (["0", {}, {"gpu": 5}, "DEFAULT"], [5, False]),
    "in a submitted job": (["0", {}, {}, "REMOTE"], [None, False]),
}


def run(project, command, patience=0.0):
    plugins = str(project.folder.parent / "plugins")
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "0", "PYTHONPATH": plugins, "PATIENCE": str(patience)}
    ended = subprocess.run(
        [sys.executable, *command], cwd=project.folder, capture_output=True, text=True, env=environment, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_the_limit_is_gpus_times_slots_where_the_user_gives_none(project):
    found = json.loads(run(project, ["-c", READ, json.dumps([case for case, _ in CASES.values()])]))
    assert dict(zip(CASES, found, strict=True)) == {name: expected for name, (_, expected) in CASES.items()}


@pytest.mark.parametrize(
    ("words", "patience", "expected"),
    [
        ([], 1, [1, 1, 1]),
        (["--executor", "cluster", "--jobs", "3", "--seconds-between-status-checks", "1"], 60, [3, 3, 3]),
    ],
    ids=["here", "submitted"],
)
def test_trainings_at_once_with_one_gpu(project, words, patience, expected):
    plugin = project.folder.parent / "plugins" / "snakemake_executor_plugin_cluster"
    plugin.mkdir(parents=True)
    (plugin / "__init__.py").write_text(CLUSTER)
    (project.folder / "drl" / "__main__.py").write_text(STAND_IN)
    images = project.folder / "results" / "demo" / "data" / "digits"
    images.mkdir(parents=True)
    for name in ("images.safetensors", "images.safetensors.json", "files.csv"):
        (images / name).touch()
    run(project, ["-m", "snakemake", "--cores", "3", *MODELS, *words, "--configfile", "tiny.yaml"], patience)
    assert [int(file.read_text()) for file in project.folder.glob("together-*")] == expected
