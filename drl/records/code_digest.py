"""A digest of the code that a job runs. With settings and inputs, it decides whether the job runs again."""

from __future__ import annotations

import ast
import hashlib
import importlib
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from drl.config.project import CODE
from drl.data.regular import read_regular
from drl.errors import UserError

# These modules read settings, write files, print messages or choose a device. They do not affect results, so editing
# them reruns nothing.
WITHOUT_RESULTS = (
    "drl.cli",
    "drl.config",
    "drl.costs",
    "drl.data.regular",
    "drl.errors",
    "drl.files",
    "drl.jobs",
    "drl.data.json_text",
    "drl.data.tensors",
    "drl.markup",
    "drl.out_places",
    "drl.pipeline",
    "drl.records.adopt",
    "drl.records.card",
    "drl.records.code_digest",
    "drl.records.inputs",
    "drl.records.linked",
    "drl.records.model_folder",
    "drl.records.own_files",
    "drl.records.places",
    "drl.records.removal",
    "drl.records.run_card",
    "drl.records.verify",
)


# What `stamp` returned when the server of which this process is a fork loaded its modules; None: it is no fork.
loaded_from: str | None = None


def stamp() -> str:
    """Digest all files of the package, so that a process can tell whether they are still those that it has loaded."""
    digest = hashlib.sha256()
    for path in sorted(CODE.joinpath("drl").rglob("*.py")):
        digest.update(f"{path}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def code_digest(modules: Iterable[str]) -> str:
    """Digest the code that a job runs, without comments, docstrings and layout.

    The code is found by following imports from these modules, so that a new file changes the digest only of the jobs
    that reach it.

    Args:
        modules: The step's own module, and those that the job imports by name, such as its recipe's method. A text
            with a colon is no module: what `drl.config`, which is in no digest, states of the results.

    Returns:
        16 hexadecimal digits.
    """
    return _digest(tuple(sorted(reached(*modules))))


def reached(*entries: str) -> set[str]:
    """Return the given drl modules and all that they import, without modules that do not affect results."""
    found: set[str] = set()
    waiting = list(entries)
    while waiting:
        module = waiting.pop()
        if module in found or changes_no_result(module):
            continue
        found.add(module)
        if not _is_stated(module):
            waiting.extend(_imports(module))
    return found


def _is_stated(entry: str) -> bool:
    return ": " in entry


def changes_no_result(module: str) -> bool:
    """Whether a module does not affect results."""
    if _is_stated(module):
        return False
    packages = module in ("drl", "drl.records")
    return packages or any(module == name or module.startswith(f"{name}.") for name in WITHOUT_RESULTS)


def _file_of(module: str) -> Path | None:
    path = CODE.joinpath(*module.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


@cache
def _tree(module: str) -> ast.Module:
    file = _file_of(module)
    if file is None:
        raise UserError(f"{module}: there is no such module; check the name in config or in drl/records/code_digest.py")
    return ast.parse(read_regular(file, 2**22).decode(), str(file))


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
        text = "" if _is_stated(module) else _without_docstrings(module)
        digest.update(f"{module}\n{text}\n".encode())
    return digest.hexdigest()[:16]


@cache
def _without_docstrings(module: str) -> str:
    """Return a module's code as Python unparses it: without comments, layout and, here, docstrings."""
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


def check_code(command: str, modules: Sequence[str], expected: str | None) -> str:
    """Import the job's code and return its digest; stop if the digest differs from the planned one.

    All modules are imported now, so that an edit while the job waits for a GPU or computes cannot mix two versions. A
    fork of a preloaded server has imported them long ago, and stops if any file of the package was edited since.

    Args:
        command: The command, for messages.
        modules: As for `code_digest`.
        expected: The digest that Snakemake planned the job with; None: any.

    Raises:
        UserError: If the code was edited after Snakemake planned the job.
    """
    digest = code_digest(modules)
    if expected is not None and digest != expected:
        raise UserError(
            f"drl {command}: the code changed after this job was planned ({expected} -> {digest}); start again"
        )
    for module in sorted(entry for entry in reached(*modules) if not _is_stated(entry)):
        importlib.import_module(module)
    for found in (_tree, _imports, _without_docstrings, _digest):
        found.cache_clear()
    if code_digest(modules) != digest or loaded_from not in (None, stamp()):
        raise UserError(f"drl {command}: the code changed while this job was starting; start again")
    return digest
