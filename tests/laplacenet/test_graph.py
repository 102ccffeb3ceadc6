"""The graph against a full search and scipy, where ties, copies and zeros make trouble."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from drl.errors import UserError
from drl.laplacenet import graph, neighbours
from drl.laplacenet.graph import build_graph, near_together
from drl.laplacenet.neighbours import nearest
from tests.laplacenet import reference


def codes(seed, n, d=12, groups=1):
    """Rectified codes; those of different groups have no unit in common, so that no edge joins them."""
    generator = torch.Generator().manual_seed(seed)
    result = torch.zeros(n, d * groups)
    for group in range(groups):
        size = len(result[group::groups])
        result[group::groups, group * d : (group + 1) * d] = torch.rand(size, d, generator=generator)
    return result


def compare(features, k):
    ours, slow = build_graph(features, k).to_dense().numpy(), reference.graph(features, k).toarray()
    assert ((ours != 0) == (slow != 0)).all()
    np.testing.assert_allclose(ours, slow, rtol=2e-6, atol=1e-9)


@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize(("n", "hits"), [(2000, 6), (700, 51), (40, 40), (1, 1)])
def test_finds_what_a_full_search_finds(n, hits, fast):
    features = codes(n, n, 128)
    found, cosines = nearest(reference.unit_codes(features), hits, fast)
    indices, values = reference.hits(features, hits - 1)
    assert (found.numpy() == indices).all()
    np.testing.assert_allclose(cosines.numpy(), values, rtol=2e-7)


@pytest.mark.parametrize("fast", [False, True])
def test_copies_are_found_lowest_index_first(fast):
    features = codes(3, 60, 16).repeat(20, 1)
    found, _ = nearest(reference.unit_codes(features), 9, fast)
    assert found[777].tolist() == [57 + 60 * i for i in range(9)]
    indices, _ = reference.hits(features, 8)
    assert (found.numpy() == indices).all()


@pytest.mark.parametrize("fast", [False, True])
def test_names_decide_ties(fast):
    features = codes(3, 60, 16).repeat(20, 1)
    names = torch.arange(1200).flip(0)
    found, _ = nearest(reference.unit_codes(features), 9, fast, names)
    assert found[777].tolist() == [1197 - 60 * i for i in range(9)]


@pytest.mark.parametrize("fast", [False, True])
def test_a_crowd_that_rough_numbers_cannot_tell_apart(fast):
    generator = torch.Generator().manual_seed(0)
    features = 1 + 1e-4 * torch.rand(1500, 32, generator=generator)
    found, _ = nearest(reference.unit_codes(features), 6, fast)
    assert (found.numpy() == reference.hits(features, 5)[0]).all()


def test_most_pairs_are_ruled_out():
    points = torch.nn.functional.normalize(codes(0, 4000, 64))
    product = neighbours._RoughProduct.fast(points, 21)
    assert len(product.factors) >= 1
    ((_, _, rows, _),) = product.candidates(0, 256, 21)
    assert int(rows.bincount(minlength=256).min()) >= 21
    assert len(rows) < 256 * 200


@pytest.mark.parametrize("pairs", [1, 5000])
@pytest.mark.parametrize("fast", [False, True])
def test_few_pairs_at_a_time_change_nothing(monkeypatch, fast, pairs):
    points = reference.unit_codes(torch.cat([codes(5, 600, 16), codes(3, 20, 16).repeat(20, 1)]))
    wanted = nearest(points, 9, fast)
    monkeypatch.setattr(neighbours, "PAIRS", pairs)
    found = nearest(points, 9, fast)
    assert torch.equal(found[0], wanted[0])
    assert torch.equal(found[1], wanted[1])


@given(st.lists(st.lists(st.booleans(), min_size=3, max_size=3), min_size=1, max_size=30), st.integers(1, 40))
def test_parts_cover_all_rows_and_groups_once_and_stay_small(kept, pairs):
    table = torch.tensor(kept)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbours, "PAIRS", pairs)
        parts = list(neighbours._parts(table, int(table.sum()), 4))
    assert [row for first, last, _, _ in parts for row in range(first, last)] == list(range(len(kept)))
    rows = table.nonzero()[:, 0].tolist()
    assert [at for _, _, begin, end in parts for at in range(begin, end)] == list(range(len(rows)))
    for first, last, begin, end in parts:
        assert all(first <= row < last for row in rows[begin:end])
        assert last == first + 1 or 4 * (end - begin) <= pairs


@pytest.mark.parametrize("sign", [1, -1, 0])
def test_turned_points_have_the_same_products_and_a_mean_along_one_axis(sign):
    generator = torch.Generator().manual_seed(1)
    points = torch.nn.functional.normalize(sign + torch.randn(300, 24, generator=generator))
    if sign == 0:
        points = torch.cat([points, -points])
    turned, mean = neighbours._turned(points)
    torch.testing.assert_close(turned @ turned.T, points @ points.T, rtol=0, atol=1e-6)
    wanted = torch.zeros(24)
    wanted[0] = mean
    torch.testing.assert_close(turned.mean(0), wanted, rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", ["rectified", "any sign", "close together", "sparse"])
def test_errors_of_the_fast_product_are_within_their_bound(kind):
    generator = torch.Generator().manual_seed(2)
    drawn = torch.randn(1500, 40, generator=generator)
    features = {
        "rectified": drawn.relu(),
        "any sign": drawn,
        "close together": 1 + 1e-3 * drawn,
        "sparse": (drawn - 2).relu() + torch.eye(40).repeat(38, 1)[:1500],
    }[kind]
    points = torch.nn.functional.normalize(features)
    product = neighbours._RoughProduct.fast(points, 6)
    entries = product.left.float().double() @ product.right[:, :1500].double()
    wanted = points.double() @ (points.double() - points.double().mean(0)).T
    errors = (entries - wanted).abs()
    assert (2 * errors <= product.margin[:, None]).all()
    assert product.margin.max() < 0.02  # a bound that excludes nothing would hold, too


@pytest.mark.parametrize("fast", [False, True])
def test_finds_points_in_clusters_and_points_far_from_all_others(fast):
    generator = torch.Generator().manual_seed(4)
    centres = torch.randn(30, 48, generator=generator)
    features = (centres.repeat(80, 1) + 0.4 * torch.randn(2400, 48, generator=generator)).relu()
    features[::97] = torch.eye(48)[torch.arange(len(features[::97])) % 48]
    found, _ = nearest(reference.unit_codes(features), 12, fast)
    assert (found.numpy() == reference.hits(features, 11)[0]).all()


@pytest.mark.parametrize("tf32", [False, True])
def test_bound_on_a_gpu_is_that_of_the_precision_in_force(tf32):
    before = torch.backends.cuda.matmul.allow_tf32
    try:
        torch.backends.cuda.matmul.allow_tf32 = tf32
        assert neighbours._rounds_to_tf32() == tf32
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(2, 90), k=st.integers(1, 12), groups=st.integers(1, 3))
def test_matches_the_slow_way(seed, n, k, groups):
    compare(codes(seed, n, groups=groups), k)


def test_copies_and_isolated_images_match_the_slow_way():
    features = codes(1, 80)
    features[10:30] = features[40]
    features[[0, 50, 79]] = 0
    compare(features, 7)
    assert build_graph(features, 7).to_dense()[[0, 50, 79]].count_nonzero() == 0


def test_no_code_at_all_makes_no_edges():
    assert build_graph(torch.zeros(5, 3), 2).to_dense().count_nonzero() == 0
    assert build_graph(torch.ones(1, 3), 2).to_dense().tolist() == [[0]]


def test_few_images_are_all_neighbours():
    features = codes(2, 9)
    assert torch.equal(build_graph(features, 50).to_dense(), build_graph(features, 8).to_dense())
    assert (build_graph(features, 50).to_dense() != 0).sum() == 72
    compare(features, 50)


def test_lengths_do_not_matter():
    features = codes(4, 50)
    scales = torch.tensor([1.0, 1e-30, 1e30, 4.0, 0.5]).repeat(10)[:, None]
    torch.testing.assert_close(build_graph(features * scales, 5).to_dense(), build_graph(features, 5).to_dense())


def test_a_negative_cosine_makes_no_edge():
    assert build_graph(torch.tensor([[1.0, 0], [-1, 0.1], [0, 1]]), 2).to_dense().min() == 0


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000), k=st.integers(1, 20))
def test_is_symmetric_with_small_eigenvalues_and_without_loops(seed, k):
    dense = build_graph(codes(seed, 60, groups=2), k).to_dense().double()
    assert torch.equal(dense, dense.T)
    assert dense.diagonal().count_nonzero() == 0
    assert torch.linalg.eigvalsh(dense).abs().max() <= 1 + 1e-6


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_order_of_images_does_not_matter(seed):
    features = codes(seed, 70)
    order = torch.randperm(70, generator=torch.Generator().manual_seed(seed))
    moved = build_graph(features[order], 6).to_dense()
    torch.testing.assert_close(moved, build_graph(features, 6).to_dense()[order][:, order])


def test_places_move_rows_and_columns(monkeypatch):
    monkeypatch.setattr(graph, "IN_CACHE", 256)
    features = codes(6, 300, groups=3)
    features[60:90] = features[:30]  # ties, which go by the order of the images, not of the rows
    places = near_together(features)
    assert places.tolist() != list(range(300))
    assert places.sort().values.tolist() == list(range(300))
    moved = build_graph(features, 6, places).to_dense()
    assert torch.equal(moved[places][:, places], build_graph(features, 6).to_dense())


def test_few_images_keep_their_order():
    assert near_together(codes(0, 300)).tolist() == list(range(300))


def test_both_ways_to_join_edges_agree():
    generator = torch.Generator().manual_seed(0)
    pairs = torch.triu(torch.rand(40, 40, generator=generator), 1)
    pairs = (pairs + pairs.T) * (torch.rand(40, 40, generator=generator) < 0.2)
    starts, ends = pairs.nonzero(as_tuple=True)
    shuffled = torch.randperm(len(ends), generator=generator)
    shuffled = shuffled[starts[shuffled].argsort(stable=True)]
    edges = starts, ends[shuffled], pairs[starts, ends[shuffled]]
    for one, other in zip(graph._joined(*edges, 45), graph._joined_by_sorting(*edges, 45), strict=True):
        assert torch.equal(one, other)


def test_neighbours_lie_near_each_other(monkeypatch):
    monkeypatch.setattr(graph, "IN_CACHE", 256)
    centres = torch.rand(40, 12, generator=torch.Generator().manual_seed(0))
    features = (centres + 0.02 * codes(0, 1200, 12).view(30, 40, 12)).flatten(0, 1)
    ends = build_graph(features, 6, near_together(features)).to_dense().nonzero()
    assert (ends[:, 0] - ends[:, 1]).abs().double().mean() < 200  # 400 at random


def test_is_the_same_every_time():
    features = codes(5, 900).repeat(2, 1)
    first, second = build_graph(features, 10), build_graph(features, 10)
    assert torch.equal(first.values(), second.values())
    assert torch.equal(first.col_indices(), second.col_indices())


def test_order_does_not_choke_on_codes_that_the_graph_refuses(monkeypatch):
    monkeypatch.setattr(graph, "IN_CACHE", 256)
    broken = codes(0, 300)
    broken[7, 2], broken[9, 1] = torch.nan, torch.inf
    with pytest.raises(UserError, match="must be finite"):
        build_graph(broken, 2, near_together(broken))


def test_bad_codes_are_refused():
    broken = codes(0, 5)
    broken[2, 2] = torch.nan
    with pytest.raises(UserError, match="must be finite"):
        build_graph(broken, 2)
    with pytest.raises(UserError, match="0 neighbours give no graph"):
        build_graph(codes(0, 5), 0)
