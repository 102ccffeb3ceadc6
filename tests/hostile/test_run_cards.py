"""Malformed and forged run cards, wherever they are read: a true result or one line, and no other file is touched."""

import contextlib
import json
from functools import cache
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drl.costs.spent import job_cost
from drl.errors import UserError
from drl.models.model_facts import _card
from drl.pipeline.configuration import resolve
from drl.pipeline.own_images import with_folders_of_results
from drl.pipeline.studies import STUDIES
from drl.records.card import Card, read_card
from drl.records.inputs import check_inputs
from drl.records.removal import damaged, remove
from drl.records.verify import verify
from drl.verdict.cards import card_of, commit, newer
from tests.cards import WHOLE
from tests.hostile.profile import examples

ABOUT = {"dataset": "digits", "recipe": "drl", "seed": 0}
PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([10**30, -(2**63), 1e308, float("nan"), float("inf")]),
    st.text(max_size=8),
    st.sampled_from(
        ["../thesis.txt", "thesis.txt", "seed0.csv", "/etc/passwd", "..", "encode", "probe", "0" * 64, "\ud800"]
    ),
)
ANY = st.recursive(
    PLAIN,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(st.text(max_size=8), st.sampled_from([*WHOLE, "seed0.csv"])), inner, max_size=3),
    ),
    max_leaves=6,
)
NAMES = st.sampled_from(
    ["../../../../../thesis.txt", "thesis.txt", "seed0.csv", "link.csv", "/dev/zero", "a/../../b", "", "gone.csv"]
)
FILES = st.dictionaries(st.one_of(NAMES, st.text(max_size=8)), st.sampled_from(["0" * 64, "f" * 64]), max_size=4)


@cache
def probe():
    """Return the configuration of the demo and the settings of one of its probes."""
    config = resolve("demo")
    return config, STUDIES["probe"].settings_for(config, ABOUT).slice()


@st.composite
def cards(draw):
    """Draw the text of a card in which something is wrong."""
    card = {**WHOLE, **ABOUT, "scale": "demo", "settings": dict(probe()[1]), "outputs": {"seed0.csv": "0" * 64}}
    for key in draw(st.sets(st.sampled_from([*card, "seconds", "device", "peak_memory_bytes", "facts"]), max_size=3)):
        card[key] = draw(FILES if key in ("outputs", "inputs") and draw(st.booleans()) else ANY)
    if draw(st.booleans()):
        card["settings"] = {**probe()[1], draw(st.sampled_from(list(probe()[1]))): draw(ANY)}
    for key in draw(st.sets(st.sampled_from(sorted(card)), max_size=1)):
        del card[key]
    data = json.dumps(card).encode()
    return draw(st.sampled_from([data, data, data, data[: draw(st.integers(0, len(data)))]]))


def folder_with(place, data):
    """Make a folder of results with one card, and outside it somebody's files; return results and card."""
    results = place / "results" / "demo"
    card = results / "metrics" / "probe" / "digits" / "drl" / "seed0.csv.json"
    card.parent.mkdir(parents=True)
    card.write_bytes(data)
    (card.parent / "seed0.csv").write_text("made")
    (card.parent / "thesis.txt").write_text("mine")
    (place / "thesis.txt").write_text("mine")
    (place / "thesis.csv").write_text("mine")
    (card.parent / "link.csv").symlink_to(place / "thesis.csv")
    return results, card


def reads_well(results, card):
    """Read a card in all ways in which the project does."""
    config, result = probe()[0], card.with_suffix("")
    assert all("\n" not in line for line in verify(results, config))
    with contextlib.suppress(UserError):
        assert isinstance(read_card(card), Card)
    with contextlib.suppress(UserError):
        check_inputs([result])
    found = card_of(result)
    assert found is None or isinstance(commit(found), str)
    newer(result, [result])
    cost = job_cost(results, STUDIES["probe"].at(**ABOUT))
    assert 0 <= cost.seconds <= 1e10
    assert 0 <= cost.memory <= 2**60
    _card(card, ABOUT)
    images = results / "data" / "digits" / "images.safetensors.json"
    images.parent.mkdir(parents=True)
    images.write_bytes(card.read_bytes())
    with_folders_of_results(config, results)


SLOW = settings(derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), max_examples=examples(150))


@SLOW
@given(data=cards())
def test_any_card_is_read_as_true_or_refused(tmp_path_factory, data):
    reads_well(*folder_with(tmp_path_factory.mktemp("card"), data))


@SLOW
@given(data=st.one_of(st.binary(max_size=40), ANY.map(json.dumps).map(str.encode)))
def test_any_bytes(tmp_path_factory, data):
    reads_well(*folder_with(tmp_path_factory.mktemp("bytes"), data))


@SLOW
@given(data=cards(), outputs=FILES)
def test_removing_touches_results_alone(tmp_path_factory, data, outputs):
    for text in (data, json.dumps({**WHOLE, "outputs": outputs}).encode()):
        place = tmp_path_factory.mktemp("remove")
        results, card = folder_with(place, text)
        # As `drl verify --remove --yes`, which would read the whole configuration for every card.
        with contextlib.suppress(UserError):
            list(remove(damaged(results, probe()[0])))
        assert (place / "thesis.txt").read_text() == (card.parent / "thesis.txt").read_text() == "mine"
        assert (place / "thesis.csv").read_text() == "mine"
        assert (card.parent / "link.csv").is_symlink()


def test_brackets_without_end(tmp_path):
    for number, text in enumerate(("[" * 10**5, '{"a":' * 10**5, "1" * 10**5, '{"outputs": ' + "9" * 5000 + "}")):
        reads_well(*folder_with(Path(tmp_path, str(number)), text.encode()))
