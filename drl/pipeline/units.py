"""Units of work: work with the same cost on a device is one unit, so that it is measured once.

Methods, datasets and seeds with the same network, image size and batch share a unit, and its rate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from drl.config.recipes import Recipe
from drl.config.resolve import recipe as resolve_recipe
from drl.config.schema import Config
from drl.files import fingerprint

# The names of one unit, by kind of work. Kinds in NETWORK are also counted in operations; kinds in HOST run on the
# processor on any device.
NETWORK = {
    "train": "image",
    "score": "evaluation",
    "encode": "image",
    "probe": "step",
    "fine_tune": "image",
    "pseudo_labels": "update",
    "inception": "image",
}
HOST = {
    "svm": "machine",
    "silhouette": "silhouette",
    "frechet": "distance",
    "prepare": "image",
    "start": "job",
    "draw": "item",
    "theory": "step",
}
# Settings that do not change the time of a step: weights of losses, times, embeddings of the noise level (differences
# were within the noise of repeated timings), and the scaling of pixels.
OF_NO_WEIGHT = ("embedding", "fourier_scale", "scale_by_sigma", "dropout", "log_variance_offset")
SMALL_CODE = 16  # entries; codes of at most this size cost a network the same


@dataclass(frozen=True)
class WorkUnit:
    """A piece of work that is done many times.

    Attributes:
        kind: A key of NETWORK or HOST.
        key: All that its cost depends on, except the device.
        title: Its name for readers.
        spec: The values that measuring it needs.
    """

    kind: str
    key: str
    title: str = field(compare=False)
    spec: Mapping[str, Any] = field(compare=False)

    @classmethod
    def of(cls, kind: str, title: str, *key: Any, **spec: Any) -> WorkUnit:
        """Return a unit whose cost depends on `key`, or on the whole spec if no key is given."""
        return cls(kind, fingerprint(kind, *(key or [spec])), title, spec)


@dataclass(frozen=True)
class Amount:
    """A number of units."""

    unit: WorkUnit
    count: float


class Network:
    """The networks of a recipe on a dataset, and the work that they do."""

    def __init__(self, config: Config, dataset: str | int, name: str | int) -> None:
        """Resolve the recipe."""
        self.images, self.name = config.datasets[str(dataset)], str(name)
        self.recipe = resolve_recipe(config, self.name, str(dataset))
        self.facts = (self.images.channels, self.images.image_size, self.images.classes)

    def unit(self, kind: str, title: str, what: Any, **more: Any) -> WorkUnit:
        """Return a unit of a network's work. Classes are ignored: they affect only the output, 0.01 % of a step."""
        spec = {"recipe": self.recipe, "facts": self.facts, "name": self.name, **more}
        return WorkUnit.of(kind, title, *self.facts[:2], what, **spec)

    def sized(self, *parts: str) -> str:
        """Return a text for these parts and the images: WRN-28-2 + NCSN++ 16, 32x32x3."""
        words = []
        for section in filter(None, (getattr(self.recipe, part) for part in parts)):
            if section.kind == "wide_resnet":
                words.append(f"WRN-{section.depth}-{section.width}")
            elif hasattr(section, "code_size"):
                words.append(f"{section.kind} {section.code_size}-d")
            else:
                name = {"ncsnpp": "NCSN++", "unet": "decoder"}.get(section.kind, section.kind)
                words.append(f"{name} {getattr(section, 'nf', '')}".strip())
        return f"{' + '.join(words)}, {self.facts[1]}x{self.facts[1]}x{self.facts[0]}"

    def encode(self, count: float) -> Amount:
        """Return the passes of `count` images through the network that makes the codes."""
        part = self.recipe.method.codes_by or "encoder"
        unit = self.unit("encode", f"encoding, {self.sized(part)}", light(getattr(self.recipe, part)))
        return Amount(unit, count)

    def evaluate(self, count: float) -> Amount:
        """Return `count` evaluations of the score, each of one image."""
        recipe = self.recipe
        small = recipe.encoder is None or code_size(recipe) <= SMALL_CODE
        what = [light(recipe.score), small, recipe.sampler.corrector]
        unit = self.unit("score", f"sampling, {self.sized('score')}", what, sampler=recipe.sampler)
        return Amount(unit, count)

    def chains(self, *t_init: float, times: int = 1) -> Amount:
        """Return the evaluations of a chain from each t_init, as in drl.diffusion.samplers.chain.calls."""
        sampler = self.recipe.sampler
        steps, draws = sampler.steps, 1 if sampler.corrector == "none" else 2
        begins = [min(int((1 - t) * steps + 1e-9), steps - 1) for t in t_init]
        return self.evaluate(times * draws * sum(steps - begin for begin in begins))

    def probe_steps(self, protocol: Any, sets: int, seeds: int, wide: int, count: float) -> Amount:
        """Return `count` steps of `sets` x `seeds` probes at once, whose inputs are `wide` codes side by side."""
        features, classes = code_size(self.recipe) * wide, self.images.classes
        spec = {"sets": sets, "seeds": seeds, "features": features, "classes": classes}
        spec |= {"hidden": protocol.hidden, "batch": protocol.batch_size}
        # The products have the network's precision.
        main: Any = self.recipe.score or self.recipe.decoder
        width = getattr(main, "nf", 8 * getattr(self.recipe.encoder, "width", 0))
        title = f"probes, {sets} x {seeds} of {features} entries, {classes} classes"
        return Amount(WorkUnit.of("probe", title, spec, width, **spec, recipe=self.recipe), count)

    def silhouette(self, count: float = 1, codes: int | None = None) -> Amount:
        """Return `count` silhouettes of `codes` codes; default: of all test images."""
        codes = codes or self.images.test
        title = f"silhouette of {codes:,} codes"
        return Amount(WorkUnit.of("silhouette", title, codes=codes, classes=self.images.classes), count)


def light(section: Any) -> dict[str, Any] | None:
    """Return a network's section without settings that do not affect its cost."""
    if section is None:
        return None
    kept: dict[str, Any] = {name: value for name, value in section.slice().items() if name not in OF_NO_WEIGHT}
    if kept.get("code_size", SMALL_CODE + 1) <= SMALL_CODE:
        kept["code_size"] = SMALL_CODE
    return kept


def code_size(recipe: Recipe) -> int:
    """Return the entries of a recipe's code."""
    encoder, score = recipe.encoder, recipe.score
    if recipe.method.codes_by == "score":
        assert score is not None
        return score.nf * score.channel_multipliers[-1]
    assert encoder is not None
    return 64 * encoder.width if encoder.kind == "wide_resnet" else encoder.code_size


def sees_time(recipe: Recipe) -> bool:
    """Whether a recipe's codes depend on t, like `codes_see_time` of the method; inputs of DAE depend on t too."""
    encoder = recipe.encoder
    if recipe.method.codes_by == "score":
        return True
    assert encoder is not None
    return encoder.kind == "wide_resnet" or bool(getattr(encoder, "time", None)) or recipe.method.kind == "dae"
