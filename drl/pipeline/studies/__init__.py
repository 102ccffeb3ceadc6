"""All studies, one object each; a new one is an entry in one of these modules and in its list."""

from __future__ import annotations

from collections.abc import Mapping

from drl.pipeline.studies.codes import CODES
from drl.pipeline.studies.samples import SAMPLES
from drl.pipeline.studies.theory import THEORY
from drl.pipeline.studies.training import FINE_TUNE, PRETRAIN
from drl.pipeline.study import Study

STUDIES: Mapping[str, Study] = {study.name: study for study in (PRETRAIN, *CODES, *SAMPLES, FINE_TUNE, THEORY)}
