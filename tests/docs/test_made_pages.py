"""Pages that are made from the code are what the code makes."""

import re
import xml.etree.ElementTree as ET

import pytest

from drl.config.base import Settings
from drl.config.items import item_kind
from drl.config.recipes import Recipe
from drl.config.schema import Config
from drl.docs import gallery, write
from drl.docs.deviations import deviations, value
from drl.errors import UserError
from drl.pipeline.configuration import resolve
from tests.docs.conftest import DOCS
from tests.job_settings import ITEMS


@pytest.fixture(scope="module")
def paper():
    return resolve("paper")


@pytest.fixture(scope="module")
def known():
    return deviations()


@pytest.mark.parametrize("name", write.PAGES)
def test_page_is_what_the_code_makes(name):
    found, made = (DOCS / name).read_text(), write.PAGES[name]()
    if name.endswith(".svg"):
        # Places depend on the machine's fonts, so the titles are compared: `a` for a node, `a->b` for an edge.
        found, made = (sorted(re.findall("<title>.*?</title>", text, flags=re.S)) for text in (found, made))
    assert found == made, "run: python -m drl.docs"


def test_every_setting_of_a_deviation_is_that_of_scale_paper(paper, known):
    for name, one in known.items():
        for path, setting in one.settings.items():
            assert value(paper, path) == setting, f"{name}: {path}"


def test_a_key_that_is_not_there_is_named(paper):
    with pytest.raises(UserError, match=r"no key studies\.probe\.epoch in"):
        value(paper, "studies.probe.epoch")


def test_titles_differ_because_they_are_linked_to(known):
    titles = [one.title for one in known.values()]
    assert len(set(titles)) == len(titles)


def test_what_departs_from_the_paper_names_the_paper_or_the_code(known):
    for name, one in known.items():
        if one.kind in ("departs", "keeps"):
            assert one.paper or one.code, name
        if one.kind == "keeps":
            assert one.paper, name


def test_every_item_of_the_paper_has_decisions_of_its_own(known):
    for item in ITEMS:
        if item_kind(item) != "diagnostic":
            assert any(item in one.items and not one.general for one in known.values()), item


def test_a_mistake_in_the_file_is_one_line(tmp_path):
    file = tmp_path / "deviations.yaml"
    entry = "{title: T, kind: open, items: [%s], here: h, why: w}"
    file.write_text("groups: {}\ndeviations:\n  one: " + entry % "figure_44")
    with pytest.raises(UserError, match="one: unknown item 'figure_44'; did you mean 'figure_4'"):
        deviations(file)
    file.write_text("groups: {}\ndeviations:\n  one: " + (entry % "figure_4").replace("open", "shut"))
    with pytest.raises(UserError, match=r"deviations\.one\.kind"):
        deviations(file)


def models_below(model: type[Settings]) -> set[type[Settings]]:
    """Return all settings classes that are subclasses of Settings and used in a model, by pydantic's own schema."""
    names = set(model.model_json_schema().get("$defs", {}))
    return {cls for cls in every_subclass(Settings) if cls.__name__ in names}


def every_subclass(cls):
    for sub in cls.__subclasses__():
        yield sub
        yield from every_subclass(sub)


def test_the_reference_has_every_key_of_every_model():
    text = (DOCS / "configuration.md").read_text()
    sections = re.split(r"^## ", text, flags=re.M)[1:]
    rows = [set(re.findall(r"^\| `(\w+)` \|", section, flags=re.M)) for section in sections]
    for model in {Config, Recipe} | models_below(Config) | models_below(Recipe):
        keys = set(model.model_fields) - {"kind"}
        assert any(keys == row - {"kind"} for row in rows), f"{model.__name__}: no section has just its keys"


def test_every_item_has_a_section_with_its_command():
    text = (DOCS / "items.md").read_text()
    for item in ITEMS:
        assert f"\n## {item.replace('_', ' ').capitalize()}\n" in text
        assert f"\nsnakemake {item} --config scale=paper\n" in text


def test_the_picture_of_the_rules_is_well_formed_and_shows_every_item():
    picture = ET.parse(DOCS / "rule_graph.svg")
    words = " ".join(element.text or "" for element in picture.iter("{http://www.w3.org/2000/svg}text"))
    for item in ITEMS:
        assert (item.rpartition("_")[2] if item[-1].isdigit() else item.replace("_", " ").capitalize()) in words


def test_the_gallery_has_every_item_with_its_command_and_each_result_that_there_is():
    page = gallery.page(DOCS)
    assert re.findall(r"^snakemake (\w+) --config scale=lite$", page, flags=re.M) == list(ITEMS)
    sections = dict(zip(ITEMS, page.split("\n## ")[1:], strict=True))
    for item, section in sections.items():
        new = [
            DOCS / gallery.RESULTS / folder / f"{item}{suffix}"
            for folder, suffix in (("figures", ".png"), ("tables", ".md"))
        ]
        earlier = [DOCS / gallery.EARLIER / f"{item}{suffix}" for suffix in (".png", ".md")]
        there = [path for path in (*new, *earlier) if path.is_file()]
        assert (gallery.MISSING in section) == (not there)
        if there and there[0].suffix == ".png":
            assert re.findall(r"!\[[^]]*\]\((.*?)\)", section) == [there[0].relative_to(DOCS).as_posix()]
        elif there:
            assert there[0].read_text() in section
        assert ("Earlier: " in section) == (bool(there) and there[0] in earlier)


def test_new_results_come_before_earlier_ones(tmp_path):
    for folder, name, card in (
        ("results/mnist5k", "figure_4", "cards/figure-figure_4"),
        ("results/lite/figures", "figure_4", "figure_4.svg"),
    ):
        (tmp_path / folder / "cards").mkdir(parents=True)
        (tmp_path / folder / f"{name}.png").touch()
        (tmp_path / folder / f"{card}.json").write_text('{"settings": {"datasets": [["digits", "Digits"]]}}')
        page = gallery.page(tmp_path)
        assert f"![Figure 4 at scale lite]({folder}/figure_4.png)" in page
        assert f"[run card]({folder}/{card}.json), [numbers]({folder}/figure_4.csv)" in page
        assert ("Earlier: Digits; " in page) == (folder == "results/mnist5k")


def test_a_picture_without_its_card_is_one_line(tmp_path):
    (tmp_path / gallery.EARLIER).mkdir(parents=True)
    (tmp_path / gallery.EARLIER / "figure_4.png").touch()
    with pytest.raises(UserError, match=r"figure_4\.png: has no run card figure-figure_4\.json"):
        gallery.page(tmp_path)
