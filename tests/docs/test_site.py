"""The site builds without a warning, and every link in it leads somewhere."""

import subprocess
import sys
from html.parser import HTMLParser
from urllib.parse import unquote, urldefrag

import pytest

from tests.docs.conftest import DOCS, PAGES

SOURCES = ("href", "src")


class Page(HTMLParser):
    """What a page links to, and what can be linked to in it."""

    def __init__(self, text):
        super().__init__()
        self.links, self.anchors = [], set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        known = dict(attributes)
        self.links += [known[key] for key in SOURCES if known.get(key)]
        self.anchors |= {known[key] for key in ("id", "name") if known.get(key)}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-n", "-q", "-b", "html", str(DOCS), str(out)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert not run.stderr
    return out


def test_every_page_is_there(site):
    for page in PAGES:
        assert (site / page.relative_to(DOCS)).with_suffix(".html").is_file()


def test_every_link_leads_somewhere(site):
    pages = {path: Page(path.read_text()) for path in site.rglob("*.html")}
    assert len(pages) >= len(PAGES)
    broken = []
    for path, page in pages.items():
        for link in page.links:
            if link.startswith(("http:", "https:", "mailto:", "data:")):
                continue
            place, anchor = urldefrag(link)
            target = (path.parent / unquote(place.partition("?")[0])).resolve() if place else path
            known = anchor in ("", "top") or target.suffix != ".html" or unquote(anchor) in pages[target].anchors
            if not target.exists() or not known:
                broken.append(f"{path.relative_to(site)}: {link}")
    assert not broken, "\n".join(broken)


def test_a_reader_without_a_network_sees_all_of_it(site):
    for path in site.rglob("*.html"):
        fetched = [
            link for link in Page(path.read_text()).links if link.startswith("http") and link.endswith((".js", ".css"))
        ]
        assert not fetched, path
