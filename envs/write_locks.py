"""Resolve pyproject.toml again, and write the locks and the conda environment beside this file. `make lock` runs it."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ENVS = Path(__file__).resolve().parent
# Builds of torch for CPU, CUDA and ROCm share a version and differ as files, so that no list of hashes fits them all.
# torch itself says which of the others it needs.
OF_TORCH = re.compile(r"(torch|torchvision|triton|nvidia-.*|cuda-.*)==")
HEADS = {
    "runtime": "# What the pipeline needs besides torch.txt, with the hashes of its files; made by `make lock`.\n",
    "dev": "# What the pipeline and its development need besides torch.txt, with hashes; made by `make lock`.\n",
    "build": "# What builds the few packages that have no wheel, and this one; made by `make lock`.\n",
}
TORCH_HEAD = """\
# No hashes: builds of torch for CPU, CUDA and ROCm share a version, and differ as files. Made by `make lock`.
"""
CONDA_HEAD = """\
# The environment of every rule under `snakemake --sdm conda`: Python from conda-forge, the rest at the versions of
# runtime.lock and torch.txt. pip checks hashes for all packages or for none, and torch has none. Made by `make lock`.
name: drl
channels:
  - conda-forge
dependencies:
  - python=3.11
  - pip
  - pip:
"""


def entries(resolved: str) -> list[str]:
    """Return the packages of a lock: for each the line `name==version`, and lines of hashes."""
    return [entry.rstrip("\n") + "\n" for entry in re.split(r"\n(?=[A-Za-z])", resolved) if entry.strip()]


def pin(entry: str) -> str:
    """Return `name==version`, with the marker of a package that only some platforms need."""
    return entry.splitlines()[0].removesuffix("\\").strip()


def lock(name: str, resolved: str) -> str:
    """Return the text of a lock: what was resolved, without torch's part."""
    return HEADS[name] + "".join(entry for entry in entries(resolved) if not OF_TORCH.match(entry))


def torch_pins(resolved: str) -> str:
    """Return the text of torch.txt."""
    own = [pin(entry) for entry in entries(resolved) if re.match(r"torch(vision)?==", entry)]
    return TORCH_HEAD + "".join(f"{line}\n" for line in own)


def conda_environment(runtime: str, torch: str) -> str:
    """Return the text of drl.yaml, from those of runtime.lock and torch.txt."""
    pins = [pin(entry) for text in (torch, runtime) for entry in entries(text) if not entry.startswith("#")]
    return CONDA_HEAD + "".join(f'      - "{line}"\n' for line in sorted(pins))


def resolve(source: str, *options: str) -> str:
    """Return what uv resolves for every platform, and for Python 3.11.5 and newer, with hashes."""
    command = ["uv", "pip", "compile", source, *options, "--universal", "--python-version", "3.11.5"]
    command += ["--generate-hashes", "--no-header", "--no-annotate", "--quiet"]
    return subprocess.run(command, cwd=ENVS.parent, check=True, capture_output=True, text=True).stdout


def main() -> None:
    """Write all files."""
    full = resolve("pyproject.toml", "--extra", "pipeline")
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as chosen:
        # The two locks agree, because the second one may only add to the first.
        chosen.writelines(f"{pin(entry)}\n" for entry in entries(full))
        chosen.flush()
        dev = resolve("pyproject.toml", "--extra", "pipeline", "--extra", "dev", "--constraints", chosen.name)
    tools = "".join(entry for entry in entries(dev) if entry.startswith("setuptools=="))
    files = {
        "runtime.lock": lock("runtime", full),
        "dev.lock": lock("dev", dev),
        "build.lock": lock("build", tools),
        "torch.txt": torch_pins(full),
    }
    files["drl.yaml"] = conda_environment(files["runtime.lock"], files["torch.txt"])
    for name, text in files.items():
        (ENVS / name).write_text(text, encoding="utf-8")
        print(f"envs/{name}: {sum('==' in line for line in text.splitlines())} packages", file=sys.stderr)


if __name__ == "__main__":
    main()
