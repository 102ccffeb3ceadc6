"""The report as a reader opens it, offline: its first page, every item, no error in the browser's console."""

import json
import os
import re
from contextlib import contextmanager

import pytest

from drl.config.items import item_kind
from drl.pipeline.items import section_of
from drl.verdict.claims.registry import CLAIMS
from tests.job_settings import CONFIG, ITEMS
from tests.report.conftest import SLICE, report_of

expect = pytest.importorskip("playwright.sync_api", reason="playwright, of the dev extra, opens the report").expect
WHOLE = "DRL_REPORT" in os.environ
SHOWN = list(ITEMS) if WHOLE else SLICE
TITLE = "The verdict" if WHOLE else "Figure 6, Table 2"
MEGABYTES = 20


@pytest.fixture
def opened(chromium, report):
    """The page, what went wrong in it, and what it asked the network for."""
    with opened_at(chromium, report, TITLE) as page:
        yield page


@contextmanager
def opened_at(chromium, report, title):
    context = chromium.new_context(viewport={"width": 1500, "height": 950}, offline=True)
    page = context.new_page()
    page.wrong, page.asked = [], []
    page.on("pageerror", lambda error: page.wrong.append(str(error)))
    page.on("console", lambda message: page.wrong.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: page.asked.append(request.url))
    page.goto(report.as_uri())
    expect(page.get_by_role("heading", name=title)).to_be_visible()
    yield page
    context.close()


def results(page) -> dict[str, dict]:
    return page.evaluate("results")


def test_it_opens_on_the_verdict_or_on_its_items(opened):
    expect(opened.get_by_role("heading", name=TITLE)).to_be_in_viewport()
    expect(opened.get_by_text("Machinery check, not evidence").first).to_be_in_viewport()
    claims = (
        content(opened).locator("table", has_text="holds in the paper's own tables").first.locator("tr").count() - 1
    )
    items = set(SHOWN)
    assert claims == sum(WHOLE or bool(items & {*claim.items}) for claim in CLAIMS.values())
    assert not opened.wrong


@pytest.mark.parametrize("item", SHOWN)
def test_a_link_of_the_first_page_shows_an_item_and_the_house_leads_back(opened, item):
    name = item.replace("_", " ").capitalize()
    content(opened).get_by_role("link", name=name, exact=True).click()
    menu = opened.get_by_role("navigation").first
    expect(menu.locator(".prose").first).to_contain_text("Run card:")
    expect(menu.locator(".prose").first).to_contain_text(name)
    if item_kind(item) != "table":
        picture = content(opened).locator("img")
        picture.evaluate("image => image.decode()")
        assert picture.evaluate("image => image.naturalWidth") > 100
    menu.locator("a", has=opened.locator("svg")).nth(1).click()
    expect(opened.get_by_role("heading", name=TITLE)).to_be_visible()
    assert not opened.wrong


@pytest.mark.parametrize("width", [1280, 420])
@pytest.mark.skipif(WHOLE, reason="the slice is tested without DRL_REPORT")
def test_a_report_of_one_figure_opens_on_it(chromium, part, width):
    item, shows = "figure_6", ITEMS["figure_6"].shows
    with opened_at(chromium, report_of(part, item), f"Figure 6: {shows}") as page:
        page.set_viewport_size({"width": width, "height": 850})
        picture = content(page).locator("img")
        picture.evaluate("image => image.decode()")
        expect(picture).to_be_in_viewport(ratio=0.4)
        place, room = picture.bounding_box(), content(page).bounding_box()
        assert room["x"] <= place["x"]
        assert place["x"] + place["width"] <= room["x"] + room["width"]
        others = sum(item not in claim.items for claim in CLAIMS.values())
        expect(content(page)).to_contain_text(f"{others} claims concern items that are not in this report")
        picture.click()
        expect(page.get_by_role("navigation").first.locator(".prose").first).to_contain_text("Run card:")
        assert not page.wrong
        assert [url for url in page.asked if not re.match("file:|data:|blob:", url)] == []


def test_it_is_small_and_needs_no_network(opened, report):
    assert report.stat().st_size < MEGABYTES * 2**20
    assert [url for url in opened.asked if not re.match("file:|data:|blob:", url)] == []


def test_every_item_is_in_it(opened):
    names = {os.path.basename(path) for path in results(opened)}
    for item in SHOWN:
        file = f"{item}.csv" if item_kind(item) == "table" else f"{item}.svg"
        assert {file, f"{file}.json"} <= names
    if WHOLE:
        assert {"comparison.csv", "claims.csv"} <= names
        assert len([item for item in SHOWN if item_kind(item) in ("figure", "table")]) == 18


@pytest.mark.parametrize("item", SHOWN)
def test_every_item_opens_with_its_caption(opened, item):
    menu = opened.get_by_role("navigation")
    menu.get_by_text(section_of(CONFIG, item), exact=True).click()
    title = f"{item.replace('_', ' ').capitalize()}: {ITEMS[item].shows}"
    row = menu.locator("tr", has_text=title).last
    row.locator("a").last.click()
    caption = menu.locator(".prose").first
    for part in ("Scale demo", "Cost:", "Run card:", "Published:"):
        expect(caption).to_contain_text(part)
    expect(caption.get_by_role("link", name=f"{item}.", exact=False)).to_have_count(1)
    if item_kind(item) == "table":
        # Every printed number of the paper, beside ours.
        expect(caption.locator("table").last).to_contain_text("CIFAR-10")
    else:
        menu.locator("a").filter(has=opened.locator("svg")).last.scroll_into_view_if_needed()
    assert not opened.wrong


def content(page):
    return page.locator("#app > .flex-row > .grow")


def show_figure(page):
    """Show a figure with its caption beside it, as its button does."""
    path = next(path for path in results(page) if path.endswith(".svg"))
    view = "path => app.setView({navbarMode: 'resultinfo', resultPath: path, content: 'img', contentPath: %s})"
    page.evaluate(view % "results[path].data_uri", path)
    picture = content(page).locator("img")
    picture.evaluate("image => image.decode()")
    # The page slides into its new layout: places are asked for once it stands still.
    page.evaluate("() => Promise.all(document.getAnimations().map(animation => animation.finished.catch(() => null)))")
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return picture


@pytest.mark.parametrize("width", [1280, 420])
def test_the_answer_comes_before_the_rule_graph_and_no_text_is_cut_off(opened, width):
    opened.set_viewport_size({"width": width, "height": 850})
    graph, text = opened.locator("#app #rulegraph"), opened.locator(".prose").first
    assert graph.bounding_box()["y"] > text.bounding_box()["y"] + text.bounding_box()["height"] - 1
    expect(opened.get_by_role("heading", name=TITLE)).to_be_in_viewport(ratio=1)
    place = content(opened).bounding_box()
    assert place["x"] >= 0
    assert place["x"] + place["width"] <= width + 1
    inside = text.bounding_box()
    assert inside["x"] + inside["width"] <= width + 1
    assert content(opened).evaluate("part => part.scrollWidth <= part.clientWidth + 1")
    # The menu leaves most of the window to it.
    assert place["width"] * place["height"] > 0.55 * width * 850


@pytest.mark.parametrize("width", [1280, 420])
def test_a_picture_fills_the_width_and_a_click_enlarges_it(opened, width):
    opened.set_viewport_size({"width": width, "height": 850})
    picture, room = show_figure(opened), content(opened).bounding_box()["width"]
    small = picture.bounding_box()["width"]
    assert 0.9 * room < small <= room
    picture.click()
    large = picture.bounding_box()
    assert large["width"] > 2 * small
    assert large["x"] >= content(opened).bounding_box()["x"]  # its left edge can be reached
    opened.mouse.move(3, 845 if width < 800 else 3)
    opened.wait_for_timeout(200)
    # A scroll bar may come and go.
    assert picture.bounding_box()["width"] == pytest.approx(small, rel=0.03)
    assert not opened.wrong


def test_on_a_narrow_screen_the_caption_lies_below_the_picture(opened):
    opened.set_viewport_size({"width": 420, "height": 850})
    picture, menu = show_figure(opened), opened.locator("#app > .flex-row > nav")
    place = content(opened).bounding_box()
    assert menu.bounding_box()["y"] >= place["y"] + place["height"] - 1
    assert menu.bounding_box()["width"] == pytest.approx(420, abs=1)
    expect(menu.get_by_text("Scale demo").first).to_be_attached()
    expect(picture).to_be_in_viewport()


def test_every_picture_loads(opened):
    pictures = {path: entry for path, entry in results(opened).items() if path.endswith((".svg", ".png"))}
    assert pictures
    for path, entry in pictures.items():
        width = opened.evaluate(
            """async uri => {
                const image = new Image();
                image.src = uri;
                await image.decode();
                return image.naturalWidth;
            }""",
            entry["data_uri"],
        )
        assert width > 100, path
    assert not opened.wrong


def test_run_cards_are_whole(opened):
    cards = {path: entry for path, entry in results(opened).items() if path.endswith(".json")}
    for path, entry in cards.items():
        text = opened.evaluate("async uri => await (await fetch(uri)).text()", entry["data_uri"])
        assert json.loads(text)["command"] in ("figure", "table"), path
