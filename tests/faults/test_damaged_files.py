"""States and inputs that are cut off or of which a bit is flipped: found, and never taken for good ones."""

from __future__ import annotations

import pytest

from tests.faults.conftest import KINDS
from tests.faults.processes import kill_when_saved


def damage(path, chance):
    """Cut a file off, or flip a bit of it, anywhere."""
    content = bytearray(path.read_bytes())
    how = chance.choice(["cut off", "bit flipped"])
    print(f"{path.name}: {how}")
    if how == "cut off":
        content = content[: chance.randrange(len(content))]
    else:
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


@pytest.mark.parametrize("kind", KINDS)
def test_a_job_goes_on_without_a_damaged_state(kind, job, undisturbed, chance):
    whole, _ = undisturbed(kind, job)
    work = job(kind)
    states = kill_when_saved(work, chance)
    for path in states:
        damage(path, chance)
    assert work.run() == 0, work.said()
    assert (work.made(), work.rest()) == (whole, [])
    print(f"{kind}: {len(states)} states; said to be damaged: {work.said().count('the saved state is damaged')}")


@pytest.mark.parametrize("input_", ["images.safetensors", "files.csv", "model.safetensors"])
def test_a_job_refuses_a_damaged_input(input_, job, chance):
    work = job("later-start")
    [path] = work.folder.rglob(input_)
    good = path.read_bytes()
    damage(path, chance)
    assert work.run() == 2, work.said()
    [line] = work.said().splitlines()
    name = path.relative_to(work.folder)
    assert line.startswith(f"drl: {name}: is not as it was made, "), line
    assert line.endswith("run `drl verify . --remove`, or remove it, and run the same command again"), line
    assert work.rest() == []
    path.write_bytes(good)
    assert work.run() == 0, work.said()


def test_a_job_takes_no_damaged_copy_of_what_it_had_finished(job, undisturbed, chance):
    """What a finished job keeps for a Snakemake that was killed may be damaged as well."""
    whole, _ = undisturbed("later-start", job)
    work = job("later-start")
    work.environment["DRL_ORDERED"] = "1"
    assert work.run() == 0, work.said()
    # As Snakemake does with all that the rule names, the card among it: what it keeps are links to the same content.
    for name in (*work.files, f"{work.files[0]}.json"):
        (work.folder / name).unlink()
    kept = sorted(work.states.glob("*/finished/*"))
    assert len(kept) == 3
    damage(chance.choice(kept), chance)
    assert work.run() == 0, work.said()
    assert work.made() == whole


@pytest.mark.parametrize(("key", "value"), [("threads", 2), ("precision", "bf16"), ("torch", "0.0")])
def test_a_state_of_other_threads_precision_or_versions_is_refused(key, value, job, undisturbed, chance):
    whole, _ = undisturbed("pretrain", job)
    work = job("pretrain")
    kill_when_saved(work, chance)
    [state] = work.states.glob("*/state.safetensors")
    as_saved = state.read_bytes()
    change_owner(state, key, value)
    assert work.run() == 2
    [line] = [line for line in work.said().splitlines() if line.startswith("drl: ")]
    assert "the state was saved with " in line
    assert line.endswith(f"run it as before, or remove {state.parent.relative_to(work.folder)} to start again"), line
    state.write_bytes(as_saved)
    assert work.run() == 0, work.said()
    assert (work.made(), work.rest()) == (whole, [])


def change_owner(path, key, value):
    """Save a state as another placement or another version of torch would have saved it."""
    from drl.training.state import _read, save_state

    tensors, facts, owner = _read(path)
    owner = owner | {"versions": owner["versions"] | {key: value}} if key == "torch" else owner | {key: value}
    path.unlink()
    save_state(path, tensors, facts, owner)
