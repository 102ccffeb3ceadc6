"""Jobs as tests hand them to the studies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from drl.config import jobs
from drl.config.studies import ProbeTraining
from drl.jobs.job import Job, Resources
from drl.models.model_file import header

ALONE = Resources(device="cpu", precision="fp32", compile="off", threads=1)
SETTINGS = {
    "probe": jobs.ProbeJob,
    "few_shot": jobs.FewShotJob,
    "learning_speed": jobs.LearningSpeedJob,
    "latent_grid": jobs.LatentGridJob,
    "code_swap": jobs.CodeSwapJob,
    "one_code": jobs.OneCodeJob,
    "later_start": jobs.LaterStartJob,
    "silhouettes": jobs.SilhouettesJob,
    "fid": jobs.FidJob,
    "code_view": jobs.CodeViewJob,
}


def probe_training(**changes: Any) -> ProbeTraining:
    """Return how the paper's probes are trained, with changes."""
    values: dict[str, Any] = {"t": [0.0], "seeds": [0], "hidden": 512, "dropout": 0.25, "learning_rate": 1e-3}
    values |= {"weight_decay": 1e-5, "batch_size": 256, "epochs": 50}
    values |= {"select": "last", "learning_rates": [], "trajectory": False}
    return ProbeTraining.model_validate(values | changes)


def parsed(study: str, settings: dict[str, Any]):
    """Return a study's settings as its job has them."""
    return SETTINGS[study].model_validate(settings)


def job_of(
    study: str, settings: dict[str, Any], out: Path, about=None, states=None, resources=ALONE, code="code", **files
):
    """Return a job on one file of each name; without `about` it is about the model that it is given."""
    inputs = {name: (path,) if isinstance(path, Path) else tuple(path) for name, path in files.items()}
    if about is None:
        [model] = inputs.get("snapshots") or inputs["model"]
        about = vars(header(model).about)
    return Job(study, about, parsed(study, settings), code, inputs, out, states or out.parent / "states", resources)
