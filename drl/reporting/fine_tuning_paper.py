"""Match the numbers in the paper's Tables 1 to 5 to our arms."""

from __future__ import annotations

from functools import cache

from drl.reporting.fine_tuning_runs import Setting
from drl.reporting.paper_values import paper_values

DATASETS = {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100", "miniimagenet": "MiniImageNet"}
_AT_100 = "epochs=100;mixup=no"
_FULL = "full schedule;mixup=no"
# For each table: arm -> method and variant in paper_values.csv.
ARMS: dict[int, dict[str, tuple[str, str]]] = {
    1: {
        "none": ("LaplaceNet", "pretraining=none;mixup=no"),
        "none_mixup": ("LaplaceNet", "pretraining=none;mixup=yes"),
        "drl": ("DRL", "mixup=no"),
        "drl_mixup": ("DRL", "mixup=yes"),
        "vdrl": ("VDRL", "mixup=no"),
    },
    2: {"none": ("none", _AT_100), "drl": ("DRL", _AT_100)},
    3: {
        "none": ("none", _AT_100),
        "none_mixup": ("none", "epochs=100;mixup=yes"),
        "drl": ("DRL", _AT_100),
        "drl_search": ("DRL", f"{_AT_100};t-search"),
        "ae": ("AE", _AT_100),
    },
    4: {"none": ("none", _FULL), "drl": ("DRL", _FULL), "ae": ("AE", _FULL)},
    5: {
        "drl": ("DRL", "mixup_sup=no"),
        "drl_mixup": ("DRL", "mixup_sup=yes"),
        "mixup_drl": ("Mixup-DRL", "mixup_sup=yes"),
        "vdrl": ("VDRL", "mixup_sup=no"),
        "vdrl_mixup": ("VDRL", "mixup_sup=yes"),
    },
}
DIFFERENCES = {2: {"drl": ("DRL-minus-none", _AT_100)}}


def published(table: int, metric: str, arm: str, setting: Setting) -> float | None:
    """Return the number in a cell of the paper's table.

    Args:
        table: 1 to 5.
        metric: `accuracy` (percent) or `difference` (percentage points).
        arm: Name of the arm.
        setting: Dataset (its name in the configuration) and number of labels.

    Returns:
        The number; None if the paper prints none.
    """
    names = (ARMS if metric == "accuracy" else DIFFERENCES).get(table, {}).get(arm)
    dataset = DATASETS.get(setting.dataset)
    if names is None or dataset is None:
        return None
    return _printed(table).get((dataset, str(setting.labels), *names))


@cache
def _printed(table: int) -> dict[tuple[str, str, str, str], float]:
    values = paper_values(table)
    keys = zip(values["dataset"], values["labels"].astype(str), values["method"], values["variant"], strict=True)
    return dict(zip(keys, values["value"].astype(float), strict=True))
