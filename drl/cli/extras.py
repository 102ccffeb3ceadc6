"""Which packages only the pipeline needs, and what to say where one is missing."""

from __future__ import annotations

import importlib.util

from drl.errors import UserError

# What is imported -> the package's name, for all of the extra `pipeline` that commands import; a test compares these
# with pyproject.toml.
PIPELINE = {
    "jinja2": "jinja2",
    "matplotlib": "matplotlib",
    "mlxtend": "mlxtend",
    "pandas": "pandas",
    "psutil": "psutil",
    "pygments": "pygments",
    "scipy": "scipy",
    "seaborn": "seaborn",
    "sklearn": "scikit-learn",
    "snakemake": "snakemake",
    "snakemake_executor_plugin_slurm": "snakemake-executor-plugin-slurm",
    "torch_fidelity": "torch-fidelity",
    "torchvision": "torchvision",
}
REMEDY = "pip install 'drl[pipeline]'"


def need(module: str, who: str) -> None:
    """Check that a package of the pipeline is installed.

    Args:
        module: What is imported.
        who: The command that needs it.

    Raises:
        UserError: If it is not.
    """
    if importlib.util.find_spec(module) is None:
        raise UserError(missing(module, who))


def missing(module: str, who: str) -> str:
    """Return the line about a package that is not installed."""
    return f"{who}: needs {PIPELINE[module]}, which plain drl does not install; {REMEDY}"


def missing_in(error: ModuleNotFoundError, who: str) -> str | None:
    """Return the line about the package that an import did not find; None if it is not one of the pipeline."""
    module = (error.name or "").partition(".")[0]
    return missing(module, who) if module in PIPELINE else None
