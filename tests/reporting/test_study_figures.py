"""The parts of a study, drawn from made-up numbers."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from drl.config.drawings import FewShotItem, ItemJob
from drl.errors import UserError
from drl.records.metrics import write_metrics
from drl.reporting import study_few_shot, study_scatter, study_silhouettes
from drl.reporting.aggregate import read_all
from tests.reporting.jobs import changed, draw_figure, make_table

RECIPES = [["drl", "DRL"], ["ae", "AE"]]
SHARED = {"scale": "demo", "datasets": [["pets_1", "Pets"]], "recipes": RECIPES}
SETTINGS = ItemJob(study="code_view", **SHARED)
TIMES = (0.0, 0.5, 1.0)
FEW_SHOT = FewShotItem(study="few_shot", drawn_by="study_few_shot", labels=[20, 40], t=TIMES, **SHARED)


def row(study, recipe, seed, metric, value, **more):
    shared = {"scale": "demo", "study": study, "dataset": "pets_1", "recipe": recipe, "seed": seed}
    return {**shared, "metric": metric, "value": value, "n": 20, **more}


@pytest.fixture
def views(tmp_path):
    """Metrics of drl code-view: silhouettes (t + seed / 10) / 2 of drl and minus that of ae; codes of three classes."""
    files = []
    for recipe, sign in (("drl", 1), ("ae", -1)):
        for seed in (0, 1):
            path = tmp_path / recipe / f"seed{seed}.csv"
            rows = [row("code_view", recipe, seed, "silhouette", sign * (t + seed / 10) / 2, t=t) for t in TIMES]
            rows.append(row("code_view", recipe, seed, "explained_variance", 61.2, t=0.5))
            write_metrics(path, rows)
            codes = np.random.default_rng(seed).normal(size=(20, 2))
            frame = pd.DataFrame(codes, columns=["z_1", "z_2"]).assign(**{"class": ["NA", "01", "dog", "dog"] * 5})
            frame.to_csv(path.with_suffix(".codes.csv"), index=False)
            files.append(path)
    return files


def test_silhouettes_are_means_over_seeds(views):
    numbers = study_silhouettes.table(read_all(views), SETTINGS).set_index(["recipe", "t"])
    assert numbers.loc[("drl", 0.5), "mean"] == pytest.approx(0.275)
    assert numbers.loc[("ae", 1.0), "mean"] == pytest.approx(-0.525)
    assert numbers.loc[("drl", 0.5), "sd"] == pytest.approx(np.std([0.25, 0.3], ddof=1))
    panel = study_silhouettes.draw(numbers.reset_index(), SETTINGS).axes[0]
    drawn = {line.get_label(): line.get_ydata() for line in panel.lines if line.get_label() in ("DRL", "AE")}
    assert np.allclose(drawn["DRL"], [0.025, 0.275, 0.525])


def test_the_scatter_shows_every_code_of_the_first_seed_in_the_colour_of_its_class(views):
    numbers = study_scatter.table(read_all(views), SETTINGS)
    assert numbers[["recipe", "seed", "t", "silhouette"]].to_numpy().tolist() == [
        ["drl", 0, 0.5, 0.25],
        ["ae", 0, 0.5, -0.25],
    ]
    files = {("pets_1", "drl"): views[0], ("pets_1", "ae"): views[2]}
    drawing = study_scatter.draw(numbers, SETTINGS, files)
    keys = study_scatter.class_keys(["NA", "01", "dog"])
    assert list(keys) == ["NA", "dog", "01"], "numbers after words, 2 before 10"
    wanted = pd.read_csv(views[0].with_suffix(".codes.csv"), dtype={"class": str}, na_filter=False)
    points = {
        (round(x, 6), round(y, 6)): to_hex(colour)
        for part in drawing.axes[0].collections
        if len(part.get_offsets())
        for (x, y), colour in zip(np.asarray(part.get_offsets()), part.get_facecolors(), strict=True)
    }
    assert len(points) == 20
    for first, second, name in wanted.itertuples(index=False):
        assert points[round(first, 6), round(second, 6)] == keys[name].colour.lower()
    assert drawing.axes[0].get_title() == "DRL, $t$ = 0.5\nsilhouette 0.25"
    (legend,) = drawing.legends
    assert {text.get_text() for text in legend.get_texts()} == {"NA", "01", "dog"}


def test_changed_settings_are_marked_in_every_part(views, tmp_path):
    marked = SETTINGS.model_copy(update={"changed": ("AE",)})
    frame = read_all(views)
    drawing = study_silhouettes.draw(study_silhouettes.table(frame, marked), marked)
    assert [text.get_text() for text in drawing.legends[0].get_texts()] == ["DRL", "AE ‡"]
    files = {("pets_1", "drl"): views[0], ("pets_1", "ae"): views[2]}
    for settings, titles, note in (
        (SETTINGS, ["DRL,", "AE,"], ""),
        (marked, ["DRL,", "AE ‡,"], "‡ with changed settings"),
    ):
        drawing = study_scatter.draw(study_scatter.table(frame, settings), settings, files)
        assert [panel.get_title().split(" $")[0] for panel in drawing.axes] == titles
        assert drawing.legends[0].get_title().get_text() == note
    few = FEW_SHOT.model_copy(update={"changed": ("AE",)})
    sheet = study_few_shot.sheet(study_few_shot.table(read_all(few_shot_files(tmp_path)), few), few)
    assert [cells[0] for cells in sheet.rows] == ["DRL", "DRL", "AE ‡", "AE ‡"]
    assert "‡: with changed settings" in sheet.caption


@pytest.mark.parametrize(
    ("classes", "colours", "markers"), [(10, 10, 1), (11, 10, 2), (30, 10, 3), (31, 10, 1), (200, 10, 1)]
)
def test_classes_stay_apart_however_many_there_are(classes, colours, markers):
    # Class k has k + 1 images.
    keys = study_scatter.class_keys([f"c{k}" for k in range(classes) for _ in range(k + 1)])
    assert len({key.colour for key in keys.values()}) == colours
    assert len({key.marker for key in keys.values()}) == markers
    assert len(set(keys.values())) == len(keys) == min(classes, 30 if classes <= 30 else 10)
    if classes > 30:
        assert list(keys) == [f"c{k}" for k in range(classes - 10, classes)], "the most frequent, c9 before c10"


def test_superscripts_and_circled_digits_are_words():
    assert list(study_scatter.class_keys(["10²", "①", "٣", "9", "10", "½"])) == ["½", "٣", "①", "9", "10", "10²"]


def few_shot_files(folder, times=TIMES):
    """Accuracy 10 t + 100 labels-th + seed; seed 0 chose t = 0.5, seed 1 chose t = 1."""
    files = []
    for recipe, _ in RECIPES:
        for seed, chosen in ((0, 0.5), (1, 1.0)):
            rows = [
                row("few_shot", recipe, seed, "test_accuracy", 10 * t + labels / 10 + seed, t=t, labels=labels)
                for labels in (20, 40)
                for t in (times if recipe == "drl" else times[:1])
            ]
            write_metrics(folder / f"few_{recipe}{seed}.csv", rows)
            rows = [row("probe", recipe, seed, "val_accuracy", 1.0, t=chosen, arm="chosen", labels=100)]
            rows += [row("probe", recipe, seed, "test_accuracy", 99.0, t=t, labels=100) for t in TIMES]
            write_metrics(folder / f"probe_{recipe}{seed}.csv", rows)
            files += [folder / f"few_{recipe}{seed}.csv", folder / f"probe_{recipe}{seed}.csv"]
    return files


def test_few_shot_accuracy_is_read_at_each_seeds_chosen_t(tmp_path):
    settings = FEW_SHOT
    numbers = study_few_shot.table(read_all(few_shot_files(tmp_path)), settings).set_index(["recipe", "labels"])
    drl = numbers.loc[("DRL", 40)]
    # Seed 0 at 0.5: 5 + 4; seed 1 at 1: 10 + 4 + 1.
    assert (drl["chosen_t"], drl["mean"], drl["n_seeds"]) == ("0.5, 1", 12.0, 2)
    assert drl["sd"] == pytest.approx(np.std([9, 15], ddof=1))
    assert [drl[f"t={t:g}"] for t in TIMES] == [4.5, 9.5, 14.5]
    # Codes without time were read at one t.
    assert [numbers.loc[("AE", 20)][f"t={t:g}"] for t in TIMES] == [2.5, 2.5, 2.5]
    sheet = study_few_shot.sheet(numbers.reset_index(), settings)
    assert sheet.header == ["recipe", "labels", "chosen t", "at the chosen t", "t=0", "t=0.5", "t=1"]
    assert sheet.rows[1] == ["DRL", "40", "0.5, 1", "12.0 ± 4.2", "4.5", "9.5", "14.5"]


def test_few_shot_files_that_lack_something_are_named(tmp_path):
    settings, files = changed(FEW_SHOT, labels=[20, 60]), few_shot_files(tmp_path)
    with pytest.raises(UserError, match="no rows of recipe 'drl' with 60 labels"):
        study_few_shot.table(read_all(files), settings)
    with pytest.raises(UserError, match="or no t chosen"):
        study_few_shot.table(read_all(files[::2]), changed(settings, labels=[20]))


def test_parts_are_drawn_and_written_with_cards(views, tmp_path):
    for name in ("silhouettes", "scatter"):
        draw_figure(name, views, tmp_path / f"{name}.svg", changed(SETTINGS, drawn_by=f"study_{name}"))
        assert {path.suffix for path in tmp_path.glob(f"{name}.*")} == {".svg", ".png", ".csv", ".json"}
    files = few_shot_files(tmp_path)
    make_table("few_shot", files, tmp_path / "few_shot.csv", FEW_SHOT)
    assert "| 0.5, 1 | 12.0 ± 4.2 |" in (tmp_path / "few_shot.md").read_text()
    written = pd.read_csv(tmp_path / "few_shot.csv")
    assert written.shape == (4, 6 + len(TIMES))
    assert set(written["chosen_t"]) == {"0.5, 1"}


@pytest.mark.parametrize("cell", ["", "nan"])
def test_a_code_without_a_place_is_one_line(views, tmp_path, cell):
    file = views[0].with_suffix(".codes.csv")
    pd.read_csv(file, dtype={"class": str}).astype(object).assign(z_2=cell).to_csv(file, index=False)
    with pytest.raises(UserError, match=rf"{file}: is not a file of codes; .* \(row 2 has '.*' as z_2, "):
        draw_figure("scatter", views, tmp_path / "x.svg", changed(SETTINGS, drawn_by="study_scatter"))


def test_classes_of_any_name_have_their_place_in_the_legend(views, tmp_path):
    names = ["10²", "①", "b{x}", "_a", "$x$", "\\frac", "猫", "犬 犬", "</script>", "|x|"]
    for path in tmp_path.rglob("*.codes.csv"):
        pd.read_csv(path).assign(**{"class": names * 2}).to_csv(path, index=False)
    draw_figure("scatter", views, tmp_path / "x.svg", changed(SETTINGS, drawn_by="study_scatter"))
    assert (tmp_path / "x.svg").read_text().count("<svg") == 1
    figure = Figure()
    study_scatter._legend(figure, study_scatter.class_keys(names), len(names))
    shown = [text.get_text().strip("\u200a") for text in figure.legends[0].get_texts()]
    assert sorted(text.replace("\\$", "$") for text in shown) == sorted(names)
