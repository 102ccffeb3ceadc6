"""Evidence read off metrics, replicate by replicate, has the means that the items themselves show."""

import pandas as pd
import pytest
import torch

from drl.config.drawings import FewShotItem, FidItem, ItemJob, LearningSpeedItem, SilhouetteItem
from drl.errors import UserError
from drl.pipeline.configuration import resolve
from drl.records.metrics import COLUMNS
from drl.records.right import packed, write_measured
from drl.reporting import few_shot_curves, fine_tuning_tables, probe_curves, silhouette_curves
from drl.verdict.evidence import Evidence
from drl.verdict.images import scores
from drl.verdict.reading import from_item, from_metrics, read_measured
from drl.verdict.training_length import still_learning
from tests.verdict.measured import PROBE_SETTINGS, item_settings, probe_rows


def frame_of(rows):
    frame = pd.DataFrame(rows, columns=list(COLUMNS)).astype(object)
    for column in ("seed", "split", "probe_seed", "labels", "t", "epoch", "step", "value", "n"):
        frame[column] = pd.to_numeric(frame[column].replace("", None))
    return frame.assign(right=None)


def row(study, **cells):
    return dict.fromkeys(COLUMNS, "") | {"scale": "lite", "study": study, "dataset": "mnist5k", "n": 10} | cells


def agree(item, frame, settings, module, folder, cells):
    """Compare cells from metrics with those from the item's own CSV, which `module` makes of the same metrics."""
    read = Evidence("lite", {item: settings}, {item: from_metrics(frame, settings)})
    module.table(frame, settings).to_csv(folder / f"{item}.csv", index=False)
    drawn = Evidence("lite", {item: settings}, {item: from_item(folder / f"{item}.csv", item, settings, "lite")})
    for where in cells:
        first, second = read.sample(item, **where), drawn.sample(item, **where)
        assert first.values
        assert not second.values
        assert (first.mean, first.sd, first.n) == pytest.approx((second.mean, second.sd, second.n))


def test_probes(tmp_path):
    rows = probe_rows({"drl": [90.0, 92.0], "vdrl": [1.0, 2.0], "ae": [80.0, 81.0]})
    cells = [
        {"dataset": "digits", "recipe": recipe, "arm": "", "t": 0.5, "metric": "test_accuracy"}
        for recipe in ("drl", "ae")
    ]
    agree("figure_4", frame_of(rows), PROBE_SETTINGS, probe_curves, tmp_path, cells)


def test_few_shot_reads_the_member_of_a_sweep_that_the_figure_shows(tmp_path):
    rows = []
    for member, validation in (("drl_8d-lambda0.1", 50.0), ("drl_8d-lambda0.2", 60.0)):
        for seed in (0, 1):
            base = {"recipe": member, "seed": seed, "labels": 100, "t": 0.5, "split": 12}
            rows.append(row("few_shot", **base, metric="val_accuracy", value=validation))
            rows.append(row("few_shot", **base, metric="test_accuracy", value=validation + 10 + seed))
    settings = FewShotItem(
        study="few_shot",
        datasets=[["mnist5k", "MNIST-5k"]],
        recipes=[["drl_8d", "DRL"]],
        labels=[100],
        choices={"drl_8d": ["drl_8d-lambda0.1", "drl_8d-lambda0.2"]},
    )
    frame = frame_of(rows)
    where = {"dataset": "mnist5k", "recipe": "drl_8d", "labels": 100, "t": 0.5, "metric": "test_accuracy"}
    agree("figure_8", frame, settings, few_shot_curves, tmp_path, [where])
    evidence = Evidence("lite", {"figure_8": settings}, {"figure_8": from_metrics(frame, settings)})
    assert evidence.sample("figure_8", **where).values == {"0": 70.0, "1": 71.0}


def test_silhouettes_of_a_sweep_are_one_curve(tmp_path):
    members = ["drl_2d_single-t0.1", "drl_2d_single-t0.5"]
    rows = [
        row("silhouettes", recipe=member, seed=seed, t=t, metric="silhouette", value=t + seed / 10)
        for member, t in zip(members, (0.1, 0.5), strict=True)
        for seed in (0, 1, 2)
    ]
    settings = SilhouetteItem(
        study="silhouettes",
        datasets=[["mnist5k", "MNIST-5k"]],
        recipes=[["drl_2d_single", "DRL"]],
        members={"drl_2d_single": members},
    )
    cells = [{"dataset": "mnist5k", "t": t, "metric": "silhouette"} for t in (0.1, 0.5)]
    agree("figure_12", frame_of(rows), settings, silhouette_curves, tmp_path, cells)


def test_models_count_and_not_the_sets_of_samples_of_one_model():
    rows = [
        row(
            "fid",
            recipe="unconditional",
            seed=seed,
            split=split,
            arm="gaussian",
            t=1.0,
            metric="fid",
            value=9.0 + split,
        )
        for seed in (1, 2)
        for split in (0, 1)
    ]
    settings = FidItem(
        study="fid", scale="lite", datasets=[["mnist5k", "MNIST-5k"]], recipes=[["unconditional", "Unconditional"]]
    )
    for seeds in ([1], [1, 2]):
        frame = frame_of([one for one in rows if one["seed"] in seeds])
        evidence = Evidence("lite", {"table_6": settings}, {"table_6": from_metrics(frame, settings)})
        found = evidence.sample("table_6", arm="gaussian", t=1.0, metric="fid")
        assert found.values == {str(seed): 9.5 for seed in seeds}
        assert (found.estimate().bounds(0.95) is None) == (len(seeds) == 1)


def test_what_probes_of_one_model_got_right_is_joined(tmp_path):
    rights = [torch.rand(20, generator=torch.Generator().manual_seed(k)) < 0.5 for k in range(2)]
    cells = {"recipe": "drl", "dataset": "digits", "seed": 1, "labels": 100, "t": 0.5, "metric": "test_accuracy"}
    rows = [
        row("probe", **cells | {"probe_seed": k, "value": 100 * float(one.double().mean()), "n": 20})
        | {"right": packed(one)}
        for k, one in enumerate(rights)
    ]
    write_measured(tmp_path / "a.csv", rows)
    write_measured(tmp_path / "b.csv", [row("probe", **cells | {"seed": 2, "probe_seed": 0, "value": 50.0})])
    known = read_measured([tmp_path / "a.csv"])
    evidence = Evidence("lite", {"figure_4": PROBE_SETTINGS}, {"figure_4": from_metrics(known, PROBE_SETTINGS)})
    found = evidence.sample("figure_4", recipe="drl", t=0.5, arm="", metric="test_accuracy")
    assert scores(found.right) == pytest.approx(100 * torch.stack(rights).double().mean(0).numpy())
    assert scores(found.right).mean() == pytest.approx(found.mean)
    # Where one model's bits are not known, nothing is said of new images.
    both = read_measured([tmp_path / "a.csv", tmp_path / "b.csv"])
    evidence = Evidence("lite", {"figure_4": PROBE_SETTINGS}, {"figure_4": from_metrics(both, PROBE_SETTINGS)})
    assert evidence.sample("figure_4", recipe="drl", t=0.5, arm="", metric="test_accuracy").right == {}


def test_the_last_third_of_a_training_is_compared_with_its_end():
    steps = {1000: (50.0, 1.0), 2000: (60.0, 2.0), 3000: (60.7, 2.5)}
    curve, usage = (
        [
            row(
                study,
                recipe="drl",
                seed=seed,
                t=t,
                step=step,
                metric=metric,
                value=numbers[k] - 9 * (t != 0.5) * (k == 0),
            )
            for seed in (1, 2)
            for step, numbers in steps.items()
            for t in (0.5, 0.9)
        ]
        for k, (study, metric) in enumerate((("learning_speed", "val_accuracy"), ("pretrain", "code_worth")))
    )
    one = ItemJob(study="learning_speed", datasets=[["mnist5k", "MNIST-5k"]], recipes=[["drl", "DRL"]])
    settings = {
        "learning_curve": LearningSpeedItem(**one.model_dump(), accuracy=85.0, pairs=()),
        "code_usage": one.model_copy(update={"study": "pretrain"}),
    }
    cells = {
        "learning_curve": from_metrics(frame_of(curve), settings["learning_curve"]),
        "code_usage": from_metrics(frame_of(usage), settings["code_usage"]),
    }
    evidence = Evidence("lite", settings, cells)
    rise = evidence.sample("learning_curve", recipe="drl", metric="late_rise")
    assert rise.values == {"1": pytest.approx(0.7), "2": pytest.approx(0.7)}
    assert evidence.sample("code_usage", recipe="drl", metric="late_growth").values == {"1": 1.25, "2": 1.25}
    assert "rose by 0.7 points" in still_learning(evidence, "mnist5k", "drl", 0.95)
    only = Evidence("lite", settings, {"code_usage": cells["code_usage"]})
    assert "grew by 25 %" in still_learning(only, "mnist5k", "drl", 0.95)
    assert still_learning(evidence, "mnist5k", "vdrl", 0.95) == ""


def fine_tuned(arms, epochs=(1, 2)):
    return [
        row("fine_tune", arm=arm, seed=k, split=12 + k, labels=100, epoch=epoch, metric="accuracy", value=value + epoch)
        for arm, values in arms.items()
        for k, value in enumerate(values)
        for epoch in epochs
    ]


def on_digits(item, *more):
    """An item of scale lite, on MNIST-5k with 100 labels and seeds 0 to 2."""
    sets = ["datasets=[mnist5k]", "labels={mnist5k: [100]}", "seeds=[0,1,2]", *more]
    return item_settings(resolve("lite", sets=[f"items.{item}.{one}" for one in sets]), item)


def table_settings(number):
    beyond = ["beyond=[{arm: drl_official, in_place_of: drl, dataset: mnist5k, labels: 100}]"] if number == 1 else []
    return on_digits(f"table_{number}", *beyond)


def test_fine_tunings_are_paired_by_seed_and_split(tmp_path):
    arms = {arm: [80.0, 82.0, 81.0] for arm in ("none", "none_mixup", "drl", "drl_mixup", "vdrl", "drl_official")}
    frame = frame_of(fine_tuned(arms | {"drl": [81.0, 83.5, 82.0]}))
    settings = table_settings(1)
    cells = [{"dataset": "mnist5k", "arm": arm, "labels": 100, "metric": "accuracy"} for arm in ("none", "drl")]
    agree("table_1", frame, settings, fine_tuning_tables, tmp_path, cells)
    evidence = Evidence("lite", {"table_1": settings}, {"table_1": from_metrics(frame, settings)})
    assert evidence.sample("table_1", **cells[1]).values == {"0/12": 83.0, "1/13": 85.5, "2/14": 84.0}


def test_arms_that_were_not_run_leave_the_others_readable():
    cells = from_metrics(frame_of(fine_tuned({"none": [80.0], "drl": [81.0]})), table_settings(1))
    assert set(cells["arm"]) == {"none", "drl"}


def test_a_run_that_ended_before_the_early_reading_is_one_line():
    with pytest.raises(UserError, match="ends after outer epoch 2"):
        from_metrics(frame_of(fine_tuned({"none": [80.0]})), table_settings(2))


def test_the_last_t_of_each_run_counts():
    rows = [
        row("fine_tune", arm="drl_t01", seed=0, split=12, labels=100, epoch=epoch, metric=metric, value=value)
        for metric, values in (("t", (0.10, 0.12)), ("t_without_gradient", (0.10, 0.11)), ("accuracy", (80, 90)))
        for epoch, value in enumerate(values)
    ]
    settings = on_digits("t_trajectory")
    cells = from_metrics(frame_of(rows), settings)
    assert dict(zip(cells["metric"], cells["value"], strict=True)) == {
        "t": 0.12,
        "t_without_gradient": 0.11,
        "accuracy": 90,
    }


def test_accuracies_of_runs_of_different_lengths_are_those_of_one_epoch():
    rows = [
        row("fine_tune", arm=arm, seed=0, split=12, labels=100, epoch=epoch, metric="accuracy", value=10 * epoch)
        for arm, last in (("drl", 4), ("drl_t01", 2))
        for epoch in range(1, last + 1)
    ]
    cells = from_metrics(frame_of(rows), on_digits("t_trajectory"))
    assert dict(zip(cells["arm"], cells["value"], strict=True)) == {"drl": 20, "drl_t01": 20}


def test_other_datasets_are_not_an_item_s(tmp_path):
    assert (
        from_metrics(frame_of(probe_rows({"drl": [1.0]})), PROBE_SETTINGS.model_copy(update={"datasets": ()})) is None
    )


def test_a_file_of_another_shape_is_refused(tmp_path):
    (tmp_path / "figure_4.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match="no column"):
        from_item(tmp_path / "figure_4.csv", "figure_4", PROBE_SETTINGS, "lite")


def test_an_ambiguous_cell_is_no_sample():
    frame = frame_of(probe_rows({"drl": [1.0, 2.0]}))
    evidence = Evidence("lite", {}, {"figure_4": from_metrics(frame, PROBE_SETTINGS)})
    with pytest.raises(ValueError, match="more than one cell"):
        evidence.sample("figure_4", recipe="drl")
    assert evidence.sample("figure_4", recipe="ae") is None


@pytest.mark.parametrize(
    ("cell", "value"), [("sd", ""), ("sd", "-1"), ("mean", ""), ("n_seeds", "2.5"), ("n_seeds", "0")]
)
def test_an_item_s_numbers_without_a_deviation_or_a_count_are_refused(cell, value, tmp_path):
    cells = {"scale": "lite", "dataset": "digits", "recipe": "drl", "t": "0.5", "metric": "test_accuracy"}
    cells |= {"mean": "90", "sd": "1", "n_seeds": "2", cell: value}
    path = tmp_path / "figure_4.csv"
    path.write_text(",".join(cells) + "\n" + ",".join(cells.values()) + "\n")
    with pytest.raises(UserError, match=rf"figure_4.csv: cannot be read as the numbers of figure_4.*{cell}"):
        from_item(path, "figure_4", PROBE_SETTINGS, "lite")
