"""The registry of the paper's items: which studies and models each figure and table needs.

Targets, dry runs, the README's table and the report read it. Pure Python, so that the Snakefile can import it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from drl.errors import UserError, nearest

if TYPE_CHECKING:
    from drl.config.schema import Config


@dataclass(frozen=True)
class Item:
    """One figure or table.

    Attributes:
        name: Target of Snakemake, and stem of the files.
        kind: `figure` and `table` are the paper's; `diagnostic` is beyond it.
        shows: What it shows, in a few words.
        section: Where in the paper.
        study: The measurement it is drawn from.
        needs: Models and data at paper scale.
        drawn_by: Module of drl/reporting that draws it.
        trajectory: Whether it also shows probes of all t together and of the t chosen on validation images.
        settings: What else its module wants to know of it.
        cost: Measured cost for each scale where it has been run; else estimated, and then it says so.
    """

    name: str
    kind: Literal["figure", "table", "diagnostic"]
    shows: str
    section: str
    study: str
    needs: str
    drawn_by: str
    trajectory: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    cost: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, order=True)
class Model:
    """One pretraining: a recipe on a dataset with a seed."""

    dataset: str
    recipe: str
    seed: int

    @property
    def folder(self) -> str:
        """Where it lies below results/<scale>/models/."""
        return f"{self.dataset}/{self.recipe}/seed{self.seed}"


@dataclass(frozen=True, order=True)
class FineTuning:
    """One fine-tuning: an arm on a dataset with so many labels, a split and a seed."""

    dataset: str
    arm: str
    labels: int
    split: int
    seed: int

    @property
    def name(self) -> str:
        """Where it lies below results/<scale>/metrics/fine_tune/, without a suffix."""
        return f"{self.dataset}/{self.arm}/labels{self.labels}_split{self.split}_seed{self.seed}"


# The paper's sections, as the report orders its items.
SECTIONS = {
    "2, App. B, C": "2 Theory",
    "3.1": "3.1 Downstream classification",
    "3.2": "3.2 Semi-supervised classification",
    "3.3": "3.3 Qualitative results",
    "3.3, App. D": "3.3 Qualitative results",
    "App. C": "App. C The code's part in denoising",
    "App. E": "App. E Few-shot classification",
    "App. F": "App. F Few labels",
    "App. G": "App. G Ablations of pretraining",
    "App. H": "App. H Training on single timescales",
    "App. I": "App. I The initial noise scale",
}
BEYOND = "Beyond the paper"
WITH_FIGURE_4 = {"demo": "seconds, with Figure 4", "lite": "seconds, with Figure 4", "paper": "not run"}
REGISTRY = (
    Item(
        "figure_2",
        "figure",
        "2-d codes of DRL and samples over the latent square",
        "3.3",
        "latent_grid",
        "2 datasets x 2 recipes, one of them in two phases",
        drawn_by="latent_grids",
        cost={"demo": "20 s", "lite": "14 min", "paper": "not run"},
    ),
    Item(
        "figure_3",
        "figure",
        "2-d codes of VDRL and samples over the latent square",
        "3.3",
        "latent_grid",
        "2 datasets x 2 recipes, one of them in two phases",
        drawn_by="latent_grids",
        cost={"demo": "15 s", "lite": "12 min", "paper": "not run"},
    ),
    Item(
        "figure_4",
        "figure",
        "probe accuracy over t, VE",
        "3.1",
        "probe",
        "3 datasets x 8 recipes x 3 seeds",
        drawn_by="probe_curves",
        trajectory=True,
        cost={"demo": "2 min", "lite": "1 h 50 min (without EDM 80 min)", "paper": "not run"},
    ),
    Item(
        "figure_5",
        "figure",
        "probe accuracy over t, VP",
        "3.1",
        "probe",
        "4 VP recipes, and 4 of Figure 4",
        drawn_by="probe_curves",
        trajectory=True,
        cost={"demo": "2 min, with Figure 4 one", "lite": "not run", "paper": "not run"},
    ),
    Item(
        "figure_6",
        "figure",
        "denoising with another image's code",
        "App. C",
        "code_swap",
        "a model of Figure 2",
        drawn_by="swapped_codes",
        cost={"demo": "seconds, with Figure 2", "lite": "seconds, with Figure 2", "paper": "not run"},
    ),
    Item(
        "figure_7",
        "figure",
        "samples from one code, for codes of several sizes",
        "3.3, App. D",
        "one_code",
        "1 dataset x 4 code sizes",
        drawn_by="same_code",
        cost={"demo": "20 s", "lite": "25 min", "paper": "not run"},
    ),
    Item(
        "figure_8",
        "figure",
        "few-shot accuracy of 8-d codes over t",
        "App. E",
        "few_shot",
        "1 dataset x 4 recipes, two of them x 4 weights, x 3 seeds",
        drawn_by="few_shot_curves",
        cost={"demo": "1 min", "lite": "30 min", "paper": "not run"},
    ),
    Item(
        "figure_9",
        "figure",
        "probe accuracy over t, 1,000 labels at paper scale",
        "App. F",
        "probe",
        "models of Figure 4",
        drawn_by="probe_curves",
        cost=WITH_FIGURE_4,
    ),
    Item(
        "figure_10",
        "figure",
        "probe accuracy over t, 5,000 labels at paper scale",
        "App. F",
        "probe",
        "models of Figure 4",
        drawn_by="probe_curves",
        cost=WITH_FIGURE_4,
    ),
    Item(
        "figure_11",
        "figure",
        "probe accuracy over t, 10,000 labels at paper scale",
        "App. F",
        "probe",
        "models of Figure 4",
        drawn_by="probe_curves",
        cost=WITH_FIGURE_4,
    ),
    Item(
        "figure_12",
        "figure",
        "silhouette of codes against the single t trained on",
        "App. H",
        "silhouettes",
        "2 datasets x 10 t x 3 seeds",
        drawn_by="silhouette_curves",
        cost={"demo": "30 s", "lite": "45 min", "paper": "not run"},
    ),
    Item(
        "figure_13",
        "figure",
        "samples from a later start t_init",
        "App. I",
        "later_start",
        "an unconditional model",
        drawn_by="later_starts",
        cost={"demo": "15 s", "lite": "16 min", "paper": "not run"},
    ),
    Item(
        "table_1",
        "table",
        "LaplaceNet with and without pretraining",
        "3.2",
        "fine_tune",
        "DRL and VDRL on 3 datasets, 55 fine-tunings",
        drawn_by="fine_tuning_tables",
        settings={"number": 1, "layout": "settings_down", "early": False, "difference": False},
        cost={"demo": "70 s", "lite": "75 min (estimated; 55 without mixup)", "paper": "not run"},
    ),
    Item(
        "table_2",
        "table",
        "the same, read at epoch 100",
        "3.2",
        "fine_tune",
        "runs of Table 1",
        drawn_by="fine_tuning_tables",
        settings={"number": 2, "layout": "settings_down", "early": True, "difference": True},
        cost={"demo": "seconds, with Table 1", "lite": "seconds, with Table 1", "paper": "not run"},
    ),
    Item(
        "table_3",
        "table",
        "ablation at epoch 100",
        "App. G",
        "fine_tune",
        "runs of Table 1; AE models, and 6 runs more",
        drawn_by="fine_tuning_tables",
        settings={"number": 3, "layout": "arms_down", "early": True, "difference": False},
        cost={
            "demo": "20 s, with Tables 1 and 4",
            "lite": "20 min, with Tables 1 and 4 (estimated)",
            "paper": "not run",
        },
    ),
    Item(
        "table_4",
        "table",
        "ablation to the end",
        "App. G",
        "fine_tune",
        "runs of Tables 1 and 3",
        drawn_by="fine_tuning_tables",
        settings={"number": 4, "layout": "arms_down", "early": False, "difference": False},
        cost={"demo": "10 s, with Table 1", "lite": "45 min", "paper": "not run"},
    ),
    Item(
        "table_5",
        "table",
        "mixup in pretraining and fine-tuning",
        "App. G",
        "fine_tune",
        "runs of Table 1; Mixup-DRL models, and 22 runs more",
        drawn_by="fine_tuning_tables",
        settings={"number": 5, "layout": "settings_down", "early": False, "difference": False},
        cost={"demo": "25 s, with Table 1", "lite": "35 min, with Table 1 (estimated)", "paper": "not run"},
    ),
    Item(
        "table_6",
        "table",
        "FID against t_init",
        "App. I",
        "fid",
        "samples of Figure 13, and the features of a classifier",
        drawn_by="fid_table",
        cost={"demo": "seconds, with Figure 13", "lite": "30 s, with Figure 13", "paper": "not run"},
    ),
    Item(
        "learning_curve",
        "diagnostic",
        "probe accuracy over training, EDM's objective against the paper's",
        "beyond the paper",
        "learning_speed",
        "2 recipes of Figure 4, and 2 with EDM's objective",
        drawn_by="learning_speed",
        cost={"demo": "30 s", "lite": "50 min, with Figure 4 five", "paper": "not run"},
    ),
    Item(
        "t_trajectory",
        "diagnostic",
        "the learned t over fine-tuning, with and without weight decay on it",
        "beyond the paper",
        "fine_tune",
        "a run of Table 1, and 5 more",
        drawn_by="t_trajectories",
        cost={"demo": "40 s, with Table 1", "lite": "3 min, with Table 1", "paper": "not run"},
    ),
    Item(
        "code_usage",
        "diagnostic",
        "what the code is worth to the denoiser, over training",
        "beyond the paper",
        "pretrain",
        "models of Figure 4",
        drawn_by="code_usage",
        cost=WITH_FIGURE_4,
    ),
    Item(
        "theory",
        "diagnostic",
        "the constant of Eq. 6, the kernel and Proposition 2.1 on a mixture with a known score",
        "2, App. B, C",
        "theory",
        "3 small networks x 3 seeds, on data of its own",
        drawn_by="theory",
        cost={"demo": "under 1 min", "lite": "1.5 min a seed", "paper": "not run"},
    ),
)
ITEMS: Mapping[str, Item] = {item.name: item for item in REGISTRY}
BUILT: tuple[str, ...] = tuple(ITEMS)


def models(config: Config, item: str) -> tuple[Model, ...]:
    """Return the pretrainings that an item is drawn from, in the order of datasets, recipes, seeds."""
    return tuple(_models(config, item))


def fine_tunings(config: Config, item: str) -> tuple[FineTuning, ...]:
    """Return the fine-tunings that an item is drawn from, in the order of datasets, labels, arms, seeds, splits."""
    return tuple(_fine_tunings(config, item))


def _fine_tunings(config: Config, item: str) -> Iterator[FineTuning]:
    cells = [
        (dataset, arm, labels)
        for dataset in config.item_datasets(item)
        for labels in config.item_labels(item, dataset)
        for arm in config.items[item].arms
    ]
    cells += [(row.dataset, row.arm, row.labels) for row in config.item_beyond(item)]
    for dataset, arm, labels in dict.fromkeys(cells):
        for seed in config.item_seeds(item):
            for split in config.splits(seed):
                yield FineTuning(dataset, arm, labels, split, seed)


def _models(config: Config, item: str) -> Iterator[Model]:
    if ITEMS[item].study == "fine_tune":
        runs = _fine_tunings(config, item)
        known = {Model(run.dataset, model, run.seed): None for run in runs if (model := config.arms[run.arm].model)}
        yield from known
        return
    for dataset in config.item_datasets(item):
        for recipe in config.item_models(item):
            for seed in config.item_seeds(item):
                yield Model(dataset, recipe, seed)


def measurements(config: Config, item: str) -> tuple[str, ...]:
    """Return the CSV files below results/<scale>/ that an item is drawn from."""
    if ITEMS[item].study == "pretrain":
        return tuple(f"models/{model.folder}/code_usage.csv" for model in _models(config, item))
    if ITEMS[item].study == "fine_tune":
        return tuple(f"metrics/fine_tune/{run.name}.csv" for run in _fine_tunings(config, item))
    if ITEMS[item].study == "silhouettes":
        return tuple(f"metrics/silhouettes/{dataset}.csv" for dataset in config.item_datasets(item))
    if ITEMS[item].study == "theory":
        return tuple(f"metrics/theory/mixture/seed{seed}.csv" for seed in config.item_seeds(item))
    return tuple(f"metrics/{ITEMS[item].study}/{model.folder}.csv" for model in _models(config, item))


def section_of(item: str) -> str:
    """Return the heading under which the report shows an item."""
    return SECTIONS.get(ITEMS[item].section, BEYOND)


def item_name(kind: str, word: str) -> str:
    """Return an item's full name: `4` and `figure_4` are the same figure.

    Raises:
        UserError: If there is no such item.
    """
    name = f"{kind}_{word}" if word.isdigit() else word
    if name not in ITEMS:
        raise UserError(f"unknown item {word!r}; {nearest(name, ITEMS)}")
    return name


def markdown_table() -> str:
    """Return the README's table: item, target, what it needs, cost at each scale."""
    lines = [
        "| Paper item | Shows | Command | Needs at paper scale | demo | lite | paper |",
        "|---|---|---|---|---|---|---|",
    ]
    for item in REGISTRY:
        title = item.name.replace("_", " ").capitalize()
        where = f"{title} ({item.section})"
        cost = " | ".join(item.cost.get(scale, "") for scale in ("demo", "lite", "paper"))
        lines.append(f"| {where} | {item.shows} | `snakemake {item.name}` | {item.needs} | {cost} |")
    return "\n".join(lines)
