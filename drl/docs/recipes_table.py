"""A table with one line for each recipe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drl.config.networks import ConvEncoderSettings, UNetEncoderSettings, WideResNetSettings
from drl.config.recipes import Recipe, is_file
from drl.config.resolve import recipe as resolve_recipe
from drl.config.schema import Config
from drl.docs.markdown import code, shown
from drl.reporting.markdown import markdown_table

HEAD = ("Recipe", "On", "Objective", "Encoder", "Other network", "Diffusion", "Steps × images")


def recipes_table(config: Config, used: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return the lines of a table with one row per recipe, or several rows if datasets differ.

    Args:
        config: The whole configuration.
        used: The datasets that each recipe is trained on, each with the recipe or the first member of its sweep.
    """
    rows = []
    for name, members in used.items():
        by_text: dict[tuple[str, ...], list[str]] = {}
        for dataset, member in members.items():
            text = _row(resolve_recipe(config, member, dataset))
            by_text.setdefault(text, []).append(config.datasets[dataset].title)
        for text, datasets in by_text.items():
            rows.append((_name(config, name), ", ".join(datasets), *text))
    return [
        "`drl describe RECIPE --scale paper` prints all of a recipe, and counts its parameters. For a sweep, the first",
        "member is shown. U-Nets: channels at full resolution × (multipliers of the levels), blocks per level.",
        "",
        *markdown_table(HEAD, rows),
    ]


def _name(config: Config, name: str) -> str:
    axes = config.recipes[name].get("sweep", {})
    return ", ".join([code(name), *(f"{axis} = {', '.join(map(shown, values))}" for axis, values in axes.items())])


def _row(recipe: Recipe) -> tuple[str, ...]:
    return (_objective(recipe), _encoder(recipe), _other(recipe), _diffusion(recipe), _length(recipe))


def _objective(recipe: Recipe) -> str:
    method = recipe.method.slice()
    parts = [code(method["kind"])]
    parts += [f"{key} {code(shown(value))}" for key, value in method.items() if key.endswith("_weight") and value]
    if "recon" in method:
        parts.append({"l2": "squared error", "bce": "cross-entropy"}[method["recon"]])
    if method.get("mixup"):
        parts.append("mixup")
    if recipe.objective.edm:
        parts.append("EDM")
    return ", ".join(parts)


def _encoder(recipe: Recipe) -> str:
    encoder, score = recipe.encoder, recipe.score
    if recipe.method.codes_by == "score" and score is not None:
        return f"none: the middle of NCSN++, {score.nf * score.channel_multipliers[-1]}-d"
    if encoder is None:
        return "none"
    frozen = ", frozen" if recipe.freeze == "encoder" else ""
    size = f"{encoder.code_size}-d{frozen}"
    if isinstance(encoder, WideResNetSettings):
        return f"WRN-{encoder.depth}-{encoder.width}, {size}"
    if isinstance(encoder, ConvEncoderSettings):
        return f"convolutions, {size}"
    assert isinstance(encoder, UNetEncoderSettings)
    return f"{_unet('U-Net', encoder)}, {size}"


def _unet(name: str, network: Any) -> str:
    multipliers = ", ".join(map(str, network.channel_multipliers))
    return f"{name} {network.nf} × ({multipliers}), {network.blocks} blocks"


def _other(recipe: Recipe) -> str:
    if recipe.score is not None:
        return _unet("NCSN++", recipe.score)
    if recipe.decoder is None:
        return "none"
    return "convolutions" if recipe.decoder.kind == "convolutional" else _unet("U-Net", recipe.decoder)


def _diffusion(recipe: Recipe) -> str:
    if recipe.method.kind == "supervised":
        return "none, t = 0"
    single = f"t = {shown(getattr(recipe.times, 't', None))}"
    times = {"uniform": "t uniform", "sigma_uniform": "σ uniform", "single": single}[recipe.times.kind]
    diffuses = recipe.method.kind not in ("ae", "vae", "simclr", "simclr_gauss")
    return f"{recipe.sde.kind.upper() if diffuses else 'none'}, {times}"


def _length(recipe: Recipe) -> str:
    after = ""
    if recipe.start_from is not None:
        before = "a published model" if is_file(recipe.start_from) else code(recipe.start_from)
        after = f", from {before}"
    images = "" if recipe.train_images is None else f", {recipe.train_images:,} images"
    return f"{recipe.iterations:,} × {recipe.batch_size}{images}{after}" if recipe.iterations else f"none{after}"
