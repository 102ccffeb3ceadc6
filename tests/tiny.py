"""Small images and recipes that train in a second, for tests of all layers."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from drl.config.datasets import DatasetSettings
from drl.config.jobs import PretrainJob
from drl.config.recipes import Recipe
from drl.config.studies import CodeUsageSettings
from drl.data.prepare import prepare
from drl.jobs.job import Job, Resources
from drl.methods.base import ImageFacts
from drl.methods.build import build_method
from drl.models.model_file import About
from drl.records.run_card import write_card

SIZE, CLASSES = 8, 3
RESOURCES = Resources(device="cpu", precision="fp32", compile="off", threads=1)
FACTS = ImageFacts(channels=1, image_size=SIZE, classes=CLASSES)


SCORE = {"kind": "ncsnpp", "nf": 4, "channel_multipliers": [1, 1], "blocks": 1, "attention_resolutions": []}
DECODER = SCORE | {"kind": "unet"}
WITHOUT_ENCODER = ("unconditional", "score_features")
KINDS = ("drl", "vdrl", "cdae", "ae", "vae", "dae", "simclr", "simclr_gauss", *WITHOUT_ENCODER, "supervised")


def recipe(kind: str = "drl", **changes: Any) -> Recipe:
    """Return a resolved recipe with networks as small as they get."""
    values: dict[str, Any] = {
        "label": kind.upper(),
        "method": {"kind": kind},
        "encoder": None if kind in WITHOUT_ENCODER else {"kind": "wide_resnet", "depth": 10, "width": 1, "nf": 2},
        "score": SCORE if kind in ("drl", "vdrl", "cdae", *WITHOUT_ENCODER) else None,
        "decoder": DECODER if kind in ("ae", "vae", "dae") else None,
        "optimiser": {"warmup_steps": 2, "learning_rate": 1e-3},
        "batch_size": 8,
        "iterations": 12,
    }
    return Recipe.model_validate(values | changes)


def settings(kind: str = "drl", **changes: Any) -> PretrainJob:
    """Return the settings of `drl pretrain`."""
    usage = CodeUsageSettings(times=2, images=6, t=(0.2, 0.8))
    return PretrainJob(recipe=recipe(kind, **changes), code_usage=usage, snapshots=2)


def training(images: Path, out: Path, kind: str = "drl", **changes: Any) -> Job[PretrainJob]:
    """Return a job of `drl pretrain`.

    Args:
        images: Prepared images.
        out: The model file.
        kind: The method.
        changes: Of the recipe; or seed, scale, dataset, states, start, resources.
    """
    names = {"scale": "test", "dataset": "stripes", "seed": 0}
    cells = {name: changes.pop(name, value) for name, value in names.items()}
    states, start = changes.pop("states", out.parent / "states"), changes.pop("start", None)
    resources = changes.pop("resources", RESOURCES)
    inputs = {"images": (images,), "start": () if start is None else (start,)}
    about = {"scale": cells["scale"], "dataset": cells["dataset"], "recipe": kind, "seed": cells["seed"]}
    return Job("pretrain", about, settings(kind, **changes), "code", inputs, out, states, resources)


def stop_after(steps: int, patched: pytest.MonkeyPatch) -> None:
    """Let the next trainings be asked to stop after some steps."""

    @contextmanager
    def stop_signals():
        calls = []

        class Asked:
            def __bool__(self) -> bool:
                calls.append(0)
                return len(calls) >= steps

        yield Asked()

    patched.setattr("drl.training.run.stop_signals", stop_signals)


def build(recipe: Recipe, facts: ImageFacts):
    """Return a method with fresh weights for images of other sizes."""
    neutral = torch.ones(1, facts.channels, 1, 1)
    return build_method(recipe, facts, 0 * neutral, neutral)


def about(recipe: str = "r", seed: int = 0, dataset: str = "stripes", scale: str = "test") -> About:
    """Return which model a file is said to hold."""
    return About(scale, dataset, recipe, seed)


def method(kind: str = "drl", seed: int = 0, **changes: Any):
    """Return a method with fresh weights, none of them zero, so that the code reaches the score."""
    torch.manual_seed(seed)
    built = build_method(recipe(kind, **changes), FACTS, torch.full((1, 1, 1, 1), 0.5), torch.full((1, 1, 1, 1), 0.25))
    with torch.no_grad():
        for parameter in built.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape))
    return built


def write_folder(folder: Path, per_class: int = 12) -> Path:
    """Write a folder of class folders with stripes whose direction tells the class."""
    noise = np.random.Generator(np.random.PCG64(0))
    for label in range(CLASSES):
        (folder / f"class{label}").mkdir(parents=True)
        for k in range(per_class):
            rows, columns = np.mgrid[:SIZE, :SIZE]
            stripes = np.cos(2.0 * (rows, columns, rows + columns)[label] + 0.3 * k)
            pixels = 127 + 90 * stripes + 20 * noise.standard_normal((SIZE, SIZE))
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / f"class{label}" / f"{k}.png")
    return folder


def images(folder: Path, per_class: int = 12) -> Path:
    """Prepare such images; return images.safetensors."""
    total = CLASSES * per_class
    declared = DatasetSettings(
        title="Stripes",
        source="image_folder",
        folder=str(write_folder(folder / "source", per_class)),
        classes=CLASSES,
        channels=1,
        image_size=SIZE,
        train=total - 2 * CLASSES,
        test=2 * CLASSES,
        validation=2 * CLASSES,
    )
    out = folder / "prepared" / "images.safetensors"
    prepare("stripes", declared, out)
    return out


def damaged(model: Path, folder: Path) -> Path:
    """Copy a model into a folder, with a run card that tells that a bit of it was flipped since."""
    copy = folder / "model.safetensors"
    content = bytearray(model.read_bytes())
    copy.write_bytes(content)
    write_card("pretrain", [copy], {}, "code")
    content[-1] ^= 1
    copy.write_bytes(content)
    return copy
