import json

import pytest

from drl.errors import UserError
from drl.files import sha256
from drl.records.inputs import check_inputs
from drl.records.run_card import write_card


@pytest.fixture
def made(tmp_path):
    """Two files of one job, in a folder of results."""
    folder = tmp_path / "results" / "demo" / "metrics" / "probe"
    folder.mkdir(parents=True)
    files = [folder / "seed0.csv", folder / "seed0.png"]
    for path in files:
        path.write_text(path.name)
    write_card("probe", files, {}, "code")
    return files


def test_whole_files_are_hashed_and_those_without_a_card_taken(made, tmp_path):
    own = tmp_path / "own.safetensors"
    own.write_text("mine")
    assert check_inputs([*made, own, tmp_path / "none"]) == {path: sha256(path) for path in (*made, own)}


@pytest.mark.parametrize("which", [0, 1])
def test_each_file_of_a_card_is_checked(made, tmp_path, which):
    made[which].write_text("edited")
    message = (
        f"{made[which]}: is not as it was made, seed0.csv.json says; run `drl verify {tmp_path / 'results' / 'demo'} "
        "--remove`, or remove it, and run the same command again"
    )
    with pytest.raises(UserError) as caught:
        check_inputs(made)
    assert str(caught.value) == message
    assert check_inputs([made[1 - which]])


def test_a_damaged_card_is_no_missing_card(made):
    card = made[0].parent / "seed0.csv.json"
    card.write_text(card.read_text()[:-9])
    with pytest.raises(
        UserError, match=r"the run card of seed0\.csv is damaged; run `drl verify .* --remove`, or remove"
    ):
        check_inputs(made)


def test_other_peoples_json_is_none_of_our_business(made):
    for name, text in (("notes.json", "{"), ("list.json", "[1]"), ("seed0.png.json", json.dumps({"outputs": 3}))):
        (made[0].parent / name).write_text(text)
    assert len(check_inputs(made)) == 2


def test_digests_that_are_known_are_not_made_again(made, tmp_path):
    card = write_card("figure", [made[0]], {}, "code", inputs={made[1]: "known"})
    assert json.loads(card.read_text())["inputs"] == {"seed0.png": "known"}
