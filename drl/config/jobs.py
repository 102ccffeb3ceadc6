"""The settings of each kind of job, in the form in which the workflow passes them to a process.

A rule passes a job its settings as canonical JSON, and the job parses them into one of these models. Values in these
models decide the job's result, so a changed value makes the result again. Values that are not here cannot change it.
"""

from __future__ import annotations

from typing import Any, Literal

from drl.config.base import Count, Settings, WithoutAbsent
from drl.config.datasets import ImageSettings
from drl.config.diffusion import Time
from drl.config.fine_tuning import FineTuneProtocol, FineTuneStart, Logit
from drl.config.generation import CodeSwapSettings, LatentSquare, LaterStarts, OneCodeSettings
from drl.config.networks import WideResNetSettings
from drl.config.recipes import Recipe
from drl.config.sampling import GridSettings, Prior, SamplerSettings, Start
from drl.config.studies import CodeUsageSettings, FewShotSettings, ProbeTraining
from drl.config.theory import TheorySettings

DaeInput = Literal["noisy", "clean"]


class LabelLists(Settings):
    """The lists that name the images with labels: their folder, and a digest of its files. Both may be unset."""

    label_list: str | None = None
    label_list_sha256: str | None = None


class PrepareJob(Settings):
    """Settings of `drl prepare`."""

    dataset: ImageSettings

    def slice(self) -> dict[str, Any]:
        """Return plain values; only folders of images have the path and the digest of their files."""
        known = super().slice()["dataset"]
        return {"dataset": {k: v for k, v in known.items() if v is not None or k not in ("folder", "contents")}}


class PretrainJob(LabelLists, WithoutAbsent):
    """Settings of `drl pretrain`: the recipe, when code usage is measured, and how many snapshots are kept."""

    recipe: Recipe
    code_usage: CodeUsageSettings
    snapshots: int

    def slice(self) -> dict[str, Any]:
        """Return plain values, without the recipe's name in legends and the sampler's settings."""
        return super().slice() | {"recipe": self.recipe.slice()}


class ProbeProtocol(ProbeTraining, WithoutAbsent):
    """How probes are trained, with every label budget as a number; only DAE has `dae_input`."""

    label_budgets: tuple[int, ...]
    dae_input: DaeInput | None = None


class ProbeJob(LabelLists):
    """Settings of `drl probe`."""

    method: str
    probe: ProbeProtocol


class FewShotProtocol(FewShotSettings, WithoutAbsent):
    """Few-shot fits."""

    dae_input: DaeInput | None = None


class FewShotJob(LabelLists):
    """Settings of `drl few-shot`."""

    method: str
    few_shot: FewShotProtocol


class LearningSpeedJob(Settings):
    """Settings of `drl learning-speed`: the probe's protocol with one seed, and every t of `probe.t`."""

    method: str
    probe: ProbeProtocol
    split: Literal["val", "test"] = "val"


class LatentGrid(LatentSquare):
    """The square of one method: `extent` is half its side."""

    extent: float


class LatentGridJob(Settings):
    """Settings of `drl latent-grid`."""

    method: str
    sampler: SamplerSettings
    latent_grid: LatentGrid


class CodeSwapJob(Settings):
    """Settings of `drl code-swap`. The ODE solver chooses its own steps; the grid gives the t at which it ends."""

    method: str
    sampler: GridSettings
    code_swap: CodeSwapSettings


class OneCodeJob(Settings):
    """Settings of `drl one-code`."""

    method: str
    sampler: SamplerSettings
    one_code: OneCodeSettings


class LaterStartJob(Settings):
    """Settings of `drl later-start`."""

    method: str
    sampler: SamplerSettings
    later_start: LaterStarts


class FidProtocol(WithoutAbsent):
    """The features that measure samples: Inception's, with given or downloaded weights, or a recipe's codes."""

    extractor: Literal["inception", "supervised"]
    recipe: str | None = None
    weights_sha256: str | None = None


class FidCells(Settings):
    """The cells that `drl later-start` drew."""

    t_init: tuple[Start, ...]
    priors: tuple[Prior, ...]
    repeats: int


class FidJob(Settings):
    """Settings of `drl fid`."""

    fid: FidProtocol
    cells: FidCells
    images: int


class SilhouettesJob(Settings):
    """Settings of `drl silhouettes`: the models (recipe, seed) whose codes are read, and their methods."""

    methods: tuple[str, ...]
    models: tuple[tuple[str, int], ...]


class CodeView(WithoutAbsent):
    """The t at which codes are read, and the most test images to use."""

    t: tuple[Time, ...]
    images: int
    dae_input: DaeInput | None = None


class CodeViewJob(Settings):
    """Settings of `drl code-view`."""

    method: str
    code_view: CodeView


class FineTuneRun(FineTuneProtocol, WithoutAbsent):
    """The protocol of one run: `search` if the arm searches t, `early_epoch` if it stops early."""

    padding: int
    search: tuple[Logit, ...] | None = None
    early_epoch: int | None = None


class ClassifierSettings(Settings):
    """The network that is fine-tuned, and its inputs."""

    encoder: WideResNetSettings
    pixels: Literal["standardised", "unit", "symmetric"]
    centre_inputs: bool


class FineTuneJob(LabelLists):
    """Settings of `drl fine-tune`."""

    arm: FineTuneStart
    labels: Count
    fine_tune: FineTuneRun
    network: ClassifierSettings


class TheoryJob(Settings):
    """Settings of `drl theory`."""

    theory: TheorySettings
