"""The table at the end: what was measured, the goal, and what was estimated without a GPU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

Row = dict[str, Any]


class Goal(NamedTuple):
    """A line of the table.

    Attributes:
        step: Name of the step.
        key: Name of the value among those that the step found.
        what: What it is.
        goal: The goal, in words.
        estimate: What was estimated by counting operations, without a GPU.
    """

    step: str
    key: str
    what: str
    goal: str
    estimate: str = "none"


EAGER, GRAPHED, WAITS = "eager images/s", "graphed images/s", "host waits"
GOALS = (
    Goal("environment", "card", "card", "any"),
    Goal("environment", "graphs", "a tiny CUDA graph replays", "yes"),
    Goal("triton", "compiles", "torch.compile works", "yes"),
    Goal("cases", "largest difference", "cases against the CPU, fp32: largest difference", "at most 0.001"),
    Goal("cases", "failed", "cases that failed", "0"),
    Goal("resume", "deterministic, equal", "resumed training, deterministic: equal bit for bit", "yes"),
    Goal("resume", "default, equal", "resumed training, default: equal bit for bit", "none"),
    Goal("steps, drl", EAGER, "DRL step, eager: images/s", "none", "4,300 to 6,200"),
    Goal("steps, drl", GRAPHED, "DRL step, graphed: images/s", "at least 10,000"),
    Goal("steps, drl", WAITS, "DRL step: host waits", "0", "0"),
    Goal("steps, drl", "graphed equal", "DRL step: graphed weights are the eager ones", "yes"),
    Goal("compiled, drl", GRAPHED, "DRL step, compiled and graphed: images/s", "none"),
    Goal("steps, drl", "eager launches", "DRL step, eager: launches", "none", "2,288"),
    Goal("steps, drl", "graphed launches", "DRL step, graphed: launches", "3", "3"),
    Goal("steps, drl", "eager busy share", "DRL step, eager: share of the time in which the GPU computes", "none"),
    Goal("steps, drl", "graphed busy share", "the same, graphed", "near 1"),
    Goal("steps, vdrl", GRAPHED, "VDRL step, graphed: images/s", "none"),
    Goal("steps, simclr", GRAPHED, "SimCLR step, graphed: images/s", "none"),
    Goal("steps, fine-tuning, 32 pixels", EAGER, "fine-tuning step, 32 pixels, eager: images/s", "none"),
    Goal("steps, fine-tuning, 32 pixels", "eager launches", "the same, launches", "none", "2,477"),
    Goal("steps, fine-tuning, 32 pixels", "graphed launches", "the same, graphed: launches", "none", "about 525"),
    Goal("steps, fine-tuning, 32 pixels", GRAPHED, "the same, graphed: images/s", "at least 25,000"),
    Goal("steps, fine-tuning, 84 pixels", GRAPHED, "fine-tuning step, 84 pixels, graphed: images/s", "none"),
    Goal("pseudo-labels", "different labels", "pseudo-labels that differ from the CPU's", "0"),
    Goal("pseudo-labels", "seconds", "update of the pseudo-labels: seconds", "none"),
    Goal("probe suite", "seconds", "probe suite: seconds", "none"),
    Goal("encode", "images/s", "codes at one t: images/s", "none"),
    Goal("sampling", "evaluations/s", "evaluations of the score network per second", "none"),
    Goal("bf16 against fp32", "loss ratio", "loss after training in bf16 over that in fp32", "near 1"),
    Goal("trainings at once", "gain of 2", "2 trainings at once: images/s of all over those of one", "above 1"),
    Goal("trainings at once", "gain of 4", "4 trainings at once", "above 1"),
)


def table(rows: Sequence[Row], goals: Sequence[Goal] = GOALS) -> str:
    """Return the table in Markdown; a step without a result shows why."""
    known = {row["step"]: row for row in rows}
    lines = ["| what | measured | goal | estimate |", "|---|---|---|---|"]
    for goal in goals:
        row = known.get(goal.step)
        if row is not None:
            lines.append(f"| {goal.what} | {_measured(row, goal.key)} | {goal.goal} | {goal.estimate} |")
    return "\n".join(lines) + "\n"


def _measured(row: Row, key: str) -> str:
    if row["status"] != "ok":
        return f"{row['status']}: {row.get('detail', '')}".replace("|", "/")
    value = row["found"].get(key, "not measured")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return str(value)
