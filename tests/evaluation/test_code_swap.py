"""Figure 6: layout of the picture, errors on and off its diagonal, and whose codes they are."""

import re
import time

import pytest
import torch

from drl.config.sampling import GridSettings
from drl.data.store import ImageStore
from drl.diffusion.samplers.noise import ImageNoise
from drl.diffusion.samplers.ode import solve_ode
from drl.diffusion.sde import perturb
from drl.errors import UserError
from drl.evaluation.code_swap import first_of_classes, run
from drl.evaluation.codes import extract_codes
from drl.evaluation.sampling import grid_of, image_seed, to_bytes
from drl.jobs.device import place
from drl.models.model_file import load_model
from tests import tiny
from tests.evaluation.jobs import job_of
from tests.evaluation.pictures import load_png, tiles

SEED, T, N, TOLERANCE = 3, 0.5, 3, 1e-3
# All that the solver needs of the grid.
SAMPLER = GridSettings(steps=6)
CPU = place("cpu", "fp32", "off", 1)


def settings(**changes):
    protocol = {"t": T, "classes": N, "tolerance": TOLERANCE}
    return {"method": "drl", "sampler": SAMPLER.slice(), "code_swap": protocol | changes}


@pytest.fixture
def done(model_file, stripes, tmp_path):
    out = tmp_path / "swap.csv"
    run(job_of("code_swap", settings(), out, model=model_file(), images=stripes))
    return out


@pytest.fixture
def layout(done):
    """The picture's cells [rows, columns, C, H, W]."""
    picture = load_png(done.with_suffix(".png"))
    assert picture.shape == (1, (N + 1) * tiny.SIZE, (N + 1) * tiny.SIZE)
    return tiles(picture, tiny.SIZE).unflatten(0, (N + 1, N + 1))


@pytest.fixture(scope="module")
def by_hand(model_file, stripes):
    """Positions of the images, method, codes and noisy images."""
    store, method = ImageStore.open(stripes), load_model(model_file())
    positions = [next(int(k) for k in store.test if store.labels[k] == label) for label in range(N)]
    codes = extract_codes(method, store, torch.tensor(positions), [T], CPU)[0]
    seeds = [image_seed(SEED, "code swap", k) for k in range(N)]
    noise = ImageNoise(seeds, (1, tiny.SIZE, tiny.SIZE), torch.device("cpu")).start()
    x_t = perturb(method.sde, method.scale(store.images[positions]), torch.full((N,), T), noise)
    return store.images[positions], method, codes, x_t


def test_originals_stand_above_and_noisy_images_at_the_left(layout, by_hand):
    images, method, _, x_t = by_hand
    assert not layout[0, 0].any()
    assert torch.equal(layout[0, 1:], images)
    assert torch.equal(layout[1:, 0], to_bytes(x_t, method))


def test_a_row_has_one_noisy_image_and_a_column_one_code(layout, by_hand):
    _, method, codes, x_t = by_hand
    for i in range(N):
        # The solver chooses its steps for a batch: alone, they agree within the tolerance and rounding to bytes.
        x, _ = solve_ode(method.score, grid_of(method, SAMPLER), x_t[i : i + 1].repeat(N, 1, 1, 1), T, codes, TOLERANCE)
        assert (to_bytes(x, method).int() - layout[i + 1, 1:].int()).abs().max() <= 3
    swapped = layout[1:, 1:].transpose(0, 1).int() - layout[1:, 1:].int()
    assert swapped.abs().max() > 6, "rows and columns must differ, or this shows nothing"
    assert (layout[1, 1].int() - layout[1, 2].int()).abs().max() > 6, "codes must matter, or this shows nothing"


def test_errors_are_those_of_the_pictures_cells(done, layout, whole, model_file, stripes):
    inputs = [model_file(), stripes, stripes.parent / "files.csv"]
    rows = whole(done, "code_swap", "drl", [done.with_suffix(".png")], inputs, settings())
    own, other = [], []
    for i in range(N):
        for j in range(N):
            difference = (layout[i + 1, j + 1].double() - layout[0, i + 1].double()) / 255
            (own if i == j else other).append(float(difference.square().mean().sqrt()))
    mean = {"error_own_code": (sum(own) / N, N), "error_other_code": (sum(other) / (N * N - N), N * N - N)}
    for row in rows[:2]:
        value, n = mean[row["metric"]]
        assert (row["t"], row["n"]) == (str(T), n)
        assert row["value"] == pytest.approx(value, rel=1e-5)
    assert mean["error_own_code"][0] != pytest.approx(mean["error_other_code"][0], rel=1e-3)
    assert [row["metric"] for row in rows] == [*mean, "evaluations"]


def test_evaluations_are_calls_of_the_score(model_file, stripes, tmp_path, monkeypatch, by_hand):
    calls, kind = [], type(by_hand[1])
    score = kind.score
    monkeypatch.setattr(kind, "score", lambda self, x, t, z: calls.append(len(x)) or score(self, x, t, z))
    run(job_of("code_swap", settings(), tmp_path / "swap.csv", model=model_file(), images=stripes))
    last = (tmp_path / "swap.csv").read_text().splitlines()[-1]
    assert last.endswith(f",{T},,,evaluations,{len(calls)},1")
    assert set(calls) == {N * N}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_score_that_is_not_finite_is_one_line(model_file, stripes, tmp_path, monkeypatch, by_hand, value):
    monkeypatch.setattr(type(by_hand[1]), "score", lambda self, x, t, z: torch.full_like(x, value))
    begun = time.monotonic()
    message = f"code-swap drl on stripes, seed 3: the score is not finite at t = {T}; train the model longer"
    with pytest.raises(UserError, match=f"^{re.escape(message)}$"):
        run(job_of("code_swap", settings(), tmp_path / "swap.csv", model=model_file(), images=stripes))
    assert time.monotonic() - begun < 10, "the solver would go on for ever"
    assert not list(tmp_path.iterdir())


def test_first_of_classes_looks_at_candidates_alone():
    labels = torch.tensor([0, 1, 2, 1, 0, 2, 1, 0])
    assert first_of_classes(labels, torch.tensor([3, 5, 6, 7, 4]), 3).tolist() == [3 + 4, 3, 5]
    assert first_of_classes(labels, torch.tensor([6, 4]), 2).tolist() == [4, 6]
    message = "no test image has class 2; set studies.code_swap.classes to at most 2"
    with pytest.raises(UserError, match=re.escape(message)):
        first_of_classes(labels, torch.tensor([3, 4]), 3)


def test_more_classes_than_the_dataset_has_are_refused(model_file, stripes, tmp_path):
    with pytest.raises(UserError, match="code-swap drl on stripes, seed 3: no test image has class 3; set studies"):
        run(job_of("code_swap", settings(classes=4), tmp_path / "swap.csv", model=model_file(), images=stripes))
    assert not list(tmp_path.iterdir())
