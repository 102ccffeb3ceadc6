from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from drl.errors import UserError
from drl.records.metrics import read_metrics
from drl.records.right import packed, read_right, unpacked, write_measured

N = 13


def row(right: torch.Tensor | None, metric: str = "test_accuracy", value: float | None = None) -> dict[str, object]:
    cells = {"scale": "demo", "study": "probe", "metric": metric, "n": N}
    if right is None:
        return {**cells, "value": value}
    return {**cells, "value": 100 * float(right.double().mean()), "right": packed(right)}


@pytest.fixture
def made(tmp_path: Path) -> tuple[Path, list[torch.Tensor]]:
    draws = [torch.rand(N, generator=torch.Generator().manual_seed(k)) < 0.7 for k in range(3)]
    path = tmp_path / "seed0.csv"
    files = write_measured(path, [row(draws[0]), row(None, "loss", 2.0), row(draws[1]), row(draws[2])])
    assert files == [path, tmp_path / "seed0.right.safetensors"]
    return path, draws


def test_what_was_written_is_read_beside_the_rows_that_had_it(made: tuple[Path, list[torch.Tensor]]) -> None:
    path, draws = made
    rows = read_metrics(path)
    found = read_right(path, rows)
    assert list(found) == [0, 2, 3]
    for place, right in zip(found, draws, strict=True):
        assert unpacked(found[place], N).tolist() == right.tolist()
        assert float(rows[place]["value"]) == pytest.approx(100 * right.double().mean().item())


def test_rows_without_bits_make_no_file(tmp_path: Path) -> None:
    path = tmp_path / "loss.csv"
    assert write_measured(path, [row(None, "loss", 2.0)]) == [path]
    assert read_right(path, read_metrics(path)) == {}
    assert [file.name for file in tmp_path.iterdir()] == ["loss.csv"]


@given(st.lists(st.booleans(), min_size=1, max_size=70))
def test_bits_survive_packing(right: list[bool]) -> None:
    import base64

    bits = np.frombuffer(base64.b64decode(packed(torch.tensor(right))), dtype=np.uint8)
    assert unpacked(bits, len(right)).tolist() == right
    assert len(bits) == -(-len(right) // 8)


def change(name: str, value: object) -> object:
    def edit(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {**tensors, name: value(tensors[name])}  # type: ignore[operator]

    return edit


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (change("row", lambda rows: rows + 1), "one row says|other rows"),
        (change("row", lambda rows: rows - 1), "other rows"),
        (change("row", lambda rows: rows[:2]), "do not fit together"),
        (change("row", lambda rows: rows.astype(np.int32)), "do not fit together"),
        (change("bits", lambda bits: bits[:, :1]), "numbers of images"),
        (change("bits", lambda bits: np.concatenate([bits, bits], 1)), "numbers of images"),
        (change("bits", lambda bits: bits ^ np.uint8(128)), "one row says .* %, its bits"),
        (lambda tensors: {"bits": tensors["bits"]}, "does not hold rows and bits"),
    ],
)
def test_bits_of_other_rows_are_refused(edit, message, made: tuple[Path, list[torch.Tensor]]) -> None:
    path, _ = made
    beside = path.with_suffix(".right.safetensors")
    save_file(edit(load_file(beside)), beside)
    with pytest.raises(
        UserError, match=rf"seed0.right.safetensors: does not hold the bits of seed0.csv \(.*({message})"
    ):
        read_right(path, read_metrics(path))


def test_a_damaged_file_is_refused(made: tuple[Path, list[torch.Tensor]]) -> None:
    path, _ = made
    beside = path.with_suffix(".right.safetensors")
    beside.write_bytes(beside.read_bytes()[:40])
    with pytest.raises(UserError, match=r"does not hold the bits of seed0.csv"):
        read_right(path, read_metrics(path))
