"""One job as its code sees it: what identifies it, its settings, its files, and where it may compute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from drl.config.base import Settings
from drl.config.datasets import MOST_PIXELS
from drl.errors import UserError

S = TypeVar("S", bound=Settings, covariant=True)


@dataclass(frozen=True)
class Origin:
    """The folder of a dataset's original files (None: its source's choice), and whether it may download."""

    folder: str | None = None
    download: bool = True


@dataclass(frozen=True)
class Resources:
    """Where to compute, and how to survive interruptions. On one kind of device, results differ at most by rounding.

    Attributes:
        device: auto, cpu or cuda.
        precision: auto, fp32 or bf16.
        compile: auto, on or off.
        graphs: auto, on or off: CUDA graphs of training steps.
        deterministic: Whether a GPU uses only operations that give the same result each time.
        threads: CPU threads; None: torch's choice.
        save_minutes: How often an unfinished job saves its state.
        wall_clock_minutes: When a job that keeps a state saves and stops; None: never.
        sampling_batch: Images sampled at once; None: the default of drl.evaluation.sampling.
        inception_weights: A file of Inception's weights, in place of the download.
        image_pixels: The most pixels of an image in a folder.
        origin: Where the original files of a dataset are, for `drl prepare`.
    """

    device: str = "auto"
    precision: str = "auto"
    compile: str = "auto"
    graphs: str = "auto"
    deterministic: bool = False
    threads: int | None = None
    save_minutes: float = 5.0
    wall_clock_minutes: float | None = None
    sampling_batch: int | None = None
    inception_weights: str | None = None
    image_pixels: int = MOST_PIXELS
    origin: Origin = Origin()


@dataclass(frozen=True)
class Job(Generic[S]):
    """One job of a study.

    Attributes:
        study: The study's name, which is the command in the run card.
        about: Scale, dataset, recipe, seed and so on: the cells that all rows of the metrics share.
        settings: All settings; with inputs and code, they decide the result.
        code_digest: Digest of the code that the job runs.
        inputs: Files by name: images, model, snapshots, probes, samples, extractor, start, metrics.
        out: The first output, after which the run card is named; the others are beside it.
        states: Folder of the states of unfinished jobs.
        resources: Where and how to compute.
    """

    study: str
    about: Mapping[str, str | int]
    settings: S
    code_digest: str
    inputs: Mapping[str, tuple[Path, ...]]
    out: Path
    states: Path = Path("results/.state")
    resources: Resources = Resources()

    @property
    def title(self) -> str:
        """The job's name in messages: `probe drl on digits, seed 0`."""
        return title_of(self.study, self.about)

    def input(self, name: str) -> Path:
        """Return the only input with a name.

        Raises:
            UserError: If the job has no such input, or several.
        """
        found = self.inputs.get(name, ())
        if len(found) != 1:
            raise UserError(f"{self.title}: needs one file as {name}, and has {len(found)}")
        return found[0]


def study_of(title: str) -> str:
    """Return the study of a job by its title. Trainings pass on titles; another argument would change their digests."""
    return title.partition(" ")[0].rstrip(",").replace("-", "_")


def title_of(step: str, about: Mapping[str, object]) -> str:
    """Return a job's name in messages, from its step and its axes; the step that draws Figure 4 is `draw_figure_4`."""
    what = about.get("arm") or about.get("recipe") or ""
    drawn = f"draw {step.removeprefix('draw_')}" if step.startswith("draw_") else step.replace("_", "-")
    words = f"{drawn} {what}".strip()
    words += f" on {about['dataset']}" if "dataset" in about else ""
    more = [f"{about['labels']} labels"] if "labels" in about else []
    more += [f"{name} {about[name]}" for name in ("split", "seed") if name in about]
    return ", ".join([words, *more])
