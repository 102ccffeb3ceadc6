"""The batched probes against the same probes one after another, and what they do on data with a known answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from benchmarks.reference.sequential_probe import measure, train_one
from drl.config.studies import ProbeTraining
from drl.errors import UserError
from drl.evaluation import batched_mlp
from drl.evaluation.batched_mlp import BatchedMlp, ProbeStream, accuracy, kept
from drl.evaluation.mlp_probe import ProbeResult, _best_rate, train_probes
from tests.evaluation.jobs import probe_training

CPU = torch.device("cpu")
SMALL = probe_training(hidden=24, batch_size=16, epochs=4, learning_rate=1e-2, weight_decay=1e-3)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def blobs(seed: int, samples: int, spread: list[float], classes: int = 3, dim: int = 6) -> tuple[Tensor, Tensor]:
    """Codes [T, samples, dim] around one centre per class, `spread[t]` wide, and labels [samples]."""
    generator = torch.Generator().manual_seed(seed)
    centres = 3 * torch.randn(classes, dim, generator=torch.Generator().manual_seed(100))
    labels = torch.randint(classes, (samples,), generator=generator)
    width = torch.tensor(spread)[:, None, None]
    return centres[labels] + width * torch.randn(len(spread), samples, dim, generator=generator), labels


def changed(protocol: ProbeTraining, **changes: Any) -> ProbeTraining:
    """Return the protocol with other values."""
    return protocol.model_copy(update=changes)


def batched(
    codes: Tensor, labels: Tensor, options: ProbeTraining, seeds: tuple[int, ...], drop_last: bool = True
) -> BatchedMlp:
    """Train for options.epochs and return the model itself, for a look at the weights."""
    model = BatchedMlp(
        codes,
        labels,
        [ProbeStream(seed, CPU) for seed in seeds],
        classes=3,
        hidden=options.hidden,
        dropout=options.dropout,
        learning_rate=options.learning_rate,
        weight_decay=options.weight_decay,
    )
    for _ in range(options.epochs):
        model.train_epoch(options.batch_size, drop_last)
    return model


def weights_of(probe: nn.Sequential) -> list[Tensor]:
    """Weights of a sequential probe, in the order of `Weights`."""
    return [parameter.detach() for parameter in probe.parameters()]


@pytest.mark.parametrize("chunk_bytes", [1, 2 << 20])
@pytest.mark.parametrize(
    "change",
    [
        {},
        {"drop_last": False},
        {"dropout": 0.0},
        {"dropout": 0.6, "weight_decay": 0.3},
        {"batch_size": 500},
    ],
)
def test_batched_equals_sequential_in_float64(
    change: dict[str, Any], chunk_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batched_mlp, "_CPU_CHUNK_BYTES", chunk_bytes)
    drop_last = change.get("drop_last", True)
    options = changed(SMALL, **{key: value for key, value in change.items() if key != "drop_last"})
    codes, labels = blobs(0, 53, [1.0, 2.0, 4.0])
    codes = codes.double()
    model = batched(codes, labels, options, (3, 8), drop_last)
    for s, seed in enumerate((3, 8)):
        for t in range(3):
            expected = weights_of(train_one(codes[t], labels, 3, options, seed, True, drop_last))
            for mine, theirs in zip(model.weights, expected, strict=True):
                torch.testing.assert_close(mine[t * 2 + s], theirs, rtol=1e-9, atol=1e-11)


def test_batched_equals_sequential_in_float32() -> None:
    codes, labels = blobs(1, 160, [1.0, 3.0], dim=32)
    options = changed(SMALL, hidden=64, batch_size=32)
    model = batched(codes, labels, options, (0, 1))
    test = blobs(2, 400, [1.0, 3.0], dim=32)
    result = train_probes(codes, labels, {"test": test}, 3, changed(options, seeds=(0, 1)))
    for s in range(2):
        for t in range(2):
            probe = train_one(codes[t], labels, 3, options, s, replay=True)
            for mine, theirs in zip(model.weights, weights_of(probe), strict=True):
                torch.testing.assert_close(mine[t * 2 + s], theirs, rtol=1e-4, atol=1e-5)
            assert result.accuracy["test"][s, t] == pytest.approx(measure(probe, test[0][t], test[1]), abs=0.5)


def test_bfloat16_products_stay_within_the_noise() -> None:
    train, test = blobs(3, 512, [3.0, 6.0]), blobs(4, 2000, [3.0, 6.0])
    options = changed(SMALL, hidden=64, learning_rate=3e-3)
    exact, coarse = (
        train_probes(*train, {"test": test}, 3, changed(options, seeds=range(6)), precision=precision).accuracy["test"]
        for precision in ("fp32", "bf16")
    )
    assert (exact != coarse).any()
    assert exact.min() > 45
    assert exact.max() < 99
    assert ((exact.mean(0) - coarse.mean(0)).abs() < 1.0).all()


@settings(max_examples=15, deadline=None)
@given(
    seeds=st.lists(st.integers(0, 2**40), min_size=1, max_size=4, unique=True),
    keep=st.lists(st.integers(0, 2), min_size=1, max_size=3, unique=True),
    pick=st.integers(0, 3),
)
def test_a_result_depends_only_on_its_seed_and_code_set(seeds: list[int], keep: list[int], pick: int) -> None:
    codes, labels = blobs(5, 40, [1.0, 2.0, 4.0])
    codes = codes.double()
    seed = seeds[pick % len(seeds)]
    together = batched(codes[keep], labels, SMALL, tuple(seeds))
    for position, t in enumerate(keep):
        alone = batched(codes[t : t + 1], labels, SMALL, (seed,))
        index = position * len(seeds) + seeds.index(seed)
        for mine, theirs in zip(together.weights, alone.weights, strict=True):
            torch.testing.assert_close(mine[index], theirs[0], rtol=1e-9, atol=1e-11)


def test_accuracy_is_that_of_the_plain_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batched_mlp, "_CPU_CHUNK_BYTES", 20_000)
    codes, labels = blobs(6, 64, [1.0, 5.0])
    test = blobs(7, 301, [1.0, 5.0])
    model = batched(codes, labels, SMALL, (0, 1, 2))
    measured = accuracy(model.weights, *test)
    for t in range(2):
        for s in range(3):
            first, first_bias, second, second_bias = (tensor[t * 3 + s] for tensor in model.weights)
            logits = (test[0][t] @ first.T + first_bias).relu() @ second.T + second_bias
            right = (logits.argmax(1) == test[1]).double().mean() * 100
            assert measured[t, s] == pytest.approx(float(right), abs=0.34)


def test_separable_codes_are_learnt_and_shuffled_labels_are_not() -> None:
    (codes, labels), test = blobs(8, 400, [0.05]), blobs(9, 900, [0.05])
    options = changed(SMALL, epochs=8)
    assert train_probes(codes, labels, {"test": test}, 3, changed(options, seeds=(0, 1))).accuracy["test"].min() > 99
    noise = torch.randn(1, 400, 6, generator=torch.Generator().manual_seed(0))
    fresh = torch.randn(1, 900, 6, generator=torch.Generator().manual_seed(1))
    chance = train_probes(noise, labels, {"test": (fresh, test[1])}, 3, changed(options, seeds=(0, 1))).accuracy["test"]
    assert (chance - 100 / 3).abs().max() < 8


def test_same_call_same_numbers() -> None:
    train, test = blobs(10, 90, [1.0, 3.0]), blobs(11, 90, [1.0, 3.0])
    first = train_probes(*train, {"test": test}, 3, changed(SMALL, seeds=(4, 5)))
    torch.manual_seed(999)
    second = train_probes(*train, {"test": test}, 3, changed(SMALL, seeds=(4, 5)))
    other = train_probes(*train, {"test": test}, 3, changed(SMALL, seeds=(6, 7)))
    assert first.accuracy["test"].shape == (2, 2)
    assert torch.equal(first.accuracy["test"], second.accuracy["test"])
    assert not torch.equal(first.accuracy["test"], other.accuracy["test"])


def test_global_random_state_is_left_alone() -> None:
    before = torch.get_rng_state()
    train_probes(*blobs(12, 40, [1.0]), {"test": blobs(13, 40, [1.0])}, 3, changed(SMALL, seeds=(0,)))
    assert torch.equal(before, torch.get_rng_state())


def test_best_val_reads_the_first_epoch_with_the_best_validation_accuracy() -> None:
    train, val, test = blobs(14, 64, [3.0, 6.0]), blobs(15, 60, [3.0, 6.0]), blobs(16, 200, [3.0, 6.0])
    options = changed(SMALL, epochs=10, select="best_val")
    result = train_probes(*train, {"test": test, "val": val}, 3, changed(options, seeds=(0, 1)))
    for s in range(2):
        for t in range(2):
            history: list[tuple[float, float]] = []

            def record(probe: nn.Sequential, t: int = t, history: list[tuple[float, float]] = history) -> None:
                history.append((measure(probe, val[0][t], val[1]), measure(probe, test[0][t], test[1])))

            train_one(train[0][t], train[1], 3, options, s, replay=True, after_epoch=record)
            epoch = max(range(10), key=lambda e: (history[e][0], -e))
            assert result.epoch[s, t] == epoch + 1
            assert result.accuracy["val"][s, t] == pytest.approx(history[epoch][0])
            assert result.accuracy["test"][s, t] == pytest.approx(history[epoch][1])
    assert (result.epoch < 10).any()


def test_last_reads_the_last_epoch() -> None:
    result = train_probes(*blobs(17, 40, [1.0]), {"test": blobs(18, 40, [1.0])}, 3, changed(SMALL, seeds=(0,)))
    assert result.epoch.tolist() == [[SMALL.epochs]]
    assert result.learning_rate.tolist() == [SMALL.learning_rate]


def test_sweep_takes_the_rate_that_validates_best() -> None:
    train, val, test = blobs(19, 120, [0.3, 0.6]), blobs(20, 200, [0.3, 0.6]), blobs(21, 200, [0.3, 0.6])
    evals = {"test": test, "val": val}
    options = changed(SMALL, learning_rates=(1e-7, 1e-2, 1e-6))
    calls: list[int] = []
    swept = train_probes(*train, evals, 3, changed(options, seeds=(0, 1)), on_epoch=lambda: calls.append(1))
    single = train_probes(*train, evals, 3, changed(SMALL, seeds=(0, 1)))
    assert swept.learning_rate.tolist() == [1e-2, 1e-2]
    assert torch.equal(swept.accuracy["test"], single.accuracy["test"])
    assert len(calls) == 12


def test_best_rate_is_chosen_per_time_by_the_mean_over_seeds_and_the_first_of_equals() -> None:
    def result(rate: float, val: list[list[float]], offset: float) -> ProbeResult:
        values = torch.tensor(val, dtype=torch.float64)
        epoch = torch.full(values.shape, int(offset))
        right = dict.fromkeys(("val", "test"), (values + offset)[..., None] > 60)
        rates = torch.full((3,), rate, dtype=torch.float64)
        return ProbeResult({"val": values, "test": values + offset}, right, epoch, rates)

    low = result(0.1, [[50.0, 90.0, 70.0], [60.0, 10.0, 70.0]], 1)
    high = result(0.2, [[40.0, 60.0, 70.0], [50.0, 60.0, 70.0]], 2)
    chosen = _best_rate([low, high])
    assert chosen.learning_rate.tolist() == [0.1, 0.2, 0.1]
    assert chosen.accuracy["test"].tolist() == [[51.0, 62.0, 71.0], [61.0, 62.0, 71.0]]
    assert chosen.epoch.tolist() == [[1, 2, 1], [1, 2, 1]]
    assert torch.equal(chosen.right["test"][..., 0], chosen.accuracy["test"] > 60)


@pytest.mark.parametrize("value", [0.0, 7.0, 1e15])
def test_constant_codes_do_not_crash(value: float) -> None:
    labels = torch.arange(40) % 2
    codes = torch.full((2, 40, 5), value)
    result = train_probes(codes, labels, {"test": (codes, labels)}, 2, changed(SMALL, seeds=(0,)))
    assert result.accuracy["test"].tolist() == [[50.0, 50.0]]


@settings(max_examples=25, deadline=None)
@given(probability=st.floats(0, 0.999), seed=st.integers(0, 2**62))
def test_masks_drop_with_the_given_probability(probability: float, seed: int) -> None:
    bits = torch.empty(1, 5000, dtype=torch.int64)
    ProbeStream(seed, CPU).fill(bits)
    stays = kept(bits, probability, 40, 500)
    assert stays.shape == (1, 40, 500)
    deviation = float(stays.double().mean()) - (1 - probability)
    assert abs(deviation) < 6 * (probability * (1 - probability) / 20_000) ** 0.5 + 1e-4


def test_initial_weights_are_those_of_nn_linear() -> None:
    first, first_bias, second, second_bias = ProbeStream(0, CPU).weights(100, 400, 7, torch.float32)
    for mine, bound in ((first, 0.1), (first_bias, 0.1), (second, 0.05), (second_bias, 0.05)):
        assert mine.abs().max() <= bound
        assert mine.abs().max() > 0.7 * bound
    with torch.random.fork_rng(devices=[]):
        assert float(first.std()) == pytest.approx(float(nn.Linear(100, 400).weight.detach().std()), rel=0.02)


NAN = torch.zeros(3, 20, 4)
NAN[2, 5, 1] = float("nan")
GOOD = torch.zeros(3, 20, 4)
LABELS = torch.arange(20) % 3


@pytest.mark.parametrize(
    ("codes", "labels", "test", "message"),
    [
        (NAN, LABELS, (GOOD, LABELS), "train codes at t index 2 contain NaN"),
        (GOOD, LABELS, (NAN.nan_to_num(torch.inf), LABELS), "test codes at t index 2 contain NaN or inf"),
        (GOOD, LABELS + 1, (GOOD, LABELS), "train labels span 1 to 3"),
        (GOOD, LABELS - 1, (GOOD, LABELS), "train labels span -1 to 1"),
        (GOOD, LABELS[:5], (GOOD, LABELS), "train labels have shape"),
        (GOOD, LABELS.float(), (GOOD, LABELS), "give integers"),
        (GOOD[0], LABELS, (GOOD, LABELS), "train codes have shape"),
        (GOOD, LABELS, (GOOD[:2], LABELS), "test codes have 2 times of 4 features"),
        (GOOD, LABELS, (GOOD[:, :0], LABELS[:0]), "test codes have shape"),
    ],
)
def test_bad_data_is_named(codes: Tensor, labels: Tensor, test: tuple[Tensor, Tensor], message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        train_probes(codes, labels, {"test": test}, 3, changed(SMALL, seeds=(0,)))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("change", [{"select": "best_val"}, {"learning_rates": (1e-3,)}])
def test_selection_without_a_validation_set_is_an_error(change: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="need a validation set"):
        train_probes(GOOD, LABELS, {"test": (GOOD, LABELS)}, 3, changed(SMALL, **change), (0,))


def test_nothing_to_measure_is_an_error() -> None:
    with pytest.raises(UserError, match="nothing to measure"):
        train_probes(GOOD, LABELS, {}, 3, changed(SMALL, seeds=(0,)))


def test_seeds_differ_in_weights_order_and_masks() -> None:
    draws = []
    for seed in (0, 1):
        stream, bits = ProbeStream(seed, CPU), torch.empty(1, 64, dtype=torch.int64)
        weights, order = stream.weights(4, 8, 3, torch.float32), stream.order(50)
        stream.fill(bits)
        draws.append((weights.hidden, order, bits))
    for one, other in zip(*draws, strict=True):
        assert not torch.equal(one, other)


@pytest.mark.parametrize("select", ["last", "best_val"])
def test_a_probe_that_diverged_is_an_error_and_not_the_first_class(select: str) -> None:
    codes, labels = blobs(0, 60, [0.5, 0.5])
    evaluations = {"val": (codes, labels), "test": (codes, labels)}
    protocol = changed(SMALL, learning_rate=1e30, learning_rates=(), select=select)
    with pytest.raises(UserError, match=r"diverged at learning rate 1e\+30"):
        train_probes(codes, labels, evaluations, 3, protocol)


@pytest.mark.parametrize("select", ["last", "best_val"])
@pytest.mark.parametrize("factor", [1e21, 1e25, 1e33])
def test_a_probe_whose_moments_overflow_is_an_error(select: str, factor: float) -> None:
    """The example: codes of 1e25 are finite numbers, but squares of gradients are not, and no weight moves again."""
    codes, labels = blobs(0, 60, [0.5, 0.5])
    evaluations = {"val": (codes * factor, labels), "test": (codes * factor, labels)}
    protocol = changed(SMALL, learning_rates=(), select=select)
    with pytest.raises(UserError, match=r"diverged at learning rate .*; lower .*, or pretrain the model again if its"):
        train_probes(codes * factor, labels, evaluations, 3, protocol)


@pytest.mark.parametrize("dropout", [0.0, 0.25])
def test_the_clamp_does_not_hide_an_activation_that_overflows(dropout: float) -> None:
    """With one class there is no error and no gradient, so the moments alone would show nothing."""
    codes = torch.full((1, 8, 4), 3e38)
    model = BatchedMlp(
        codes,
        torch.zeros(8, dtype=torch.int64),
        [ProbeStream(0, CPU), ProbeStream(1, CPU)],
        classes=1,
        hidden=512,
        dropout=dropout,
        learning_rate=1e-3,
        weight_decay=0.0,
    )
    assert bool(model.finite().all())
    model.train_epoch(4, drop_last=True)
    assert not bool(model.finite().any())


def test_only_the_probe_that_diverged_counts_as_such() -> None:
    codes, labels = blobs(0, 60, [0.5, 0.5])
    streams = [ProbeStream(seed, CPU) for seed in (0, 1, 2)]
    scaled = torch.cat([codes[:1], codes[:1] * 1e25])
    model = BatchedMlp(scaled, labels, streams, classes=3, hidden=8, dropout=0.25, learning_rate=1e-3, weight_decay=0.0)
    model.train_epoch(20, drop_last=True)
    assert model.finite().tolist() == [[True] * 3, [False] * 3]


def test_a_sweep_leaves_out_a_rate_at_which_probes_diverge() -> None:
    codes, labels = blobs(0, 60, [0.5, 0.5])
    evaluations = {"val": (codes, labels), "test": (codes, labels)}
    found = train_probes(codes, labels, evaluations, 3, changed(SMALL, learning_rates=(1e30, 1e-3)))
    assert found.learning_rate.tolist() == [1e-3, 1e-3]
