import re
from pathlib import Path

import pytest
from docutils.core import publish_parts

from drl.errors import UserError
from drl.pipeline.configuration import resolve
from drl.pipeline.own_study import PARTS
from drl.reporting.table import Sheet
from drl.verdict.study_page import study_page

FOLDER = Path("results/demo/study/digits")
FILES = [str(FOLDER / name) for name in ("probe_curve.svg", "few_shot.csv", "silhouettes.svg", "latent_scatter.svg")]
PICTURE = b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>"


@pytest.fixture(scope="module")
def config():
    return resolve("demo", sets=["dataset=digits", "seeds=[3,5]", "studies.study.recipes=[ae,drl]"])


@pytest.fixture
def made(tmp_path, monkeypatch):
    """A folder with the files of a study."""
    monkeypatch.chdir(tmp_path)
    FOLDER.mkdir(parents=True)
    for name in FILES:
        Path(name).write_bytes(PICTURE)
    (FOLDER / "few_shot.md").write_text(Sheet("caption", ["recipe", "labels"], [["DRL", "40"]]).markdown())
    return tmp_path


def html(text):
    return publish_parts(text, writer="html", settings_overrides={"halt_level": 2})["html_body"]


def test_the_page_names_all_parts(config):
    page = study_page(config, "digits")
    assert page.startswith("Study of Digits\n===============\n")
    assert all(part.shows in page for part in PARTS.values())
    assert "``ae``, ``drl``" in page
    assert "2 times each" in page
    assert "javascript" not in page, "a link leads to a file that is not in the report"


def test_each_part_is_a_link_and_stands_on_the_page(made, config):
    page = html(study_page(config, "digits", FILES))
    assert re.findall(r'href="javascript:app[^"]*%22([^"]+?)%22[^"]*">(?![\s<])', page) == FILES
    assert len(re.findall(r'<img [^>]*src="data:image/svg\+xml;base64,', page)) == 3
    assert re.findall("<h1>(.*?)</h1>", page) == ["Probe curve", "Few shot", "Silhouettes", "Latent scatter"]
    assert re.search(r"<td>DRL</td>\s*<td>40</td>", page)


def test_only_parts_in_the_report_are_shown(made, config):
    page = html(study_page(config, "digits", FILES[:1]))
    assert page.count("<img") == 1
    assert "<td>40</td>" not in page


def test_a_damaged_table_is_one_line(made, config):
    (FOLDER / "few_shot.md").write_text("nothing")
    with pytest.raises(UserError, match=r"few_shot.md: is not a table as drl table writes it"):
        study_page(config, "digits", FILES)
