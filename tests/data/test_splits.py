from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from drl.data.splits import balanced_subset, label_subset, read_label_list, stratified_split, validation_split
from drl.errors import UserError

CLASSES = ("cat", "polar bear", "dog")


@st.composite
def balanced_labels(draw: st.DrawFn) -> NDArray[np.int64]:
    classes = draw(st.integers(2, 7))
    each = draw(st.integers(1, 12))
    return np.array(draw(st.permutations(np.repeat(np.arange(classes), each).tolist())), dtype=np.int64)


@given(labels=balanced_labels(), seed=st.integers(0, 2**32), share=st.floats(0, 1))
def test_balanced_subset_has_equal_counts(labels: NDArray[np.int64], seed: int, share: float) -> None:
    n = round(share * len(labels))
    chosen = balanced_subset(labels, n, seed)
    assert chosen.dtype == np.int64
    assert len(chosen) == n
    assert (np.diff(chosen) > 0).all()
    counts = np.bincount(labels[chosen], minlength=int(labels.max()) + 1)
    assert counts.max() - counts.min() <= 1
    assert np.array_equal(chosen, balanced_subset(labels, n, seed))


@given(labels=balanced_labels(), seed=st.integers(0, 100), data=st.data())
def test_balanced_subset_stays_among_the_candidates(labels: NDArray[np.int64], seed: int, data: st.DataObject) -> None:
    candidates = data.draw(st.lists(st.integers(0, len(labels) - 1), unique=True, min_size=1))
    n = data.draw(st.integers(0, len(candidates)))
    have = np.bincount(labels[candidates], minlength=int(labels.max()) + 1)
    base, extra = divmod(n, len(have))
    possible = n == len(candidates) or (have.min() >= base and np.count_nonzero(have > base) >= extra)
    if not possible:
        with pytest.raises(UserError, match="images to choose from"):
            balanced_subset(labels, n, seed, candidates)
        return
    chosen = balanced_subset(labels, n, seed, candidates)
    assert len(chosen) == n
    assert set(chosen.tolist()) <= set(candidates)


def test_which_class_gets_the_extra_image_depends_on_the_seed() -> None:
    labels = np.repeat(np.arange(10), 50)
    richer = {int(np.argmax(np.bincount(labels[balanced_subset(labels, 11, seed)]))) for seed in range(60)}
    assert len(richer) > 5


def test_every_image_is_chosen_equally_often() -> None:
    labels = np.tile(np.arange(4), 10)
    times = np.zeros(len(labels))
    for seed in range(400):
        times[balanced_subset(labels, 8, seed)] += 1
    # Binomial(400, 0.2): mean 80, sd 8.
    assert times.min() > 45
    assert times.max() < 115


def test_subsets_do_not_change_between_versions() -> None:
    labels = np.tile(np.arange(5), 20)
    assert balanced_subset(labels, 7, 0).tolist() == [9, 10, 51, 73, 77, 81, 84]
    assert validation_split(labels, 5, 0, np.arange(100)).tolist() == [15, 29, 47, 53, 71]
    assert stratified_split(labels, 3, 3, 1)[0].tolist() == [25, 37, 66]


def test_validation_and_labels_of_one_seed_are_unrelated() -> None:
    labels = np.tile(np.arange(10), 100)
    overlap = np.intersect1d(balanced_subset(labels, 300, 3), validation_split(labels, 300, 3, np.arange(1000)))
    assert 50 < len(overlap) < 130


def test_too_few_images_are_named() -> None:
    with pytest.raises(UserError, match=r"class 2 has 1 images .* needs 2"):
        balanced_subset([0, 0, 0, 1, 1, 1, 2], 6, 0)
    # One of five images each for three classes: two classes must give a second one, and only class 0 has it.
    with pytest.raises(UserError, match=r"class 1 has 1 images .* needs 2"):
        balanced_subset([0, 0, 0, 0, 1, 2], 5, 0)
    with pytest.raises(UserError, match="choose 0 to 3"):
        balanced_subset([0, 1, 2], 4, 0)


@given(labels=st.lists(st.integers(0, 5), min_size=1, max_size=80), seed=st.integers(0, 50), data=st.data())
def test_stratified_split_keeps_proportions(labels: list[int], seed: int, data: st.DataObject) -> None:
    array = np.array(labels)
    n_train = data.draw(st.integers(0, len(labels)))
    n_test = data.draw(st.integers(0, len(labels) - n_train))
    train, test = stratified_split(array, n_train, n_test, seed)
    assert (len(train), len(test)) == (n_train, n_test)
    assert not np.intersect1d(train, test).size
    for label in np.unique(array):
        share = np.mean(array == label)
        assert abs(np.count_nonzero(array[train] == label) - share * n_train) < 2
        assert abs(np.count_nonzero(array[test] == label) - share * n_test) < 2


def test_stratified_split_of_balanced_classes_is_balanced() -> None:
    labels = np.repeat(np.arange(10), 500)
    train, test = stratified_split(labels, 4000, 1000, 0)
    assert np.bincount(labels[train]).tolist() == [400] * 10
    assert np.bincount(labels[test]).tolist() == [100] * 10
    assert not np.array_equal(train, stratified_split(labels, 4000, 1000, 1)[0])


def test_stratified_split_of_too_few_images() -> None:
    with pytest.raises(UserError, match="there are 3: lower"):
        stratified_split([0, 1, 2], 2, 2, 0)


def _list(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "2_balanced_labels" / "07.txt"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


FILES = {"0_cat.png": 0, "1_dog.png": 1, "3_cat.png": 3}


def test_label_list_is_read(tmp_path: Path) -> None:
    path = _list(tmp_path, "3_cat.png cat\n\nx.jpg polar bear\n1_dog.png\tdog\n")
    indices, labels = read_label_list(path, FILES | {"polar bear/x.jpg": 9}, CLASSES)
    assert indices.tolist() == [1, 3, 9]
    assert labels.tolist() == [2, 0, 1]


def test_label_list_with_blanks_in_a_file_name(tmp_path: Path) -> None:
    indices, labels = read_label_list(_list(tmp_path, "my cat.png cat\n"), {"my cat.png": 4}, CLASSES)
    assert (indices.tolist(), labels.tolist()) == ([4], [0])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0_cat.png cat\n9_cat.png cat\n", "line 2: no training image is called '9_cat.png'"),
        ("0_cat.png cat\n1_dog.png dog\n0_cat.png cat\n", "line 3: '0_cat.png' is listed twice"),
        ("0_cat.png\n", "line 1: '0_cat.png' is not 'file class'"),
        ("0_cat.png lion\n", "line 1: 'lion' is not a class"),
        ("\n", "is empty"),
    ],
)
def test_wrong_label_lists_are_named(tmp_path: Path, text: str, message: str) -> None:
    path = _list(tmp_path, text)
    with pytest.raises(UserError, match=message) as caught:
        read_label_list(path, FILES, CLASSES)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_label_list(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        read_label_list(tmp_path / "none.txt", FILES, CLASSES)


def test_label_subset_takes_the_list_or_a_seeded_subset(tmp_path: Path) -> None:
    labels = np.array([0, 2, 1, 0])
    _list(tmp_path, "3_cat.png cat\n1_dog.png dog\n")
    common = {"label_list_folder": tmp_path, "files": FILES, "classes": CLASSES}
    assert label_subset(labels, 2, 7, **common).tolist() == [1, 3]  # type: ignore[arg-type]
    assert label_subset(labels, 4, 7, **common).tolist() == [0, 1, 2, 3]  # type: ignore[arg-type]
    assert np.array_equal(label_subset(labels, 2, 7), balanced_subset(labels, 2, 7))


def test_label_subset_refuses_lists_that_do_not_fit(tmp_path: Path) -> None:
    common = {"label_list_folder": tmp_path, "files": FILES, "classes": CLASSES}
    _list(tmp_path, "3_cat.png cat\n1_dog.png dog\n")
    with pytest.raises(UserError, match="gives 1 images a different class"):
        label_subset([0, 0, 1, 0], 2, 7, **common)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="names 1 images held out"):
        label_subset([0, 2, 1, 0], 2, 7, candidates=[0, 1, 2], **common)  # type: ignore[arg-type]
    _list(tmp_path, "3_cat.png cat\n")
    with pytest.raises(UserError, match="names 1 images, not 2"):
        label_subset([0, 2, 1, 0], 2, 7, **common)  # type: ignore[arg-type]


@pytest.mark.parametrize("line", ["x\n", "ab\n", "\n", " ", "ab cd ef\n"])
def test_a_large_label_list_takes_no_memory(tmp_path: Path, line: str) -> None:
    path = tmp_path / "00.txt"
    path.write_text(line * (1_000_000 // len(line)))
    tracemalloc.start()
    with pytest.raises(UserError, match="label list"):
        read_label_list(path, {}, ["ab"])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 600_000
