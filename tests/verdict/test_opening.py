import base64
import json
import re
from html import unescape
from urllib.parse import unquote

import pytest
from docutils.core import publish_parts

from drl.verdict.opening import MOST_BYTES, link, opens, picture


def html(text):
    return publish_parts(text, writer="html", settings_overrides={"halt_level": 2})["body"]


def test_a_figure_opens_with_its_picture_and_a_table_with_its_text():
    assert opens("results/demo/figures/figure_4.svg") == (
        "javascript:app.setView({navbarMode:'resultinfo',resultPath:%22results/demo/figures/figure_4.svg%22,"
        "content:'img',contentPath:results[%22results/demo/figures/figure_4.svg%22].data_uri})"
    )
    assert opens("a/few_shot.csv") == "javascript:app.showResultInfo(%22a/few_shot.csv%22)"


@pytest.mark.parametrize("path", ["a b/<x>.csv", "it's\"_.csv", "100%/`x`_.csv", "a\\b.csv", "猫.csv"])
def test_any_path_reaches_the_browser_as_it_is(path):
    """A browser undoes the percent signs before it runs the rest."""
    page = html(f"see {link('*name*', path)}.")
    (address,) = re.findall('href="([^"]+)"', page)
    called = re.fullmatch(r"javascript:app\.showResultInfo\((.*)\)", unquote(unescape(address)))
    assert json.loads(called[1]) == path
    assert ">*name*</a>." in page


def test_a_picture_stands_on_the_page_whole_and_opens_on_a_click(tmp_path):
    file = tmp_path / "figure_4.svg"
    data = f"<svg xmlns='http://www.w3.org/2000/svg'><!-- {'x' * 30_000} --></svg>".encode()
    file.write_bytes(data)
    page = html("\n".join(picture(str(file), "a | `figure`_")))
    (found,) = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', page)
    assert base64.b64decode(found) == data
    assert 'alt="a | `figure`_"' in page
    assert re.search(r'<a [^>]*href="javascript:app\.setView', page)


@pytest.mark.parametrize("data", [b"", bytes(MOST_BYTES + 1)])
def test_an_empty_or_large_picture_is_left_out(tmp_path, data):
    (tmp_path / "figure_4.png").write_bytes(data)
    assert list(picture(str(tmp_path / "figure_4.png"), "x")) == []
    assert list(picture(str(tmp_path / "missing.svg"), "x")) == []
