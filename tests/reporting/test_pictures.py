from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from PIL import Image

from drl.errors import UserError
from drl.evaluation.montage import save_png
from drl.records.metrics import write_metrics
from drl.reporting.pictures import beside, first_seeds, show


def metrics(path: Path, dataset: str, recipe: str, seed: int) -> Path:
    row = {"dataset": dataset, "recipe": recipe, "seed": seed, "metric": "m", "value": 1}
    write_metrics(path, [row, row])
    return path


def test_the_picture_is_that_of_the_first_seed_in_whatever_order_files_come(tmp_path):
    files = [
        metrics(tmp_path / f"{dataset}{recipe}{seed}.csv", dataset, recipe, seed)
        for seed in (10, 9, 11)  # as text, 10 would come first
        for dataset, recipe in (("a", "x"), ("b", "x"), ("a", "y"))
    ]
    expected = {("a", "x"): "ax9.csv", ("b", "x"): "bx9.csv", ("a", "y"): "ay9.csv"}
    for order in (files, files[::-1]):
        assert {key: path.name for key, path in first_seeds(order).items()} == expected


def test_an_empty_metrics_file_has_no_picture(tmp_path):
    write_metrics(tmp_path / "none.csv", [])
    assert first_seeds([tmp_path / "none.csv"]) == {}


def test_files_lie_beside_their_metrics(tmp_path):
    file = tmp_path / "seed0.csv"
    (tmp_path / "seed0.codes.csv").touch()
    assert beside(file, ".codes.csv") == tmp_path / "seed0.codes.csv"
    with pytest.raises(UserError, match="run the job that makes both again") as caught:
        beside(file, ".png")
    assert str(caught.value).startswith(str(tmp_path / "seed0.png"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_are_shown_pixel_by_pixel(tmp_path, channels):
    generator = torch.Generator().manual_seed(0)
    picture = torch.randint(40, 200, (channels, 6, 10), generator=generator).to(torch.uint8)
    save_png(tmp_path / "p.png", picture)
    figure, panel = plt.subplots()
    show(panel, tmp_path / "p.png")
    (image,) = panel.get_images()
    expected = picture[0].numpy() if channels == 1 else picture.permute(1, 2, 0).numpy()
    assert np.array_equal(np.asarray(image.get_array()), expected)
    assert image.get_interpolation() == "nearest"
    # Not stretched to the darkest and brightest pixel at hand.
    assert image.get_clim() == (0, 255)
    assert (list(panel.get_xticks()), list(panel.get_yticks())) == ([], [])
    plt.close(figure)


def test_a_picture_larger_than_any_that_is_drawn_is_not_decoded(tmp_path, monkeypatch):
    Image.new("1", (4000, 4000)).save(tmp_path / "large.png")
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("decoded"))
    with pytest.raises(UserError, match=r"large\.png: has more than 8,388,608 pixels, which no job draws; remove it"):
        show(None, tmp_path / "large.png")
