"""Damaged and forged models, encoders, classifiers and states: read as they were written, or refused in one line."""

import json
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from drl.errors import UserError
from drl.models.encoder_file import load_encoder
from drl.models.model_facts import ModelFacts
from drl.models.model_file import header, load_model, load_snapshots, save_model
from drl.training.state import facts_of, load_state, save_state
from tests import tiny
from tests.hostile.profile import examples

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.sampled_from([math.nan, math.inf, -1.0, 1e308, 0, 2**31, 10**9]),
    st.text(max_size=5),
    st.sampled_from(["../../etc", "a/b", "..", "os", "drl", "\x1b[2J", "a\nb"]),
    st.lists(st.integers(0, 10**9), max_size=3),
    st.just([]),
    st.just({}),
)
NO_HEADERS = [
    *("null", "[]", "{}", "[" * 5000, '{"about": ' * 500, "1" * 6000),
    '{"facts": 1, "belongs_to": {}, "checksum": ""}',
]
OF = (load_model, header, ModelFacts.read, load_encoder, lambda path: list(load_snapshots(path)))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    method = tiny.method("drl")
    save_model(path, method, {name: value.detach() for name, value in method.named_parameters()}, tiny.about())
    with safe_open(str(path), framework="pt") as file:
        return path, json.loads(file.metadata()["model"]), load_file(path)


def places(value, at=()):
    """Return the place of each value in a header, however deep."""
    found = [at] if at else []
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        found += places(inner, (*at, key))
    return found


def refusal(read, path):
    """Return what a reader says against a file; None: it reads it."""
    try:
        read(path)
    except UserError as error:
        return str(error)
    return None


def reads(path, readers=OF):
    for read in readers:
        said = refusal(read, path) or ""
        assert "\n" not in said
        assert len(said) < 1000


@settings(derandomize=True, deadline=None, max_examples=examples(60))
@given(data=st.data())
def test_headers_with_odd_values(model, data):
    path, said, tensors = model
    forged = json.loads(json.dumps(said))
    for _ in range(data.draw(st.integers(1, 2))):
        *above, last = data.draw(st.sampled_from(places(said)))
        inner = forged
        for key in above:
            inner = inner[key] if isinstance(inner, (dict, list)) and inner else None
            if inner is None:
                break
        if isinstance(inner, dict) or (isinstance(inner, list) and isinstance(last, int) and last < len(inner)):
            inner[last] = data.draw(ODD)
    other = path.with_name("forged.safetensors")
    save_file(tensors, other, metadata={"model": json.dumps(forged)})
    reads(other)


@settings(derandomize=True, deadline=None, max_examples=examples(40))
@given(
    name=st.integers(0, 10**6),
    change=st.sampled_from(["nan", "inf", "double", "half", "complex", "shape", "gone", "renamed", "whole numbers"]),
)
def test_tensors_that_do_not_fit_are_refused(model, name, change):
    path, said, tensors = model
    own = [key for key in sorted(tensors) if key.startswith(("encoder.", "score_ema.")) and tensors[key].numel() > 1]
    key = own[name % len(own)]
    value, other = tensors[key].clone(), dict(tensors)
    other[key] = {
        "nan": lambda: value.masked_fill(torch.ones_like(value).bool(), math.nan),
        "inf": lambda: value + math.inf,
        "double": value.double,
        "half": value.half,
        "complex": lambda: value.to(torch.complex64),
        "shape": lambda: value.flatten()[:-1].clone(),
        "gone": lambda: value,
        "renamed": lambda: value,
        "whole numbers": lambda: torch.zeros_like(value, dtype=torch.int64),
    }[change]()
    if change in ("gone", "renamed"):
        del other[key]
    if change == "renamed":
        other[f"{key}\x1b"] = value
    if change in ("nan", "inf") and not value.is_floating_point():
        return
    forged = path.with_name("forged.safetensors")
    save_file(other, forged, metadata={"model": json.dumps(said)})
    with pytest.raises(UserError):
        load_model(forged)


@settings(derandomize=True, deadline=None, max_examples=examples(60))
@given(text=st.one_of(st.text(max_size=40), st.sampled_from(NO_HEADERS)))
def test_headers_that_are_no_headers(model, text):
    path, _, _ = model
    other = path.with_name("forged.safetensors")
    for key in ("model", "encoder"):
        save_file({"a": torch.zeros(1)}, other, metadata={key: text})
        for read in OF:
            if read is not load_encoder or key == "encoder":
                with pytest.raises(UserError):
                    read(other)


@settings(derandomize=True, deadline=None, max_examples=examples(60))
@given(at=st.integers(0, 10**9), bit=st.integers(0, 7), cut=st.booleans())
def test_flipped_bits_and_cut_files(model, at, bit, cut):
    path, _, _ = model
    damaged = bytearray(path.read_bytes())
    at %= min(len(damaged), 20_000)  # mostly in the header
    damaged[at] ^= 1 << bit
    other = path.with_name("forged.safetensors")
    other.write_bytes(damaged[:at] if cut else damaged)
    reads(other, (load_model, header))


@settings(derandomize=True, deadline=None, max_examples=examples(60))
@given(text=st.one_of(st.text(max_size=40), st.sampled_from(NO_HEADERS)))
def test_states_that_are_none_are_put_aside(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("state") / "state.safetensors"
    save_file({"a": torch.zeros(1)}, path, metadata={"state": text})
    assert facts_of(path) == {}
    assert load_state(path, {}) is None
    assert not path.exists()
    save_state(path, {"a": torch.zeros(1)}, {"step": 1}, {})
    assert load_state(path, {})[1] == {"step": 1}


def doubled(header, what):
    """Return the text of a safetensors header with something in it twice, the first time other than the last."""
    text, tensor = json.dumps(header), next(name for name in header if name != "__metadata__")
    first = {
        "tensor": f"{json.dumps(tensor)}: {json.dumps({**header[tensor], 'data_offsets': [0, 0]})}",
        "metadata": '"__metadata__": {}',
    }
    if what in first:
        return f"{{{first[what]}, {text[1:]}"
    model = header["__metadata__"]["model"]
    if what == "entry":
        return text.replace('"model": ', '"model": "{}", "model": ', 1)
    return text.replace(json.dumps(model), json.dumps(f'{{"recipe": {{}}, {model[1:]}'), 1)


@pytest.mark.parametrize("what", ["tensor", "metadata", "entry", "inside"])
def test_a_header_that_says_something_twice_is_refused(model, what):
    path, _, _ = model
    data = path.read_bytes()
    end = 8 + int.from_bytes(data[:8], "little")
    text = doubled(json.loads(data[8:end]), what).encode()
    other = path.with_name("twice.safetensors")
    other.write_bytes(len(text).to_bytes(8, "little") + text + data[end:])
    for read in OF:
        assert "is given twice" in (refusal(read, other) or ""), read
