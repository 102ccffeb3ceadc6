"""A digest of the code that a job runs: what decides, besides settings and inputs, whether it is made again."""

from __future__ import annotations

import ast
import hashlib
import importlib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from drl.config.datasets import READERS
from drl.errors import UserError

ROOT = Path(__file__).resolve().parents[2]

# The module that each command runs. Its digest covers all of drl that this module imports, directly or not.
ENTRY_POINTS: Mapping[str, str] = {
    "prepare": "drl.data.prepare",
    "pretrain": "drl.training.pretrain",
    "probe": "drl.evaluation.probe",
    "few_shot": "drl.evaluation.few_shot",
    "learning_speed": "drl.evaluation.learning_speed",
    "latent_grid": "drl.evaluation.latent_grid",
    "code_swap": "drl.evaluation.code_swap",
    "one_code": "drl.evaluation.one_code",
    "later_start": "drl.evaluation.later_start",
    "fine_tune": "drl.laplacenet.fine_tune",
    "silhouettes": "drl.evaluation.silhouettes",
    "code_view": "drl.evaluation.code_view",
    "fid": "drl.evaluation.fid",
    "theory": "drl.theory.study",
    "figure": "drl.reporting.figure",
    "table": "drl.reporting.table",
    "compare": "drl.verdict.comparison",
    "claims": "drl.verdict.ledger",
}
# These read settings, write files, talk to the user or pick a device. They change no result, so editing them reruns
# nothing.
MACHINERY = (
    "drl.cli",
    "drl.config",
    "drl.costs",
    "drl.errors",
    "drl.files",
    "drl.jobs",
    "drl.pipeline",
    "drl.records.code_digest",
    "drl.records.inputs",
    "drl.records.run_card",
    "drl.records.verify",
)


def code_digest(command: str, extra: Iterable[str] = ()) -> str:
    """Digest the code that a command runs, without comments, docstrings and layout.

    The modules are found by following imports from the command's entry point, so that a new file changes the digest
    only of the commands that reach it.

    Args:
        command: A key of ENTRY_POINTS.
        extra: Modules that are imported by name at run time, such as a recipe's method or an item's figure.

    Returns:
        16 hexadecimal digits.
    """
    return _digest(tuple(sorted(reached(ENTRY_POINTS[command], *extra))))


def command_digest(command: str, settings: Mapping[str, Any]) -> str:
    """Digest the code of one job, given its settings: adds the modules that the settings name."""
    return code_digest(command, named_modules(command, settings))


def named_modules(command: str, settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the modules that a job imports because its settings name them."""
    if command == "prepare":
        return (f"drl.data.sources.{READERS[settings['dataset']['source']]}",)
    if command == "pretrain":
        augments = settings["recipe"]["augmentation"] is not None
        more = ("drl.data.augment.laplacenet",) if augments else ()
        return (f"drl.methods.{settings['recipe']['method']['kind']}", *more)
    if command == "silhouettes":
        return tuple(f"drl.methods.{method}" for method in settings["methods"])
    if command == "fid":
        return ("drl.methods.supervised",) if settings["fid"]["extractor"] == "supervised" else ()
    if command in (
        "probe",
        "few_shot",
        "learning_speed",
        "latent_grid",
        "code_swap",
        "one_code",
        "later_start",
        "code_view",
    ):
        return (f"drl.methods.{settings['method']}",)
    if command in ("figure", "table"):
        return (f"drl.reporting.{settings['drawn_by']}",)
    return ()


def reached(*entries: str) -> set[str]:
    """Return the drl modules that the given ones import, themselves included, machinery left out."""
    found: set[str] = set()
    waiting = list(entries)
    while waiting:
        module = waiting.pop()
        if module in found or is_machinery(module):
            continue
        found.add(module)
        waiting.extend(_imports(module))
    return found


def is_machinery(module: str) -> bool:
    """Whether a module is one of those that change no result."""
    packages = module in ("drl", "drl.records")
    return packages or any(module == name or module.startswith(f"{name}.") for name in MACHINERY)


def _file_of(module: str) -> Path | None:
    path = ROOT.joinpath(*module.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


@cache
def _tree(module: str) -> ast.Module:
    file = _file_of(module)
    if file is None:
        raise UserError(f"{module}: there is no such module; check the name in config or in drl/records/code_digest.py")
    return ast.parse(file.read_text(encoding="utf-8"), str(file))


@cache
def _imports(module: str) -> tuple[str, ...]:
    names: list[str] = []
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.append(node.module)
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return tuple(name for name in names if name.split(".")[0] == "drl" and _file_of(name) is not None)


@cache
def _digest(modules: tuple[str, ...]) -> str:
    digest = hashlib.sha256()
    for module in modules:
        digest.update(f"{module}\n{_meaning(module)}\n".encode())
    return digest.hexdigest()[:16]


@cache
def _meaning(module: str) -> str:
    """Return a module's code as Python writes it back: no comments, no layout, and here no docstrings."""
    tree = ast.parse(ast.unparse(_tree(module)))
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def check_code(command: str, settings: Mapping[str, Any], expected: str | None) -> str:
    """Import the job's code, and return its digest; stop if it is not the one that the job was planned with.

    All of it is imported now, so that an edit while the job waits for a GPU or computes cannot mix two versions.

    Raises:
        UserError: If the code was edited after Snakemake planned the job.
    """
    digest = command_digest(command, settings)
    if expected is not None and digest != expected:
        raise UserError(
            f"drl {command}: the code changed after this job was planned ({expected} -> {digest}); start again"
        )
    for module in sorted(reached(ENTRY_POINTS[command], *named_modules(command, settings))):
        importlib.import_module(module)
    for found in (_tree, _imports, _meaning, _digest):
        found.cache_clear()
    if command_digest(command, settings) != digest:
        raise UserError(f"drl {command}: the code changed while this job was starting; start again")
    return digest
