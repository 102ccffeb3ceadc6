"""Puts the workflow and the configuration into wheels; everything else about the package is in pyproject.toml.

They stay at the top of the repository, where Snakemake's users look for them, and are copied only while a wheel is
built. `drl.config.project` finds them in both places.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
PARTS = ("Snakefile", "workflow", "config", "profiles", "envs/drl.yaml", "docs/results/costs.csv")


class BuildWithProject(build_py):
    """Copies the project's own files into drl/_project; an editable installation reads them where they are."""

    def run(self) -> None:
        """Build afresh, since files that were removed from the project would stay in an old build folder."""
        if not self.editable_mode:
            shutil.rmtree(Path(self.build_lib, "drl"), ignore_errors=True)
        super().run()
        if self.editable_mode:
            return
        for part in PARTS:
            source, target = ROOT / part, Path(self.build_lib, "drl", "_project", part)
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", ".*"))
            else:
                shutil.copy2(source, target)


setup(cmdclass={"build_py": BuildWithProject})
