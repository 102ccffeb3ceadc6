from __future__ import annotations

import hashlib
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drl.data.compatibility import make_torchvision_importable
from drl.data.sources import cifar
from drl.data.sources.cifar import LAYOUTS, Layout
from drl.errors import UserError
from tests.data.factories import settings


def _md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def _write(root: Path, source: str) -> tuple[Layout, dict[str, dict[str, Any]]]:
    """Write five images a file, in the original layout, and return it with the md5 sums of these files."""
    layout = LAYOUTS[source]
    folder = root / layout.folder
    folder.mkdir()
    rng = np.random.Generator(np.random.PCG64(0))
    values: dict[str, dict[str, Any]] = {}
    for name, _ in (*layout.train, *layout.test):
        data = rng.integers(0, 256, (5, 3072), dtype=np.uint8)
        values[name] = {"data": data, layout.labels_key: rng.integers(0, 3, 5).tolist(), "batch_label": name}
    values[layout.meta[0]] = {layout.names_key: ["cat", "dog", "maple_tree"]}
    for name, value in values.items():
        (folder / name).write_bytes(pickle.dumps(value, protocol=3))
    return _summed(layout, folder), values


def _summed(layout: Layout, folder: Path) -> Layout:
    def sums(files: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
        return tuple((name, _md5(folder / name)) for name, _ in files)

    return replace(layout, train=sums(layout.train), test=sums(layout.test), meta=sums((layout.meta,))[0])


@pytest.mark.parametrize("source", ["cifar10", "cifar100"])
@pytest.mark.parametrize("inside", [True, False])
def test_reads_the_original_layout(source: str, inside: bool, tmp_path: Path) -> None:
    layout, values = _write(tmp_path, source)
    folder = tmp_path / layout.folder if inside else tmp_path
    raw = cifar.read(settings(source, folder=str(folder)), layout)
    assert raw.classes == ("cat", "dog", "maple_tree")
    n = 5 * len(layout.train)
    assert raw.train.images.shape == (n, 32, 32, 3)
    for index in range(n):
        value = values[layout.train[index // 5][0]]
        pixels = value["data"][index % 5]
        for channel, row, column in ((0, 0, 0), (1, 3, 30), (2, 31, 31)):
            assert raw.train.images[index, row, column, channel] == pixels[channel * 1024 + row * 32 + column]
        label = value[layout.labels_key][index % 5]
        assert raw.train.labels[index] == label
        assert raw.train.files[index] == f"{index}_{raw.classes[label]}.png"
    assert len(raw.test) == 5


@pytest.mark.parametrize("name", ["data_batch_3", "test_batch", "batches.meta"])
def test_a_damaged_file_is_named(name: str, tmp_path: Path) -> None:
    layout, _ = _write(tmp_path, "cifar10")
    path = tmp_path / layout.folder / name
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(UserError, match=rf"{name} is damaged \(md5 .* delete it"):
        cifar.read(settings("cifar10", folder=str(tmp_path)), layout)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    layout, _ = _write(tmp_path, "cifar10")
    (tmp_path / layout.folder / "data_batch_2").unlink()
    with pytest.raises(UserError, match="data_batch_2 cannot be read"):
        cifar.read(settings("cifar10", folder=str(tmp_path)), layout)


def test_the_true_checksums_are_the_default(tmp_path: Path) -> None:
    _write(tmp_path, "cifar10")
    with pytest.raises(UserError, match=r"batches\.meta is damaged .* expected 5ff9c542"):
        cifar.read(settings("cifar10", folder=str(tmp_path)))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"not a pickle", "cannot be read safely"),
        (pickle.dumps(["a", "list"]), "has no entry 'data'"),
        (pickle.dumps({"data": np.zeros((2, 3072), np.uint8)}, protocol=4), "has no entry 'labels'"),
        (pickle.dumps({"data": np.zeros((2, 9), np.uint8), "labels": [0, 1]}, protocol=4), "3,072 bytes"),
        (pickle.dumps({"data": np.zeros((2, 3072), np.uint8), "labels": [0]}, protocol=4), "3,072 bytes"),
        (pickle.dumps({"data": np.zeros((1, 3072), np.uint8), "labels": [3]}, protocol=4), r"outside 0\.\.2"),
    ],
)
def test_files_of_another_kind_are_named(content: bytes, message: str, tmp_path: Path) -> None:
    layout, _ = _write(tmp_path, "cifar10")
    (tmp_path / layout.folder / "data_batch_1").write_bytes(content)
    with pytest.raises(UserError, match=f"data_batch_1 .*{message}"):
        cifar.read(settings("cifar10", folder=str(tmp_path)), _summed(layout, tmp_path / layout.folder))


def test_a_pickle_that_runs_code_is_refused(tmp_path: Path) -> None:
    layout, _ = _write(tmp_path, "cifar10")
    mark = tmp_path / "was_here"

    class Malicious:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (mark,)

    (tmp_path / layout.folder / "data_batch_1").write_bytes(pickle.dumps({"data": Malicious()}))
    with pytest.raises(UserError, match="data_batch_1 cannot be read safely: it asks for"):
        cifar.read(settings("cifar10", folder=str(tmp_path)), _summed(layout, tmp_path / layout.folder))
    assert not mark.exists()


def test_without_download_the_message_names_the_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRL_DATA", str(tmp_path))
    with pytest.raises(UserError, match=r"CIFAR-100 is not in .*download is off: set the data set's `folder`"):
        cifar.read(settings("cifar100", download=False))


@pytest.mark.parametrize("source", ["cifar10", "cifar100"])
def test_checksums_are_torchvisions(source: str) -> None:
    make_torchvision_importable()
    from torchvision import datasets

    theirs = {"cifar10": datasets.CIFAR10, "cifar100": datasets.CIFAR100}[source]
    ours = LAYOUTS[source]
    assert ours.archive == (theirs.url, theirs.tgz_md5)
    assert [list(file) for file in ours.train] == theirs.train_list
    assert [list(file) for file in ours.test] == theirs.test_list
    assert ours.meta == (theirs.meta["filename"], theirs.meta["md5"])
    assert (ours.folder, ours.names_key) == (theirs.base_folder, theirs.meta["key"])
