import json

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import save_file

from drl.config.drawings import LaterStartItem
from drl.errors import UserError
from drl.evaluation.sample_sets import sample_name
from drl.records.metrics import write_metrics
from drl.reporting.aggregate import read_all
from drl.reporting.later_starts import draw, table
from drl.reporting.pictures import first_seeds
from tests.reporting.jobs import changed, draw_figure

STARTS = [1.0, 0.5, 0.7]
SETTINGS = LaterStartItem(
    study="later_start",
    drawn_by="later_starts",
    scale="lite",
    datasets=[["a", "Data A"], ["b", "Data B"]],
    recipes=[["unconditional", "NCSN++"]],
    priors=["uniform_gaussian", "gaussian"],
    t_init=STARTS,
    images=10,
    shown=2,
)
SIZE = 4  # pixels of a sample
SIDE = 2 * SIZE  # of a square of samples
IMAGES = 10  # in each cell


def samples(dataset: int, seed: int, channels: int = 1) -> dict[str, np.ndarray]:
    """Return two sets of samples of each cell, as drl later-start writes them; no two pixels' values tell the same."""
    random = np.random.default_rng([dataset, seed])
    size = (IMAGES, channels, SIZE, SIZE)
    # Names in another order than the figure's, and a cell that it does not show.
    cells = [(prior, t) for t in (0.6, *sorted(STARTS)) for prior in ("gaussian", "uniform_gaussian")]
    return {
        sample_name(repeat, prior, t): random.integers(0, 256, size, dtype=np.uint8)
        for repeat in (1, 0)
        for prior, t in cells
    }


@pytest.fixture
def metrics(tmp_path):
    files = []
    for k, dataset in enumerate("ab"):
        for seed in (0, 1):
            path = tmp_path / f"{dataset}{seed}.csv"
            row = {"scale": "lite", "study": "later_start", "dataset": dataset, "recipe": "unconditional", "seed": seed}
            write_metrics(
                path,
                [
                    row | {"t": t, "metric": metric, "value": value}
                    for t in STARTS
                    for metric, value in (
                        ("sigma", 0.01 * 5000**t),
                        ("steps_saved", 100 * (1 - t) + 2 * seed),
                        ("evaluations", 60 * t),
                    )
                ],
            )
            save_file(samples(k, seed), str(path.with_suffix(".safetensors")))
            files.append(path)
    return files


def test_numbers_are_means_over_seeds(metrics):
    numbers = table(read_all(metrics), SETTINGS)
    assert len(numbers) == 2 * 3 * 3
    own = numbers[(numbers["dataset"] == "b") & (numbers["t"] == 0.7)].set_index("metric")
    assert own.loc["steps_saved", ["mean", "sd", "n_seeds"]].tolist() == pytest.approx([31, 2**0.5, 2])
    assert own.loc["sigma", ["mean", "sd"]].tolist() == pytest.approx([0.01 * 5000**0.7, 0])


def shown(panel) -> np.ndarray:
    (image,) = panel.get_images()
    return np.asarray(image.get_array())


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("side", [1, 2, 3])
def test_each_square_is_the_first_samples_of_the_first_seed_s_first_set(metrics, side, channels):
    for k, dataset in enumerate("ab"):
        for seed in (0, 1):
            file = metrics[0].with_name(f"{dataset}{seed}.safetensors")
            save_file(samples(k, seed, channels), str(file))
    settings = changed(SETTINGS, shown=side)
    picture = draw(table(read_all(metrics), settings), settings, first_seeds(metrics[::-1]))
    for k, panel in enumerate(picture.axes):
        pixels, cells = shown(panel), samples(k, 0, channels)
        pixels = pixels if channels == 3 else pixels[..., None]
        assert pixels.dtype == np.uint8
        assert pixels.shape == (2 * side * SIZE, 3 * side * SIZE, channels)
        for row, prior in enumerate(SETTINGS.priors):
            for column, t in enumerate(STARTS):
                cell = cells[sample_name(0, prior, t)]
                for number in range(side**2):
                    y = (row * side + number // side) * SIZE
                    x = (column * side + number % side) * SIZE
                    expected = cell[number].transpose(1, 2, 0)
                    assert np.array_equal(pixels[y : y + SIZE, x : x + SIZE], expected), (prior, t, number)
    plt.close(picture)


def test_columns_are_t_init_and_rows_are_priors(metrics):
    picture = draw(table(read_all(metrics), SETTINGS), SETTINGS, first_seeds(metrics))
    assert [panel.get_title() for panel in picture.axes] == ["Data A, NCSN++", "Data B, NCSN++"]
    for panel in picture.axes:
        assert shown(panel).shape == (2 * SIDE, 3 * SIDE)
        assert panel.get_images()[0].get_clim() == (0, 255)
        assert [label.get_text() for label in panel.get_xticklabels()] == [
            "$t_{init}$ = 1\nσ = 50\nsaves 1 %",
            "$t_{init}$ = 0.5\nσ = 0.707\nsaves 51 %",
            "$t_{init}$ = 0.7\nσ = 3.88\nsaves 31 %",
        ]
        assert [label.get_text() for label in panel.get_yticklabels()] == ["uniform\n+ Gaussian", "Gaussian"]
        # Ticks in the middle of each square; an image's first pixel reaches from -0.5 to 0.5.
        assert list(panel.get_xticks()) == pytest.approx([SIDE * (c + 0.5) - 0.5 for c in range(3)])
        assert list(panel.get_yticks()) == pytest.approx([SIDE * (r + 0.5) - 0.5 for r in range(2)])
        upright = [line.get_xdata()[0] for line in panel.get_lines() if line.get_xdata()[0] == line.get_xdata()[1]]
        assert upright == pytest.approx([SIDE - 0.5, 2 * SIDE - 0.5])
        assert len(panel.get_lines()) == 2 + 1
        (level,) = [line.get_ydata()[0] for line in panel.get_lines() if line.get_ydata()[0] == line.get_ydata()[1]]
        assert level == pytest.approx(SIDE - 0.5)


def texts(labels, canvas):
    """Return where labels lie on a canvas, in pixels; empty ones take no place."""
    return [label.get_window_extent(canvas) for label in labels if label.get_text()]


@pytest.mark.parametrize("starts", [[0.5, 0.6, 0.7, 0.8, 0.9, 1.0], STARTS])
def test_the_mean_image_is_a_row_beyond_the_paper_whose_label_overlaps_none(metrics, starts):
    """Also with the six columns of all scales, where a row is 2.8 cm high."""
    rows = [
        {**one, "t": t, "value": one["value"] if one["metric"] == "sigma" else 50}
        for one in read_all(metrics).query("t == 0.5").to_dict("records")
        for t in starts
    ]
    priors = ("gaussian", "uniform_gaussian", "mean_image")
    for path in metrics:
        cells = {sample_name(0, p, t): np.full((IMAGES, 1, SIZE, SIZE), 9, np.uint8) for p in priors for t in starts}
        save_file(cells, str(path.with_suffix(".safetensors")))
    settings = changed(SETTINGS, priors=list(priors), t_init=starts)
    picture = draw(table(pd.DataFrame(rows), settings), settings, first_seeds(metrics))
    picture.canvas.draw()
    canvas = picture.canvas.get_renderer()
    for panel in picture.axes:
        assert shown(panel).shape == (3 * SIDE, len(starts) * SIDE)
        labels = [label.get_text() for label in panel.get_yticklabels()]
        assert labels == ["Gaussian", "uniform\n+ Gaussian", "mean image\n+ Gaussian\n(beyond\nthe paper)"]
        boxes = texts([*panel.get_yticklabels(), *panel.get_xticklabels(), panel.title], canvas)
        assert len(boxes) == 3 + len(starts) + 1
        assert not [(a, b) for k, a in enumerate(boxes) for b in boxes[:k] if a.overlaps(b)]
    plt.close(picture)


def test_all_files_come_out(metrics, tmp_path):
    draw_figure("figure_13", metrics, tmp_path / "f.svg", SETTINGS)
    card = json.loads((tmp_path / "f.svg.json").read_text())
    assert set(card["outputs"]) == {"f.svg", "f.png", "f.csv"}
    assert set(card["inputs"]) == {"a0.csv", "a1.csv", "b0.csv", "b1.csv", "a0.safetensors", "b0.safetensors"}


def test_missing_samples_or_a_missing_model_is_one_line(metrics, tmp_path):
    with pytest.raises(UserError, match=r"figure_13: .* nothing of recipe 'unconditional' on dataset 'b'"):
        draw_figure("figure_13", metrics[:2], tmp_path / "f.svg", SETTINGS)
    gone = tmp_path / "b0.safetensors"
    gone.unlink()
    with pytest.raises(UserError) as caught:
        draw_figure("figure_13", metrics, tmp_path / "f.svg", SETTINGS)
    assert str(caught.value).startswith(f"{gone}: is missing")
    assert not list(tmp_path.glob("f.*"))


def test_fewer_samples_than_are_to_be_shown_are_one_line(metrics, tmp_path):
    with pytest.raises(UserError, match=r"cannot be read .*; run drl later-start again$") as caught:
        draw_figure("figure_13", metrics, tmp_path / "f.svg", changed(SETTINGS, shown=4))
    assert "\n" not in str(caught.value)


def test_damaged_samples_are_one_line(metrics, tmp_path):
    file = tmp_path / "b0.safetensors"
    whole = file.read_bytes()
    for broken in (b"", whole[:100], whole[:-50]):
        file.write_bytes(broken)
        with pytest.raises(UserError, match=r"cannot be read .*; run drl later-start again$") as caught:
            draw_figure("figure_13", metrics, tmp_path / "f.svg", SETTINGS)
        assert str(caught.value).startswith(f"{file}: ")
        assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("f.*"))


@pytest.mark.parametrize("t", [0.6, 0.65])
def test_metrics_or_samples_made_with_other_t_init_are_refused_in_one_line(metrics, tmp_path, t):
    """Of 0.6 there are samples and no numbers, of 0.65 neither."""
    with pytest.raises(UserError, match=rf"{t:g}\b") as caught:
        draw_figure("figure_13", metrics, tmp_path / "f.svg", changed(SETTINGS, t_init=[*STARTS, t]))
    assert "\n" not in str(caught.value)
