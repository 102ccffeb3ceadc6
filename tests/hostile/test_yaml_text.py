"""Texts and bytes as configuration files: read, or refused in one line, in time."""

import math
import time

import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from drl.config.layers import assignments
from drl.config.said import check_command_line
from drl.config.words import as_typed
from drl.config.yaml_text import MOST_VALUES, load, read_yaml
from drl.errors import UserError
from tests.hostile.profile import examples

PARTS = [
    *("a", "b", ": ", "- ", "? ", "\n", "\n  ", "\n\t", "[", "]", "{", "}", ", ", "#", " #", "'", '"', "|\n ", ">\n "),
    *("&a ", "*a", "&b ", "*b", "<<: ", "!!int ", "!!bool ", "!!float ", "!!binary ", "!!set ", "!!omap ", "!!str "),
    *("!x ", "---\n", "...\n", "%YAML 1.1\n", "~", "null", "yes", "010", "0x1f", "1:30", ".inf", ".nan", "1e5", "="),
    *("2024_11", "2024-11-29", "9" * 30, "9" * 5000, "-", "_", "\\", "\x00", "\x85", "\u2028", "\ufeff", "\ud800", "é"),
    *("[" * 60, "{a: " * 60, "- " * 60, "x" * 3000),
]
TEXTS = st.lists(st.sampled_from(PARTS), max_size=25).map("".join)


def checked(read):
    """Call it; a refusal has to be short, and neither takes long."""
    started, said = time.perf_counter(), ""
    try:
        found = read()
    except UserError as error:
        found, said = None, str(error)
    assert time.perf_counter() - started < 2, "one second, on a busy machine"
    assert len(said) < 500
    return found


def values_in(value):
    """Count values, as often as they are used, and check that they are plain."""
    if isinstance(value, dict):
        return 1 + sum(values_in(key) + values_in(inner) for key, inner in value.items())
    if isinstance(value, list):
        return 1 + sum(map(values_in, value))
    assert value is None or isinstance(value, (str, bool, int, float))
    assert not isinstance(value, int) or abs(value) < 2**63
    return 1


@settings(derandomize=True, deadline=None, max_examples=examples(400))
@given(TEXTS)
def test_any_text_gives_plain_values_or_one_line(text):
    assert values_in(checked(lambda: load(text, "own.yaml"))) <= MOST_VALUES + 1


@settings(derandomize=True, deadline=None, max_examples=examples(200))
@given(st.one_of(st.binary(max_size=60), TEXTS.map(lambda text: text.encode("utf-16", "surrogatepass"))))
def test_any_bytes_give_a_mapping_or_one_line(tmp_path_factory, content):
    file = tmp_path_factory.getbasetemp() / "own.yaml"
    file.write_bytes(content)
    found = checked(lambda: read_yaml(file))
    assert found is None or isinstance(found, dict)
    checked(lambda: check_command_line(["snakemake", "--configfile", str(file)]))


PLAIN = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(10**18) + 1, 10**18 - 1),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text("abcdef", min_size=1), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(derandomize=True, deadline=None, max_examples=examples(200))
@given(st.dictionaries(st.text("abcdef", min_size=1), PLAIN, max_size=4), st.booleans())
@example({"a": 1e-05, "b": math.pi, "c": "2024_11"}, True)
def test_what_is_written_is_read_back(tmp_path_factory, value, flow):
    file = tmp_path_factory.getbasetemp() / "written.yaml"
    file.write_text(yaml.safe_dump(value, allow_unicode=True, default_flow_style=flow), encoding="utf-8")
    assert read_yaml(file) == value
    if value:
        twice = file.read_text(encoding="utf-8") if not flow else yaml.safe_dump(value)
        file.write_text(f"{twice}\n{twice}", encoding="utf-8")
        assert checked(lambda: read_yaml(file)) is None, "each key is given twice"


WORDS = st.one_of(TEXTS, st.text(min_size=1, max_size=12))


@settings(derandomize=True, deadline=None, max_examples=examples(200))
@given(WORDS)
def test_a_name_is_the_word_that_was_typed_or_refused(name):
    quoted = len(name) > 1 and name[0] == name[-1] and name[0] in "'\""
    expected = (name[1:-1] if quoted else name) or None
    found = checked(lambda: as_typed({}, [f"dataset={name}"]))
    assert found in (None, {"dataset": expected})
    assigned = checked(lambda: assignments([f"dataset={name}"]))
    assert assigned in (None, {"dataset": expected}, {"dataset": None})


@settings(derandomize=True, deadline=None, max_examples=examples(200))
@given(st.lists(st.tuples(st.sampled_from(["a", "a.b", "seeds", "", ".", "a..b"]), WORDS), max_size=3))
def test_settings_of_a_command_line_are_read_or_refused(pairs):
    checked(lambda: assignments([f"{key}={value}" for key, value in pairs]))
