import re
from dataclasses import replace

import pytest
import torch

from drl.errors import UserError
from drl.jobs import device
from drl.jobs.device import place
from drl.records.run_card import versions
from drl.training.state import belongs_to, load_state, save_state

CPU = place("cpu", "fp32", "off", 1)
OWNER = {"fingerprint": "abc", "threads": 1, "versions": {"torch": "2"}}
TENSORS = {
    "weights": torch.arange(6.0).reshape(2, 3).t(),
    "generator": torch.Generator().manual_seed(1).get_state(),
    "half": torch.ones(3, dtype=torch.bfloat16),
    "scalar": torch.tensor(3),
}


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "mark" / "state.safetensors"
    save_state(path, TENSORS, {"step": 5, "rows": [{"a": 0.1}]}, OWNER)
    return path


def test_round_trip(saved):
    tensors, facts = load_state(saved, OWNER)
    assert facts == {"step": 5, "rows": [{"a": 0.1}]}
    assert set(tensors) == set(TENSORS)
    for name, value in TENSORS.items():
        assert torch.equal(tensors[name], value)
        assert tensors[name].dtype == value.dtype


def test_no_state_is_no_error(tmp_path):
    assert load_state(tmp_path / "none.safetensors", OWNER) is None


@pytest.fixture
def twice(saved):
    """A state, and the one that was saved before."""
    save_state(saved, {"weights": torch.ones(2)}, {"step": 6}, OWNER)
    assert sorted(path.name for path in saved.parent.iterdir()) == ["state.previous.safetensors", "state.safetensors"]
    return saved


@pytest.mark.parametrize("cut", [0, 4, 30, -1, -20])
def test_a_truncated_state_is_put_aside_and_named(saved, cut, capsys):
    whole = saved.read_bytes()
    saved.write_bytes(whole[:cut])
    assert load_state(saved, OWNER) is None
    said = capsys.readouterr().err
    assert (said.count("\n"), str(saved) in said, "damaged" in said) == (1, True, True)
    (aside,) = saved.parent.iterdir()
    assert (aside.name, aside.read_bytes()) == ("state.damaged.safetensors", whole[:cut])


def test_every_flipped_bit_is_found_or_means_nothing(saved):
    """Of the header's text as of the tensors: the steps made and the logs are in it."""
    whole = saved.read_bytes()
    as_saved = load_state(saved, OWNER)
    header = int.from_bytes(whole[:8], "little")
    ineffective = 0
    for at in [*range(0, 8 + header, 3), *range(8 + header, len(whole))]:
        content = bytearray(whole)
        content[at] ^= 1 << (at % 8)
        saved.write_bytes(content)
        found = load_state(saved, OWNER)
        if found is not None:
            ineffective += 1
            assert found[1] == as_saved[1]
            assert all(torch.equal(found[0][name], value) for name, value in as_saved[0].items())
            assert {name: value.dtype for name, value in found[0].items()} == {
                name: value.dtype for name, value in as_saved[0].items()
            }
        saved.write_bytes(whole)
    # The header is filled up with spaces.
    assert ineffective < 16


def test_the_state_before_is_taken_where_the_newest_is_damaged(twice, capsys):
    content = bytearray(twice.read_bytes())
    content[-3] ^= 1
    twice.write_bytes(content)
    tensors, facts = load_state(twice, OWNER)
    assert (set(tensors), facts["step"]) == (set(TENSORS), 5)
    assert "checksum" in capsys.readouterr().err
    save_state(twice, {"weights": torch.ones(2)}, {"step": 6}, OWNER)
    assert load_state(twice, OWNER)[1] == {"step": 6}


def test_a_process_that_died_between_two_renames_has_lost_nothing(twice):
    twice.unlink()
    assert load_state(twice, OWNER)[1]["step"] == 5


def test_where_both_are_damaged_there_is_none(twice):
    for path in list(twice.parent.iterdir()):
        path.write_bytes(path.read_bytes()[:-1])
    assert load_state(twice, OWNER) is None
    # Damaged ones do not pile up.
    assert [path.name for path in twice.parent.iterdir()] == ["state.damaged.safetensors"]


@pytest.mark.parametrize(
    "other", [{**OWNER, "fingerprint": "xyz"}, {**OWNER, "threads": 2}, {**OWNER, "versions": {"torch": "3"}}]
)
def test_a_foreign_state_is_refused_by_name(saved, other):
    (key,) = [key for key in OWNER if OWNER[key] != other[key]]
    with pytest.raises(UserError, match=key):
        load_state(saved, other)


def test_nothing_but_safetensors_is_read(saved):
    torch.save(TENSORS, saved)
    assert load_state(saved, OWNER) is None


def test_a_state_belongs_to_a_job_its_versions_and_a_kind_of_device():
    assert belongs_to("mark", CPU) == {
        "fingerprint": "mark",
        "versions": {"torch": versions()["torch"], "numpy": versions()["numpy"]},
        "device": "cpu",
        "precision": "fp32",
        "compile": False,
        "threads": 1,
    }


@pytest.mark.parametrize("changes", [{"precision": "bf16"}, {"compile": True}, {"threads": 2}])
def test_a_state_of_another_placement_is_refused_by_name(tmp_path, changes):
    path, [(key, value)] = tmp_path / "mark" / "state.safetensors", changes.items()
    save_state(path, TENSORS, {}, belongs_to("mark", CPU))
    assert load_state(path, belongs_to("mark", replace(CPU))) is not None
    message = (
        f"{path}: the state was saved with {key} {getattr(CPU, key)!r} but this run has {value!r}; run it as before"
    )
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        load_state(path, belongs_to("mark", replace(CPU, **changes)))
    assert "\n" not in str(caught.value)


def test_a_state_of_another_job_is_refused_by_name(tmp_path):
    path = tmp_path / "state.safetensors"
    save_state(path, TENSORS, {}, belongs_to("mark", CPU))
    with pytest.raises(UserError, match="the state was saved with fingerprint 'mark' but this run has 'other'"):
        load_state(path, belongs_to("other", CPU))


def test_another_processor_of_the_same_kind_goes_on(monkeypatch):
    """Nodes of a cluster differ, and a job may be started again on any of them."""
    here = belongs_to("mark", CPU)
    monkeypatch.setattr(device, "_cpu_name", lambda: "another processor")
    assert belongs_to("mark", CPU) == here
