import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from drl.config.base import Settings
from drl.docs.markdown import anchor, shown
from drl.docs.types import in_words

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("ab: -1", max_size=4),
    lambda inner: st.lists(inner, max_size=3),
)


@given(VALUES)
def test_yaml_reads_back_what_is_shown(value):
    text = shown(value)
    assert "\n" not in text
    assert yaml.safe_load(text) == value


@pytest.mark.parametrize(
    ("value", "text"), [(1e-5, "1.0e-5"), (6.4e-6, "6.4e-6"), (0.25, "0.25"), ([1, "all"], "[1, all]")]
)
def test_numbers_look_as_in_the_files_of_config(value, text):
    assert shown(value) == text


def test_anchors_are_those_of_github():
    assert anchor("Weight of DRL's L1 norm") == "weight-of-drls-l1-norm"
    assert anchor("recipes.NAME.encoder: wide_resnet") == "recipesnameencoder-wide_resnet"


class Example(Settings):
    """An example."""

    number: float = Field(ge=0, lt=1)
    choice: tuple[int, ...] | None
    pair: tuple[float, float]
    names: dict[str, int]


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("number", "number ≥ 0, < 1"),
        ("choice", "list of integer or null"),
        ("pair", "list of 2: number"),
        ("names", "mapping of names to integer"),
    ],
)
def test_types_in_words(key, words):
    assert in_words(Example.model_json_schema()["properties"][key], {}) == words
