"""The model card: what exported weights are, in words and numbers that results hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from drl.config.base import Settings
from drl.config.methods import DAESettings, GaussianCodeSettings, SupervisedSettings
from drl.config.recipes import Recipe
from drl.models.model_facts import ModelFacts
from drl.records.run_card import versions
from drl.reporting.markdown import markdown_table

PIXELS = {
    "standardised": "(x / 255 - mean) / deviation, with the channels' own mean {mean} and deviation {std}",
    "unit": "x / 255, in [0, 1]",
    "symmetric": "2 x / 255 - 1, in [-1, 1]",
}
SCALES = {
    "demo": "It was trained at demo scale: a few dozen steps of tiny networks, to check machinery, and is good for "
    "nothing else.",
    "lite": "It was trained at lite scale: small networks, a few thousand steps. Compare it with models of that scale "
    "alone.",
    "paper": "It was trained by the paper's protocol.",
}
SHOWN_CLASSES = 20


@dataclass(frozen=True)
class Weights:
    """The exported file: its name, size in bytes, SHA-256, and whether it is the encoder alone."""

    name: str
    size: int
    sha256: str
    encoder_only: bool


def model_card(facts: ModelFacts, weights: Weights) -> str:
    """Return the model card in Markdown, with the front matter that model hubs read."""
    about, method = facts.header.about, facts.header.recipe.method
    parts = [
        "---\nlibrary_name: drl\ntags: [representation-learning, diffusion, image-feature-extraction]\n---",
        f"# {about.recipe} on {about.dataset}, seed {about.seed}",
        f"{'The encoder' if weights.encoder_only else 'A model'} trained by {method.goal} "
        f"(method `{method.kind}`, recipe `{about.recipe}`, scale `{about.scale}`).\n\nReference: {method.source}.",
        _use(facts, weights),
        _codes(facts),
        _accuracies(facts),
        _training(facts),
        _data(facts),
        _limits(facts),
        _files(facts, weights),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _use(facts: ModelFacts, weights: Weights) -> str:
    if facts.code_size is None:
        return (
            "## Use\n\n```python\nfrom drl.models.model_file import load_model\n\n"
            f'model = load_model("{weights.name}")\n```\n\nIt has no encoder, so images have no codes.'
        )
    images, t = facts.header.facts, suggested_t(facts)
    shape = f"2, {images.channels}, {images.image_size}, {images.image_size}"
    return f"""## Use

In the folder of this file, with the package `drl` installed:

```python
import torch
from drl.models.encoder_file import load_encoder

model = load_encoder("{weights.name}")
images = torch.zeros({shape}, dtype=torch.uint8)  # [N, channels, height, width], 0 to 255
codes = model.encode(images, torch.full((len(images),), {t:g}))  # [N, {facts.code_size}]
```

Of a folder of images of any size and format:

```
drl encode --model {weights.name} --images folder --t {t:g} --out codes.npy
```"""


def suggested_t(facts: ModelFacts) -> float:
    """Return the t at which codes are best read, as far as is known: validation's choice, else 0.5."""
    return 0.5 if facts.chosen_t is None else facts.chosen_t


def _codes(facts: ModelFacts) -> str:
    if facts.code_size is None:
        return ""
    lines = [f"- Size: {facts.code_size} entries, taken from the {_which_weights(facts)} weights."]
    if not facts.depends_on_t:
        lines.append("- They do not depend on *t*: any value gives the same.")
    elif facts.chosen_t is None:
        lines.append("- Which *t* is best was not measured; 0.5 is a guess. Probe it (`drl probe`) on images of yours.")
    else:
        lines.append(f"- Read them at *t* = {facts.chosen_t:g}: probes were best there on validation images.")
    if isinstance(facts.header.recipe.method, GaussianCodeSettings):
        lines.append("- They are Gaussian; `encode` gives the mean, or with a generator a sample.")
    if facts.code_usage:
        shares = ", ".join(f"{share:.3f} % at *t* = {t:g}" for t, share in facts.code_usage.items())
        lines.append(
            "- Code usage: with another image's code the denoising loss, at the end of training, is higher by "
            f"{shares}. About zero means that the denoiser does not use the code."
        )
    return "## Codes\n\n" + "\n".join(lines)


def _which_weights(facts: ModelFacts) -> str:
    return "averaged" if facts.header.recipe.codes_from == "ema" else "last"


def _accuracies(facts: ModelFacts) -> str:
    if not facts.accuracy:
        return "## Measured\n\nNo probe of this model was at hand."
    times = sorted({t for over_t in facts.accuracy.values() for t in over_t})
    rows = (
        [f"{labels:,}", *(f"{over_t[t]:.1f}" if t in over_t else "" for t in times)]
        for labels, over_t in sorted(facts.accuracy.items())
    )
    lines = markdown_table(["labels", *(f"t = {t:g}" for t in times)], rows)
    return (
        "## Measured\n\nTest accuracy in percent of a small network that reads the frozen codes, mean over its "
        "seeds:\n\n" + "\n".join(lines)
    )


def _training(facts: ModelFacts) -> str:
    recipe, card = facts.header.recipe, facts.training
    seen = recipe.iterations * recipe.batch_size
    networks = "; ".join(f"{name} {count:,}" for name, count in facts.parameters.items())
    scaled = PIXELS[recipe.pixels].format(mean=_numbers(facts.header.mean), std=_numbers(facts.header.std))
    lines = [
        f"- Length: {recipe.iterations:,} steps of {recipe.batch_size} images, {seen:,} images in all.",
        f"- Objective's settings: {_section(recipe.method)}; times {_section(recipe.times)}{_sde(recipe)}.",
        f"- Trainable parameters: {networks}.",
        f"- Pixels x (0 to 255) are scaled by the model itself: {scaled}.",
    ]
    if recipe.start_from is not None:
        lines.append(f"- Went on from: {recipe.start_from}.")
    if card:
        took = "" if card.seconds is None else f", {card.seconds:,.0f} s"
        lines.append(f"- Where: {card.device_name or card.device}, {card.precision}{took}.")
        if card.git.commit:
            dirty = ", with changes that were not committed" if card.git.dirty else ""
            lines.append(f"- Commit: {card.git.commit}{dirty}.")
        lines.append(f"- Versions: {_settings(card.versions)}.")
    else:
        lines.append(f"- The training's run card was not at hand. Versions at export: {_settings(versions())}.")
    return "## Training\n\n" + "\n".join(lines)


def _sde(recipe: Recipe) -> str:
    """Name the SDE, where a method uses it."""
    used = recipe.method.network == "score" or isinstance(recipe.method, DAESettings)
    return f"; SDE {_section(recipe.sde)}" if used else ""


def _data(facts: ModelFacts) -> str:
    images, known = facts.header.facts, facts.data and facts.data.facts
    colours = "grey" if images.channels == 1 else "colour"
    lines = [
        f"- `{facts.header.about.dataset}`: {images.image_size}x{images.image_size} pixels, {colours}, "
        f"{images.classes} classes."
    ]
    if known:
        names = known.classes[:SHOWN_CLASSES]
        more = f" and {len(known.classes) - len(names)} more" if len(known.classes) > len(names) else ""
        lines += [
            f"- {known.n_train:,} images for training, of which {known.n_val:,} are marked as validation; "
            f"{known.n_test:,} for testing.",
            f"- Classes: {', '.join(names)}{more}.",
            f"- From: {known.origin}.",
        ]
    labels = (
        "its labels were read" if isinstance(facts.header.recipe.method, SupervisedSettings) else "no label was read"
    )
    return "## Data\n\n" + "\n".join([*lines, f"- In training {labels}."])


def _limits(facts: ModelFacts) -> str:
    size = facts.header.facts.image_size
    lines = [
        f"- {SCALES.get(facts.header.about.scale, 'Its scale is none of the project.')}",
        f"- It knows images of {size}x{size} pixels like those above. `drl encode` brings others to that size (short "
        "side, then the centre); what codes of other kinds of images are worth was not measured.",
        "- It was not examined for what its data may have brought with it, such as an imbalance between groups of "
        "people.",
    ]
    return "## Limits\n\n" + "\n".join(lines)


def _files(facts: ModelFacts, weights: Weights) -> str:
    kept = "the encoder alone" if weights.encoder_only else "all networks, raw and averaged weights"
    lines = [
        f"- `{weights.name}`: {kept}; {weights.size / 1e6:,.1f} MB, SHA-256 `{weights.sha256}`. safetensors: reading "
        "it runs no code.",
        f"- `{weights.name}.json`: the run card of the export.",
    ]
    if facts.training:
        lines.append("- `training.json`: the run card of the training, with every setting.")
    return "## Files\n\n" + "\n".join(lines)


def _numbers(values: Any) -> str:
    return ", ".join(f"{value:.4f}" for value in values)


def _section(settings: Settings) -> str:
    return _settings(dict(sorted(settings.slice().items())))


def _settings(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {_plain(value)}" for key, value in values.items() if value is not None)


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
