"""The book of rates: what is kept, and for which device."""

import pytest

from drl.costs.book import Book, Device

DEVICE = Device("a processor", "cpu", "2.13.0", 2, "auto", "auto")


def test_a_book_is_read_again(tmp_path):
    Book(tmp_path / "rates.json").put(0.25, DEVICE.key, "train", "small")
    book = Book(tmp_path / "rates.json")
    assert book.get(DEVICE.key, "train", "small") == 0.25
    assert book.get(DEVICE.key, "train", "large") is None


def test_what_is_noted_is_not_counted_again(tmp_path):
    book = Book(tmp_path / "rates.json")
    assert [book.get_or_put(lambda: 2.0, "a"), book.get_or_put(lambda: 3.0, "a")] == [2.0, 2.0]
    assert Book(tmp_path / "rates.json").get("a") == 2.0


@pytest.mark.parametrize("change", [{"name": "b"}, {"threads": 1}, {"torch": "2.12"}, {"precision": "fp32"}])
def test_rates_of_another_device_are_not_taken(change):
    assert Device(**{**vars(DEVICE), **change}).key != DEVICE.key


@pytest.mark.parametrize(
    "text",
    ["", "\0\0", '{"format": 1, "entries": {"a": 1}}', '{"format": 2, "entries": {"a": "x"}}'],
)
def test_a_damaged_book_is_begun_anew(tmp_path, text):
    (tmp_path / "rates.json").write_text(text)
    book = Book(tmp_path / "rates.json")
    assert book.entries == {}
    book.put(1.0, "a")
    assert Book(tmp_path / "rates.json").get("a") == 1.0


@pytest.mark.parametrize("text", ['{"EUR": 1}', "{", "[]", '{"format": 2}', "1 EUR = 1.1 USD"])
def test_a_file_of_somebody_else_is_not_written_over(tmp_path, text, capsys):
    (tmp_path / "rates.json").write_text(text)
    book = Book(tmp_path / "rates.json")
    assert [book.put(1.0, "a"), book.put(2.0, "b"), book.get("a")] == [1.0, 2.0, 1.0]
    assert (tmp_path / "rates.json").read_text() == text
    said = capsys.readouterr().err
    assert said.startswith("drl: rates are not kept (")
    assert said.count("\n") == 1
    assert "rates.json: holds something else than drl writes there; move it elsewhere" in said


def test_two_writers_lose_nothing(tmp_path):
    first, second = (Book(tmp_path / "rates.json") for _ in range(2))
    first.put(1.0, "a")
    second.put(2.0, "b")
    assert Book(tmp_path / "rates.json").entries == {"a": 1.0, "b": 2.0}
