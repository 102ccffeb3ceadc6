"""Jobs that draw, made up."""

from drl.jobs.job import Job
from drl.reporting import figure, table


def changed(settings, **changes):
    """Return settings with other values, checked as those of a job are."""
    return type(settings).model_validate(settings.model_dump() | changes)


def draw_figure(item, metrics, out, settings):
    """Draw a figure as `drl figure` does."""
    figure.run(Job("figure", {"item": item}, settings, "digest", {"metrics": tuple(metrics)}, out))


def make_table(item, metrics, out, settings):
    """Make a table as `drl table` does."""
    table.run(Job("table", {"item": item}, settings, "digest", {"metrics": tuple(metrics)}, out))
