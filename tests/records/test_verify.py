"""What `drl verify --remove` removes, and what it leaves."""

import json

import pytest

from drl.errors import UserError
from drl.records.run_card import write_card
from drl.records.verify import remove_damaged


@pytest.fixture
def results(tmp_path):
    """Four results of two files each, with cards."""
    for name in "abcd":
        folder = tmp_path / "metrics" / name
        folder.mkdir(parents=True)
        files = [folder / "x.csv", folder / "x.png"]
        for path in files:
            path.write_text(name)
        write_card("probe", files, {}, "code")
    return tmp_path


def names(results):
    return sorted(
        str(path.relative_to(results)).removeprefix("metrics/") for path in results.rglob("*") if path.is_file()
    )


def test_whole_results_stay(results):
    before = names(results)
    assert remove_damaged(results) == []
    assert names(results) == before


def test_a_changed_file_goes_with_all_of_its_card(results):
    (results / "metrics" / "b" / "x.png").write_text("edited")
    removed = remove_damaged(results)
    assert [path.name for path in removed] == ["x.csv", "x.png", "x.csv.json"]
    assert {name[0] for name in names(results)} == set("acd")


def test_of_a_damaged_card_the_file_goes_that_it_is_named_after(results):
    card = results / "metrics" / "c" / "x.csv.json"
    card.write_text(card.read_text()[:20])
    assert [path.name for path in remove_damaged(results)] == ["x.csv", "x.csv.json"]
    assert "c/x.png" in names(results)


def test_what_is_only_outdated_missing_or_unknown_stays(results):
    folder = results / "metrics" / "d"
    (folder / "x.png").unlink()
    card = json.loads((folder / "x.csv.json").read_text())
    (folder / "x.csv.json").write_text(json.dumps(card | {"code": "old", "inputs": {"gone.csv": "0"}}))
    (folder / "notes.json").write_text("not JSON")
    (folder / "own.csv").write_text("own")
    (results / ".state" / "mark").mkdir(parents=True)
    (results / ".state" / "mark" / "y.csv.json").write_text("{")
    before = names(results)
    assert remove_damaged(results) == []
    assert names(results) == before


def test_a_folder_without_cards_is_named(tmp_path):
    with pytest.raises(UserError, match="holds no run cards"):
        remove_damaged(tmp_path)
