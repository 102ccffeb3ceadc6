"""Every step of the pipeline by name: rules, commands, digests, `drl verify`, `drl plan` and `drl costs` read it."""

from __future__ import annotations

from collections.abc import Mapping

from drl.pipeline.drawing import DRAWINGS
from drl.pipeline.step import Step
from drl.pipeline.studies import STUDIES
from drl.pipeline.studies.training import PREPARE

STEPS: Mapping[str, Step] = {step.name: step for step in (PREPARE, *STUDIES.values(), *DRAWINGS)}
