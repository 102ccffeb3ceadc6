"""The model card: a description of exported weights, from their header, run cards and metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from drl.config.base import Settings
from drl.config.methods import DAESettings, GaussianCodeSettings, SupervisedSettings
from drl.config.recipes import Recipe
from drl.markup import markdown, markdown_code
from drl.models.model_facts import ModelFacts
from drl.records.run_card import versions
from drl.reporting.markdown import markdown_table

PIXELS = {
    "standardised": "(x / 255 - mean) / deviation, with the channels' own mean {mean} and deviation {std}",
    "unit": "x / 255, in [0, 1]",
    "symmetric": "2 x / 255 - 1, in [-1, 1]",
}
SCALES = {
    "demo": "It was trained at demo scale: a few dozen steps of tiny networks. This only shows that everything works; "
    "the model is not useful.",
    "lite": "It was trained at lite scale: small networks, a few thousand steps. Compare it only with models of that "
    "scale.",
    "paper": "It was trained by the paper's protocol.",
}
SHOWN_CLASSES = 20


@dataclass(frozen=True)
class Weights:
    """The exported file: its name, size in bytes, SHA-256, and which weights it has, as `drl.models.export` says."""

    name: str
    size: int
    sha256: str
    kept: str


def model_card(facts: ModelFacts, weights: Weights) -> str:
    """Return the model card in Markdown, with the front matter that model hubs read."""
    about, method = facts.header.about, facts.header.recipe.method
    parts = [
        "---\nlibrary_name: drl\ntags: [representation-learning, diffusion, image-feature-extraction]\n---",
        f"# {markdown(about.recipe)} on {markdown(about.dataset)}, seed {about.seed}",
        f"{_kept(facts).capitalize() if weights.kept == 'encoder' else 'A model'} trained by {method.goal} "
        f"(method `{method.kind}`, recipe {markdown_code(about.recipe)}, scale {markdown_code(about.scale)}).\n\n"
        f"Reference: {method.source}.",
        _use(facts, weights),
        _codes(facts),
        _accuracies(facts),
        _training(facts),
        _data(facts),
        _limits(facts),
        _files(facts, weights),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _kept(facts: ModelFacts) -> str:
    """Return the name of the network that makes the codes."""
    return "the score network" if facts.header.recipe.method.codes_by == "score" else "the encoder"


def _use(facts: ModelFacts, weights: Weights) -> str:
    if facts.code_size is None:
        return f"""## Use

```python
import drl

model = drl.load("{weights.name}")
drawn = model.sample(4, sampler=dict(steps=100))  # uint8 [4, height, width, channels]
```

It has no encoder, so it gives no codes of images."""
    images, t = facts.header.facts, suggested_t(facts)
    shape = f"2, {images.image_size}, {images.image_size}, {images.channels}"
    return f"""## Use

In the folder of this file, with the package `drl` installed:

```python
import drl
import numpy as np

model = drl.load("{weights.name}")
images = np.zeros(({shape}), dtype=np.uint8)  # 0 to 255, or floats in [0, 1]; PIL images and tensors work, too
codes = model.encode(images, t={t:g})  # [N, {facts.code_size}]
```

To get the codes of a folder of images of any size and format:

```
drl encode --model {weights.name} --images folder --t {t:g} --out codes.npy
```"""


def suggested_t(facts: ModelFacts) -> float:
    """Return the t at which to read codes: the t chosen on validation images if there is one, else 0.5."""
    return 0.5 if facts.chosen_t is None else facts.chosen_t


def _codes(facts: ModelFacts) -> str:
    if facts.code_size is None:
        return ""
    lines = [f"- Size: {facts.code_size} entries, taken from the {_which_weights(facts)} weights."]
    if not facts.depends_on_t:
        lines.append("- They do not depend on *t*: every value gives the same codes.")
    elif facts.chosen_t is None:
        lines.append("- The best *t* was not measured; 0.5 is a guess. Measure it on your own images (`drl probe`).")
    else:
        lines.append(f"- Read them at *t* = {facts.chosen_t:g}, where probes were best on validation images.")
    if isinstance(facts.header.recipe.method, GaussianCodeSettings):
        lines.append("- They are Gaussian; `encode` gives the mean, or a sample if it gets a generator.")
    if facts.header.recipe.method.noisy_codes:
        lines.append("- They are of a noisy copy of the image, with the noise of *t*, which the generator draws.")
    if facts.code_usage:
        shares = ", ".join(f"{share:.3f} % at *t* = {t:g}" for t, share in facts.code_usage.items())
        lines.append(
            "- Code usage at the end of training: if the denoiser gets the code of another image, its loss rises by "
            f"{shares}. A value near zero means that it does not use the code."
        )
    return "## Codes\n\n" + "\n".join(lines)


def _which_weights(facts: ModelFacts) -> str:
    return "averaged" if facts.header.recipe.codes_from == "ema" else "last"


def _accuracies(facts: ModelFacts) -> str:
    if not facts.accuracy:
        return "## Measured\n\nNo probes of this model were found."
    times = sorted({t for over_t in facts.accuracy.values() for t in over_t})
    rows = (
        [f"{labels:,}", *(f"{over_t[t]:.1f}" if t in over_t else "" for t in times)]
        for labels, over_t in sorted(facts.accuracy.items())
    )
    lines = markdown_table(["labels", *(f"t = {t:g}" for t in times)], rows)
    return (
        "## Measured\n\nTest accuracy in percent of a small network trained on the frozen codes, averaged over its "
        "seeds:\n\n" + "\n".join(lines)
    )


def _training(facts: ModelFacts) -> str:
    recipe, card = facts.header.recipe, facts.training
    seen = recipe.iterations * recipe.batch_size
    networks = "; ".join(f"{name} {count:,}" for name, count in facts.parameters.items())
    scaled = PIXELS[recipe.pixels].format(mean=_numbers(facts.header.mean), std=_numbers(facts.header.std))
    lines = [
        f"- Length: {recipe.iterations:,} steps of {recipe.batch_size} images, {seen:,} images in all.",
        f"- Settings of the objective: {_section(recipe.method)}; times {_section(recipe.times)}{_sde(recipe)}.",
        f"- Trainable parameters: {networks}.",
        f"- The model itself scales pixels x (0 to 255): {scaled}.",
    ]
    if recipe.start_from is not None:
        lines.append(f"- Started from the weights of: {markdown(recipe.start_from)}.")
    if card:
        took = "" if card.seconds is None else f", {card.seconds:,.0f} s"
        device, precision = card.device_name or card.device, card.precision
        lines.append(f"- Where: {markdown(str(device))}, {markdown(str(precision))}{took}.")
        if card.git.commit:
            changes = ", with uncommitted changes" if card.git.dirty else ""
            lines.append(f"- Commit: {markdown(card.git.commit)}{changes}.")
        lines.append(f"- Versions: {_settings({markdown(name): version for name, version in card.versions.items()})}.")
    else:
        lines.append(f"- The run card of the training was not found. Versions at export: {_settings(versions())}.")
    return "## Training\n\n" + "\n".join(lines)


def _sde(recipe: Recipe) -> str:
    """Return the settings of the SDE if the method uses it."""
    used = recipe.method.network == "score" or isinstance(recipe.method, DAESettings)
    return f"; SDE {_section(recipe.sde)}" if used else ""


def _data(facts: ModelFacts) -> str:
    images, known = facts.header.facts, facts.data and facts.data.facts
    colours = "grey" if images.channels == 1 else "colour"
    lines = [
        f"- {markdown_code(facts.header.about.dataset)}: {images.image_size}x{images.image_size} pixels, {colours}, "
        f"{images.classes} classes."
    ]
    if known:
        names = [markdown(name) for name in known.classes[:SHOWN_CLASSES]]
        more = f" and {len(known.classes) - len(names)} more" if len(known.classes) > len(names) else ""
        lines += [
            f"- {known.n_train:,} images for training, {known.n_val:,} of them marked as validation images; "
            f"{known.n_test:,} for testing.",
            f"- Classes: {', '.join(names)}{more}.",
            f"- Source: {markdown(known.origin)}.",
        ]
    labels = (
        "labels were used" if isinstance(facts.header.recipe.method, SupervisedSettings) else "labels were not used"
    )
    return "## Data\n\n" + "\n".join([*lines, f"- In training, {labels}."])


def _limits(facts: ModelFacts) -> str:
    size = facts.header.facts.image_size
    lines = [
        f"- {SCALES.get(facts.header.about.scale, 'Its scale is not one of this project.')}",
        f"- It was trained on images of {size}x{size} pixels like those above. `drl encode` resizes the short side of "
        "other images to that size and crops them at the centre. Codes of other kinds of images were not tested.",
        "- Nobody examined whether it has faults that come from its data, such as an imbalance between groups of "
        "people.",
    ]
    return "## Limits\n\n" + "\n".join(lines)


def _files(facts: ModelFacts, weights: Weights) -> str:
    kept = {
        "all": "all networks, raw and averaged weights",
        "used": "all networks, with the weights that codes and samples use; a training cannot start from it",
        "encoder": f"only {_kept(facts)}",
    }[weights.kept]
    lines = [
        f"- `{weights.name}`: {kept}; {weights.size / 1e6:,.1f} MB, SHA-256 `{weights.sha256}`. safetensors: reading "
        "it runs no code.",
        "- `config.json`: the settings of the model, which are in the header of its weights, too.",
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
    return f"{value:g}" if isinstance(value, float) else markdown(value) if isinstance(value, str) else str(value)
