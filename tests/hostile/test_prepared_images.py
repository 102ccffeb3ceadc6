"""Files of prepared images whose header or tensors were changed: refused in one line."""

import json
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from drl.data.prepare import prepare
from drl.data.store import ImageStore, content_sha256, facts_sha256
from drl.errors import UserError
from tests.data.factories import settings as dataset
from tests.hostile.profile import examples

ODD = st.one_of(
    st.none(),
    st.integers(-5, 10**20),
    st.sampled_from([math.nan, math.inf, True, [0.0], [], {}, [math.nan], [0.5] * 3, [-1.0], ["a"], [[1]]]),
    st.text(max_size=5),
)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "digits" / "images.safetensors"
    prepare("digits", dataset("digits", image_size=8, train=30, test=10, validation=10), path)
    with safe_open(str(path), framework="pt") as file:
        return path, json.loads(file.metadata()["facts"]), load_file(path)


def forged(images, facts, tensors):
    path = images[0].parent / "forged.safetensors"
    save_file(tensors, path, metadata={"facts": json.dumps(facts)})
    return path


def opened(path):
    """Return what is said against a file, or the images in it."""
    try:
        return "", ImageStore.open(path)
    except UserError as error:
        return str(error), None


def test_a_changed_header_is_noticed_and_one_without_a_checksum_is_read(images):
    _, facts, tensors = images
    with pytest.raises(UserError, match=r"were changed after they were written.*rerun `drl prepare`"):
        ImageStore.open(forged(images, facts | {"mean": [0.4]}, tensors))
    old = {key: value for key, value in facts.items() if key != "facts_sha256"}
    assert ImageStore.open(forged(images, old, tensors)).name == "digits"


@pytest.mark.parametrize("change", [{"std": [0.0]}, {"mean": [0.1] * 3}, {"std": [math.nan]}, {"classes": ["a"]}])
def test_numbers_that_cannot_be_are_refused_whatever_the_checksum(images, change):
    _, facts, tensors = images
    said = facts | change
    with pytest.raises(UserError, match="rerun `drl prepare`"):
        ImageStore.open(forged(images, said | {"facts_sha256": facts_sha256(said)}, tensors))


@settings(derandomize=True, deadline=None, max_examples=examples(120))
@given(key=st.integers(0, 100), value=ODD, signed=st.booleans())
def test_odd_facts(images, key, value, signed):
    _, facts, tensors = images
    said = facts | {sorted(facts)[key % len(facts)]: value}
    if signed:
        said["facts_sha256"] = facts_sha256(said)
    refused, store = opened(forged(images, said, tensors))
    if store is None:
        assert "\n" not in refused
        assert "rerun `drl prepare`" in refused
    else:
        assert bool((store.std > 0).all())
        assert store.mean.shape == store.std.shape == (1, 1, 1, 1)


@settings(derandomize=True, deadline=None, max_examples=examples(40))
@given(
    name=st.sampled_from(["images", "labels", "train", "val", "test"]),
    change=st.sampled_from(["float", "short", "flat", "large", "negative"]),
)
def test_tensors_that_do_not_fit(images, name, change):
    _, facts, tensors = images
    value = tensors[name]
    other = {
        "float": lambda: value.float(),
        "short": lambda: value[1:].clone(),
        "flat": lambda: value.reshape(1, -1).clone(),
        "large": lambda: value.long() + 1000,
        "negative": lambda: value.long() - 1000,
    }[change]()
    changed = {**tensors, name: other}
    said = facts | {"sha256": content_sha256(changed)}
    said["facts_sha256"] = facts_sha256(said)
    with pytest.raises(UserError, match="rerun `drl prepare`"):
        ImageStore.open(forged(images, said, changed))
    assert torch.equal(value, tensors[name])
