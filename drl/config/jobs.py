"""What each kind of job is told: the one form in which settings cross from the workflow to a process.

A rule hands a job its settings as canonical JSON; the job parses them into one of these models. A value that is here
decides the job's result, so that a changed one makes the result again; a value that is not here cannot.
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
from drl.config.sampling import GridSettings, SamplerSettings, Start
from drl.config.studies import CodeUsageSettings, FewShotSettings, ProbeTraining
from drl.config.theory import TheorySettings

DaeInput = Literal["noisy", "clean"]


class LabelLists(Settings):
    """Which images keep their labels, where lists name them: a folder of lists, and a digest of its files."""

    label_list: str | None = None
    label_list_sha256: str | None = None


class PrepareJob(Settings):
    """Settings of `drl prepare`."""

    dataset: ImageSettings

    def slice(self) -> dict[str, Any]:
        """Return plain values; where files lie and what they are is given for folders of images alone."""
        known = super().slice()["dataset"]
        return {"dataset": {k: v for k, v in known.items() if v is not None or k not in ("folder", "contents")}}


class PretrainJob(LabelLists, WithoutAbsent):
    """Settings of `drl pretrain`: the recipe, when code usage is measured, and how many snapshots are kept."""

    recipe: Recipe
    code_usage: CodeUsageSettings
    snapshots: int

    def slice(self) -> dict[str, Any]:
        """Return plain values, without the recipe's name in legends and how samples are drawn."""
        return super().slice() | {"recipe": self.recipe.slice()}


class ProbeProtocol(ProbeTraining, WithoutAbsent):
    """How probes are trained, with every budget a number; `dae_input` is given for DAE alone."""

    label_budgets: tuple[int, ...]
    dae_input: DaeInput | None = None


class ProbeJob(LabelLists):
    """Settings of `drl probe`."""

    method: str
    probe: ProbeProtocol


class FewShotProtocol(FewShotSettings, WithoutAbsent):
    """Few-shot fits; `validation`: also measure on validation images, which then keep no label."""

    validation: bool
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
    """Settings of `drl code-swap`. The ODE solver chooses its own steps; the grid says where it ends."""

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
    """Whose features measure samples: Inception's, of given weights or the downloaded ones, or a recipe's codes."""

    extractor: Literal["inception", "supervised"]
    recipe: str | None = None
    weights_sha256: str | None = None


class FidCells(Settings):
    """The cells that `drl later-start` drew."""

    t_init: tuple[Start, ...]
    priors: tuple[Literal["gaussian", "uniform_gaussian"], ...]
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
    """At which t codes are read, and of how many test images at most."""

    t: tuple[Time, ...]
    images: int
    dae_input: DaeInput | None = None


class CodeViewJob(Settings):
    """Settings of `drl code-view`."""

    method: str
    code_view: CodeView


class FineTuneRun(FineTuneProtocol, WithoutAbsent):
    """The protocol of one run: `search` where the arm searches t, `early_epoch` where it stops early."""

    padding: int
    search: tuple[Logit, ...] | None = None
    early_epoch: int | None = None


class ClassifierSettings(Settings):
    """The network that is fine-tuned, and what it is shown."""

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
