"""Packages from wheels that lie beside the script, for machines without network or permission to install."""

from __future__ import annotations

import platform
import sys
import zipfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

# Packages of the pipeline, by the name of the import, and tests' own.
NEEDED = (
    "torch", "torchvision", "numpy", "scipy", "sklearn", "pandas", "pydantic", "pydantic_core", "safetensors", "yaml",
    "rich", "click", "filelock", "PIL", "pytest", "snakemake", "mlxtend", "torch_fidelity", "triton"
)  # fmt: skip


def fits(name: str) -> bool:
    """Return whether a wheel, given by the name of its file, runs on this Python and machine."""
    parts = name.removesuffix(".whl").split("-")
    if not name.endswith(".whl") or len(parts) < 5:
        return False
    pythons, abis, platforms = (part.split(".") for part in parts[-3:])
    return (
        any(map(_python_fits, pythons))
        and any(map(_abi_fits, abis, [pythons] * len(abis)))
        and any(map(_platform_fits, platforms))
    )


def _python_fits(tag: str) -> bool:
    ours = sys.version_info
    if tag.startswith("py"):
        return tag in ("py3", f"py3{ours.minor}")
    return tag.startswith("cp3") and tag[3:].isdecimal() and int(tag[3:]) <= ours.minor


def _abi_fits(tag: str, pythons: list[str]) -> bool:
    # A wheel for one version of C Python fits no other, unless it keeps to the stable interface.
    exact = f"cp3{sys.version_info.minor}"
    return tag in ("none", "abi3") or (tag == exact and exact in pythons)


def _platform_fits(tag: str) -> bool:
    if tag == "any":
        return True
    machine = platform.machine()
    if not (tag.endswith(f"_{machine}") and "linux" in tag and sys.platform == "linux"):
        return False
    old = {"manylinux1": 5, "manylinux2010": 12, "manylinux2014": 17}
    first = tag.removesuffix(f"_{machine}")
    if first == "linux":
        return True
    wanted = old.get(first) or (int(first.rsplit("_", 1)[1]) if first.startswith("manylinux_2_") else None)
    library, found = platform.libc_ver()
    return wanted is not None and library == "glibc" and wanted <= int(found.split(".")[1])


def unpack(wheels: Path, target: Path) -> list[str]:
    """Unpack the wheels of packages that are not installed.

    Args:
        wheels: The folder of the wheels.
        target: The folder that goes into PYTHONPATH.

    Returns:
        The names of the files that were unpacked.
    """
    used = []
    for path in sorted(wheels.glob("*.whl")):
        if not fits(path.name) or _installed(path.name.split("-")[0]):
            continue
        with zipfile.ZipFile(path) as opened:
            opened.extractall(target)
        used.append(path.name)
    return used


def _installed(distribution: str) -> bool:
    try:
        version(distribution.replace("_", "-"))
    except PackageNotFoundError:
        return False
    return True
