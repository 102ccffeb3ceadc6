"""Stands for the package `drl` that the Snakefile belongs to, in a folder that holds nothing else.

With the project's own folder on Python's path, a random.py or torch.py that somebody left there would be imported in
place of the real one. So jobs and the Snakefile find `drl` through this folder.
"""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

_PROJECT = Path(__file__).resolve().parents[3]
# In a wheel the project's files lie within the package.
_FOLDER = _PROJECT.parent if _PROJECT.name == "_project" else _PROJECT / "drl"
_SPEC = spec_from_file_location("drl", _FOLDER / "__init__.py", submodule_search_locations=[str(_FOLDER)])
assert _SPEC is not None
assert _SPEC.loader is not None
sys.modules["drl"] = module_from_spec(_SPEC)
_SPEC.loader.exec_module(sys.modules["drl"])
