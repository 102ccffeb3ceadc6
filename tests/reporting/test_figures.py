import pandas as pd
import pytest

from drl.config.drawings import ProbeItem
from drl.errors import UserError
from drl.records.metrics import write_metrics
from drl.reporting.aggregate import over_seeds, read_all
from drl.reporting.probe_curves import draw, table
from drl.reporting.style import STYLES
from tests.reporting.jobs import changed, draw_figure

SETTINGS = ProbeItem(
    study="probe",
    drawn_by="probe_curves",
    scale="demo",
    datasets=[["a", "Data A"], ["b", "Data B"]],
    recipes=[["vdrl", "VDRL"], ["drl", "DRL"], ["mine", "Mine"]],
    budgets={"a": 50, "b": 60},
)


def rows():
    for dataset, budget in SETTINGS.budgets.items():
        for r, (recipe, _) in enumerate(SETTINGS.recipes):
            for seed in (0, 1):
                for probe_seed in (0, 1, 2):
                    for t in (0.0, 0.5, 1.0):
                        for labels in (10, budget):
                            yield {
                                "scale": "demo",
                                "study": "probe",
                                "dataset": dataset,
                                "recipe": recipe,
                                "seed": seed,
                                "probe_seed": probe_seed,
                                "labels": labels,
                                "t": t,
                                "metric": "test_accuracy",
                                "value": 40 + 10 * r + 4 * seed + probe_seed + labels / 10 + t,
                                "n": 100,
                            }


@pytest.fixture
def metrics(tmp_path):
    write_metrics(tmp_path / "m.csv", rows())
    return tmp_path / "m.csv"


def test_means_are_over_probe_seeds_then_over_seeds(metrics):
    numbers = table(read_all([metrics]), SETTINGS)
    assert len(numbers) == 2 * 3 * 3
    row = numbers[(numbers["dataset"] == "b") & (numbers["recipe"] == "drl") & (numbers["t"] == 0.5)].iloc[0]
    within = [40 + 10 + 4 * seed + 1 + 6 + 0.5 for seed in (0, 1)]
    assert row["mean"] == pytest.approx(sum(within) / 2)
    assert row["sd"] == pytest.approx(abs(within[0] - within[1]) / 2**0.5)
    assert (row["n_seeds"], row["labels"]) == (2, 60)


def test_a_single_seed_has_no_deviation():
    frame = pd.DataFrame({"recipe": ["a", "a"], "seed": [0, 0], "value": [1.0, 3.0]})
    assert over_seeds(frame, ["recipe"])[["mean", "sd", "n_seeds"]].iloc[0].tolist() == [2.0, 0.0, 1]


def test_the_figure_shows_every_line_with_its_name(metrics):
    picture = draw(table(read_all([metrics]), SETTINGS), SETTINGS)
    assert [axes.get_title() for axes in picture.axes] == ["Data A, 50 labels", "Data B, 60 labels"]
    for axes in picture.axes:
        assert [line.get_label() for line in axes.get_lines()] == ["VDRL", "DRL", "Mine"]
        assert axes.get_xlabel() == "Time $t$"
        assert [list(line.get_xdata()) for line in axes.get_lines()] == [[0.0, 0.5, 1.0]] * 3
    assert [text.get_text() for text in picture.legends[0].get_texts()] == ["VDRL", "DRL", "Mine †"]
    said = " ".join(picture.legends[0].get_title().get_text().split())
    assert said == "means over n = 2 seeds; bands: ± one standard deviation over them; † beyond the paper"
    colours = [line.get_color() for line in picture.axes[0].get_lines()]
    assert colours[:2] == [STYLES["VDRL"][0], STYLES["DRL"][0]]
    assert len(set(colours)) == 3


def test_numbers_of_another_scale_are_not_drawn(metrics, tmp_path):
    with pytest.raises(UserError, match=r"^figure_4: the metrics have scale demo, not lite; give --scale demo$"):
        draw_figure("figure_4", [metrics], tmp_path / "f.svg", changed(SETTINGS, scale="lite"))
    assert not (tmp_path / "f.svg").exists()


def test_a_demo_says_on_the_picture_that_it_is_one(metrics, tmp_path, monkeypatch):
    from drl.reporting import style

    marked = []
    monkeypatch.setattr(style, "mark_demo", lambda figure, samples: marked.append((figure, samples)))
    for scale in ("demo", "lite", "paper"):
        write_metrics(tmp_path / "m.csv", [row | {"scale": scale} for row in rows()])
        draw_figure("figure_4", [tmp_path / "m.csv"], tmp_path / "f.svg", changed(SETTINGS, scale=scale))
    assert len(marked) == 1
    monkeypatch.undo()
    ((figure, samples),) = marked
    assert not samples
    style.mark_demo(figure)
    assert " ".join(figure.get_suptitle().split()) == style.DEMO_NUMBERS


def test_lines_far_below_the_others_compress_the_axis_of_panel_and_strip(metrics):
    numbers = table(read_all([metrics]), SETTINGS)
    whole = draw(numbers, SETTINGS)
    assert {axes.get_yscale() for axes in whole.axes} == {"linear"}
    far = pd.concat([numbers, *(numbers[numbers["recipe"] == "drl"].assign(recipe=f"more{k}") for k in (0, 1))])
    far.loc[(far["recipe"] == "mine") & (far["dataset"] == "a"), "mean"] -= 60
    settings = changed(SETTINGS, recipes=[*SETTINGS.recipes, ["more0", "AE"], ["more1", "VAE"]])
    broken, other = draw(far, settings).axes
    assert (broken.get_yscale(), other.get_yscale()) == ("function", "linear")
    # No number changes, and none is left out.
    low, high = broken.get_ylim()
    heights = [height for line in broken.get_lines()[:5] for height in line.get_ydata()]
    own = far[far["dataset"] == "a"]
    assert heights == [mean for name, _ in settings.recipes for mean in own.loc[own["recipe"] == name, "mean"]]
    assert low < min(heights) < max(heights) < high
    assert "compressed" in broken.figure.legends[0].get_title().get_text().replace("\n", " ")
    assert "compressed" not in whole.legends[0].get_title().get_text()


def test_equal_numbers_give_equal_files(metrics, tmp_path):
    for name in ("one", "two"):
        draw_figure("figure_4", [metrics], tmp_path / name / "f.svg", SETTINGS)
    for suffix in ("svg", "png", "csv"):
        assert (tmp_path / "one" / f"f.{suffix}").read_bytes() == (tmp_path / "two" / f"f.{suffix}").read_bytes()


def test_a_recipe_without_numbers_is_named(metrics, tmp_path):
    more = changed(SETTINGS, recipes=[*SETTINGS.recipes, ["other", "Other"]])
    with pytest.raises(UserError, match=r"figure_4: .* nothing of recipe 'other' on dataset 'a'"):
        draw_figure("figure_4", [metrics], tmp_path / "f.svg", more)
    assert not list(tmp_path.glob("f.*"))


@pytest.mark.parametrize("damage", ["missing", "cut", "foreign", "empty"])
def test_damaged_metrics_are_named(metrics, tmp_path, damage):
    if damage == "missing":
        metrics.unlink()
    elif damage == "cut":
        metrics.write_text(metrics.read_text()[:-20])
    elif damage == "foreign":
        metrics.write_text("a,b\n1,2\n")
    else:
        write_metrics(metrics, [])
    with pytest.raises(UserError) as caught:
        draw_figure("figure_4", [metrics], tmp_path / "f.svg", SETTINGS)
    assert str(metrics) in str(caught.value) or damage == "empty"
    assert not (tmp_path / "f.svg").exists()
