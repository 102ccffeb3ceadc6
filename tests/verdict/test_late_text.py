from pathlib import Path

import pytest

from drl.errors import UserError
from drl.verdict.late_text import LateText

calls = []


def written(*arguments):
    calls.append(arguments)
    return f"text {len(calls)}"


def test_a_text_is_written_when_it_is_printed_and_not_before():
    calls.clear()
    text = LateText(__name__, "written", "figure_4", Path("results/demo"), {"not": "plain"})
    assert repr(text) == "written('figure_4', 'results/demo')"
    assert calls == []
    assert (str(text), str(text)) == ("text 1", "text 2")
    assert calls[0] == ("figure_4", Path("results/demo"), {"not": "plain"})
    assert repr(text) == "written('figure_4', 'results/demo')"


def test_nothing_is_imported_before():
    text = LateText("drl.no_such_module", "written")
    assert repr(text) == "written()"
    with pytest.raises(ModuleNotFoundError):
        str(text)


def broken():
    raise UserError("claims.csv: is odd; run drl claims again")


def test_a_file_that_is_not_ours_is_one_line_and_not_snakemakes_error(capsys):
    with pytest.raises(SystemExit) as raised:
        str(LateText(__name__, "broken"))
    assert raised.value.code == 2
    assert capsys.readouterr().err == "drl: claims.csv: is odd; run drl claims again\n"
